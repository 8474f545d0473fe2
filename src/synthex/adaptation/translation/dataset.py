"""Simulated and real radiographs side by side, without anything in common."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from synthex.adaptation.translation.pixels import scaled
from synthex.core import ConfigError, Reader, derive_rng
from synthex.data import preprocess
from synthex.data.preprocess import Normalization


class UnpairedDataset(Dataset[dict[str, Any]]):
    """Item ``i`` is simulated image ``i`` and a real one drawn for it; a pure function of ``i``.

    Real images are dealt in random order, each once before any comes again, and kept in memory after their first
    use (a training fold has hundreds of them, at the size of the network). No image is mirrored or turned: in a
    radiograph left and right mean something, and the simulation has its own poses.

    Args:
        simulated: Where simulated images come from.
        real: Where real ones come from; their labels are not looked at.
        size: Pixels of both along their longer side.
        normalization: See :func:`synthex.data.preprocess.preprocess`.
        crop: Side of the square that is cut out of both, at random places; None for the whole images.
        seed: Run seed.

    Raises:
        ConfigError: There is no image on one side, or the crop is larger than the images or no multiple of 4.
    """

    def __init__(
        self,
        simulated: Reader,
        real: Reader,
        size: int,
        normalization: Normalization = "zscore",
        crop: int | None = None,
        seed: int = 0,
    ) -> None:
        if len(real) == 0 or len(simulated) == 0:
            raise ConfigError(f"there is no {'real' if len(real) == 0 else 'simulated'} image to learn from")
        side = size if crop is None else crop
        if side > size or side % 4:
            name = f"data.size={size}" if crop is None else f"cyclegan.crop={crop}"
            raise ConfigError(f"{name}: give a multiple of 4{'' if crop is None else f' up to data.size={size}'}")
        self.simulated, self.real, self.size, self.normalization = simulated, real, size, normalization
        self.crop, self.seed = crop, seed
        self._kept: dict[int, torch.Tensor] = {}

    def __len__(self) -> int:
        return len(self.simulated)

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = derive_rng(self.seed, "unpaired", index)
        tensors, _ = preprocess(self.simulated[index % len(self.simulated)], self.size, self.normalization)
        real = self.real_image(self.real_index(index))
        image, masks = scaled(tensors["image"], self.normalization), tensors["masks"]
        if self.crop is not None:
            rows, columns = self._window(rng)
            image, masks = image[:, rows, columns], masks[:, rows, columns]
            rows, columns = self._window(rng)
            real = real[:, rows, columns]
        return {"image": image, "masks": masks, "real": real, "index": index}

    def real_index(self, index: int) -> int:
        """Which real image goes with item ``index``."""
        pass_, place = divmod(index, len(self.real))
        return int(derive_rng(self.seed, "real", pass_).permutation(len(self.real))[place])

    def real_image(self, number: int) -> torch.Tensor:
        """Values of a real image, (1, size, size)."""
        if number not in self._kept:
            tensors, _ = preprocess(self.real[number], self.size, self.normalization)
            self._kept[number] = scaled(tensors["image"], self.normalization)
        return self._kept[number]

    def _window(self, rng: np.random.Generator) -> tuple[slice, slice]:
        side = self.size if self.crop is None else self.crop
        top, left = rng.integers(0, self.size - side + 1, size=2)
        return slice(int(top), int(top) + side), slice(int(left), int(left) + side)
