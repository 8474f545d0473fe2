"""Radiographs, samples and predictions: what flows from simulation or a reader to a score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from synthex.core.arrays import Flags, Image, Landmarks2, LevelStack, MaskFlags, MaskStack
from synthex.core.camera import Camera

Domain = Literal["intensity", "log"]
"""``intensity``: detected energy, bone dark. ``log``: minus log of it, a line integral, bone bright."""


@dataclass(frozen=True, eq=False)
class Radiograph:
    """An image and what its values mean.

    Attributes:
        image: Rows by columns, float32.
        domain: ``intensity`` (bone dark) or ``log`` (bone bright).
        camera: The camera that took it.
    """

    image: Image
    domain: Domain
    camera: Camera


@dataclass(frozen=True, eq=False)
class Sample:
    """A radiograph with its ground truth, synthetic or real; one type for both.

    Attributes:
        case_id: Unique in its dataset, safe as a file name, no patient identity.
        subject_id: Splits and confidence intervals are by subject.
        image: H x W float32, native pixels.
        domain: ``intensity`` or ``log``.
        masks: S x H x W bool, one channel a structure (they may overlap).
        landmarks: L x 2 (column, row) in pixels, pixel centres at +0.5; NaN where not visible.
        visible: Landmark lies inside the image.
        annotated: Its presence or absence is known; where False nothing is taught or scored.
        pixel_mm: Pixel pitch at the detector in mm.
        magnification: SDD over source-isocentre distance; 1 where unknown.
        record: JSON values that re-create or trace the sample.
        masks_annotated: S flags: the structure's mask is known, so that an empty one says that the image does not
            show it; where False nothing is taught or scored. All of them unless it is said.
    """

    case_id: str
    subject_id: str
    image: Image
    domain: Domain
    masks: MaskStack
    landmarks: Landmarks2
    visible: Flags
    annotated: Flags
    pixel_mm: float
    magnification: float = 1.0
    record: Mapping[str, Any] = field(default_factory=dict)
    masks_annotated: MaskFlags = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        # "All" stays all when other masks are put in their place.
        if len(self.masks_annotated) != len(self.masks) and self.masks_annotated.all():
            object.__setattr__(self, "masks_annotated", np.ones(len(self.masks), dtype=bool))
        height, width = self.image.shape
        count = len(self.landmarks)
        if self.masks.shape[1:] != (height, width):
            raise ValueError(f"{self.case_id}: masks {self.masks.shape} do not fit the image {self.image.shape}")
        if self.masks_annotated.shape != (len(self.masks),):
            raise ValueError(f"{self.case_id}: {len(self.masks)} masks need as many flags of what is annotated")
        if self.visible.shape != (count,) or self.annotated.shape != (count,):
            raise ValueError(f"{self.case_id}: {count} landmarks need as many visible and annotated flags")
        if not np.isfinite(self.landmarks[self.visible]).all():
            raise ValueError(f"{self.case_id}: a visible landmark has no finite position")

    @property
    def is_annotated(self) -> bool:
        """Whether anything is known about what the image shows."""
        return bool(self.annotated.any() or self.masks_annotated.any())


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says about one case, in the case's native pixels.

    Attributes:
        case_id: The case it is about.
        landmarks: L x 2 (column, row); the best guess even where it is below the cut, NaN if there is none.
        confidence: L values in [0, 1]; the evaluator cuts on it.
        present: L flags: the model's own decision; False is an explicit "absent".
        masks: S x H x W bool.
        probabilities: S x H x W, ``round(255 p)`` of the probability of each pixel of the masks; None where the model
            has none.
    """

    case_id: str
    landmarks: Landmarks2
    confidence: np.ndarray
    present: Flags
    masks: MaskStack
    probabilities: LevelStack | None = None


def to_log(sample: Sample) -> Image:
    """The image as a line integral (bone bright); intensities are taken relative to their maximum.

    ``-ln(I / I_max)`` with I floored at 1e-4 I_max: Beer-Lambert up to a constant, which the
    normalisation that follows removes.
    """
    if sample.domain == "log":
        return sample.image
    peak = float(sample.image.max())
    if peak <= 0:
        return np.zeros_like(sample.image)
    return (-np.log(np.clip(sample.image / peak, 1e-4, None))).astype(np.float32)
