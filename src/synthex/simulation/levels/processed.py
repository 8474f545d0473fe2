"""A level with another look: intensity curve, blur and noise over whatever another level makes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from scipy.ndimage import gaussian_filter

from synthex.core import Camera, Rendering, Scene, Simulator
from synthex.core.arrays import Image
from synthex.simulation.draws import Limits, Parameters, Setting, image_key


@dataclass(frozen=True)
class Processed(Parameters):
    """A made-up domain with known truth; a :class:`synthex.core.Simulator`.

    The same scenes, cameras and targets as ``simulator`` alone, and pixels that went through, in this order: a power
    of the image on [0, 1], a Gaussian blur, and white Gaussian noise. It stands for a detector and its processing that
    nobody has modelled, so that adaptation can be measured against the truth. All figures are our choice.

    Attributes:
        simulator: Makes the image, and keeps its domain.
        exponent: Of the image scaled to [0, 1] by its own minimum and maximum.
        blur_mm: Standard deviation of the blur at the detector.
        noise: Standard deviation of the noise, as a fraction of the image's range.
    """

    simulator: Simulator
    exponent: Annotated[Setting, Limits(0.05, 20)] = 1.0
    blur_mm: Annotated[Setting, Limits(0, 100, "mm")] = 0.0
    noise: Annotated[Setting, Limits(0, 10)] = 0.0

    @classmethod
    def path(cls) -> str:
        """Where the config has these parameters, for messages."""
        return "simulation"

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene`` and change the look of the image."""
        made = self.simulator(scene, camera, label_ids, rng)
        drawn = self.draw(image_key(rng))
        image = process(
            made.radiograph.image, drawn["exponent"], drawn["blur_mm"] / camera.pixel_mm, drawn["noise"], rng
        )
        record = dict(made.record) | {"processed": drawn}
        return replace(made, radiograph=replace(made.radiograph, image=image), record=record)


def process(
    image: Image, exponent: float | int, blur_px: float | int, noise: float | int, rng: np.random.Generator
) -> Image:
    """The image after curve, blur and noise, in its own range again; a constant image stays as it is."""
    low, high = float(image.min()), float(image.max())
    if high <= low:
        return image.copy()
    unit = gaussian_filter(((image - low) / (high - low)).clip(0, 1) ** exponent, blur_px, mode="nearest")
    unit = unit + noise * rng.standard_normal(image.shape)
    return (low + (high - low) * unit).astype(np.float32)
