"""Whether labels still fit a translated image: edges must stay where they were.

Both measures are of normalised gradient fields (Haber and Modersitzki, MICCAI 2006): the direction of the gradient
counts, its size only against the image's own mean, so that contrast and brightness change little. Gradients are those
of a Gaussian of :data:`SIGMA_PX`, below whose width noise and blur are.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter

from synthex.core.arrays import Image, MaskStack

SIGMA_PX = 1.5
"""Our choice: wide enough for noise, narrow against what is labelled."""

LEAST_RETAINED = 0.8
"""Part of the labels' fit that a translation must keep; below it a user is warned. Our choice, between what changes of
the intensity curve and blur cost and what edges moved by several pixels cost (figures: docs/adaptation.md)."""

Field = Float[np.ndarray, "2 H W"]


@dataclass(frozen=True)
class StructureCheck:
    """What a translation did to the structure of one image.

    Attributes:
        agreement: Of the edges of both images, 0 to 1; 1 for the same image at any brightness and contrast.
        before: How well the edges of the image lie along the borders of its labels, 0 to 1; NaN without labels.
        after: The same of the translated image; about 0 where they have nothing to do with each other, below it where
            bright and dark are swapped.
    """

    agreement: float
    before: float
    after: float

    @property
    def retained(self) -> float:
        """``after / before``; NaN without labels."""
        return self.after / self.before if self.before > 0 else float("nan")


def check_structure(image: Image, translated: Image, masks: MaskStack) -> StructureCheck:
    """Compare an image with its translation, and both with the labels of the image."""
    one, other = edge_field(image), edge_field(translated)
    return StructureCheck(agreement(one, other), *label_fit(one, other, masks))


def edge_field(image: Image) -> Field:
    """Normalised gradient field ``g / sqrt(|g|^2 + e^2)`` of an image, with ``e`` its mean ``|g|``.

    The edge parameter is Haber and Modersitzki's with eta = 1. A constant image has a field of zeros.
    """
    precise = image.astype(np.float64)
    gradient = np.stack([gaussian_filter(precise, SIGMA_PX, order=order) for order in ((0, 1), (1, 0))])
    size = np.hypot(*gradient)
    epsilon = float(size.mean())
    if epsilon <= 1e-9 * max(float(np.abs(precise).max()), 1e-30):
        return np.zeros_like(gradient)
    return gradient / np.sqrt(size**2 + epsilon**2)


def agreement(one: Field, other: Field) -> float:
    """Sum of ``<a, b>^2`` over both fields, relative to what it is with each itself; 0 to 1, sign and gain free.

    Haber and Modersitzki's measure, divided so that an image agrees with itself by 1. NaN where a field is zero.
    """
    together = float(((one * other).sum(axis=0) ** 2).sum())
    alone = [float(((field**2).sum(axis=0) ** 2).sum()) for field in (one, other)]
    return together / float(np.sqrt(alone[0] * alone[1])) if min(alone) > 0 else float("nan")


def label_fit(one: Field, other: Field, masks: MaskStack) -> tuple[float, float]:
    """How far the edges of two images run along the labels' borders: mean of ``<field, border's normal>`` over them.

    A border is where the mask, smoothed like the images, has a gradient, and it counts as much as this is long.
    Whether a structure is brighter or darker than what is around it is taken from the first image, so that its fit is
    0 or more, and that of the second near 0 for edges that have nothing to do with the labels.

    Returns:
        The fit of both images; NaN where there is no border.
    """
    before, after, weight = 0.0, 0.0, 0.0
    for mask in masks:
        if not mask.any() or mask.all():
            continue
        smooth = mask.astype(np.float64)
        normal = np.stack([gaussian_filter(smooth, SIGMA_PX, order=order) for order in ((0, 1), (1, 0))])
        along = float((one * normal).sum())
        before += abs(along)
        after += float(np.sign(along)) * float((other * normal).sum())
        weight += float(np.hypot(*normal).sum())
    return (before / weight, after / weight) if weight > 0 else (float("nan"), float("nan"))
