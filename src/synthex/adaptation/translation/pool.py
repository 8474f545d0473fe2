"""Earlier translations for the discriminators to learn from, so that they do not run after the last one."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from synthex.core import ConfigError


class ImagePool:
    """The history of translated images of Shrivastava et al. (CVPR 2017), as CycleGAN uses it.

    Until it is full every image is kept and returned. From then on each image is, with a probability of one half,
    swapped for one in the pool, and returned as it is otherwise.

    Args:
        size: Images kept (50 in CycleGAN); 0 returns every image as it is.

    Raises:
        ConfigError: The size is negative.
    """

    def __init__(self, size: int = 50) -> None:
        if size < 0:
            raise ConfigError(f"pool={size}: give a whole number of at least 0")
        self.size = size
        self._images: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._images)

    def exchange(self, images: Float[Tensor, "B C H W"], rng: np.random.Generator) -> Float[Tensor, "B C H W"]:
        """What the discriminator learns from in the place of ``images``; both are without gradients."""
        found = []
        for image in images.detach():
            if len(self._images) < self.size:
                self._images.append(image.clone())
                found.append(image)
            elif self.size and rng.random() < 0.5:
                place = int(rng.integers(self.size))
                found.append(self._images[place].to(image))
                self._images[place] = image.clone()
            else:
                found.append(image)
        return torch.stack(found)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """The images, for checkpoints."""
        return {"images": [image.cpu() for image in self._images]}

    def load_state_dict(self, state: dict[str, list[Tensor]], device: torch.device) -> None:
        """The images of a checkpoint, on a device; no more of them than the pool holds."""
        self._images = [image.to(device) for image in state["images"][: self.size]]
