"""Simulated and real radiographs side by side, without anything in common."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from synthex.adaptation.translation.pixels import check_invertible, scaled
from synthex.core import ConfigError, Reader, Sample, derive_rng
from synthex.data import preprocess
from synthex.data.preprocess import Normalization


class UnpairedDataset(Dataset[dict[str, Any]]):
    """Item ``i`` is simulated image ``i`` and a real one drawn for it; a pure function of ``i``.

    Real images are dealt in random order, each once before any comes again, and kept in memory after their first
    use (a training fold has hundreds of them, at the size of the network). No image is mirrored or turned: in a
    radiograph left and right mean something, and the simulation has its own poses. Of an image that is not square the
    shorter side has ``size`` pixels and a square is cut out at a random place: padding would be learned as part of a
    real image's look.

    Args:
        simulated: Where simulated images come from.
        real: Where real ones come from; their labels are not looked at.
        size: Side of the squares that both become.
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
        check_invertible(normalization)
        self.simulated, self.real, self.size, self.normalization = simulated, real, size, normalization
        self.crop, self.seed = crop, seed
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.simulated)

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = derive_rng(self.seed, "unpaired", index)
        image, masks = self._prepared(self.simulated[index % len(self.simulated)])
        rows, columns = self._window(image, rng)
        real = self.real_image(self.real_index(index))
        real_rows, real_columns = self._window(real, rng)
        return {
            "image": image[:, rows, columns],
            "masks": masks[:, rows, columns],
            "real": real[:, real_rows, real_columns],
            "index": index,
        }

    def real_index(self, index: int) -> int:
        """Which real image goes with item ``index``."""
        round_, place = divmod(index, len(self.real))
        return int(derive_rng(self.seed, "real", round_).permutation(len(self.real))[place])

    def real_image(self, number: int) -> Float[Tensor, "1 H W"]:
        """Values of a real image, whose shorter side is ``size``."""
        if number not in self._kept:
            self._kept[number], _ = self._prepared(self.real[number])
        return self._kept[number]

    def _prepared(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Values (1, H, W) and masks (S, H, W) without padding."""
        height, width = sample.image.shape
        longer = math.ceil(self.size * max(height, width) / min(height, width))
        tensors, where = preprocess(sample, longer, self.normalization)
        rows, columns = where.crop()
        return scaled(tensors["image"][:, rows, columns], self.normalization), tensors["masks"][:, rows, columns]

    def _window(self, image: Tensor, rng: np.random.Generator) -> tuple[slice, slice]:
        side = self.size if self.crop is None else self.crop
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[1:])
        return slice(top, top + side), slice(left, left + side)
