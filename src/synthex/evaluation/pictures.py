"""Small pictures of the best, median and worst cases, chosen while the cases stream by."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8
from PIL import Image as PilImage

from synthex.core import Domain, Prediction, Sample
from synthex.core.arrays import Flags, Landmarks2, MaskStack
from synthex.evaluation.baseline import resample_masks

MAX_SIDE = 512
_BUFFER = 96


@dataclass(frozen=True, eq=False)
class Picture:
    """One case, small enough to keep.

    Attributes:
        case_id: The case; the only name that appears in a report.
        badness: What it was ranked by (see :meth:`ScoreBuilder.add`).
        image: Rows x columns, 8 bit, bone bright.
        truth: L x 2, true (column, row) in pixels of ``image``; NaN where not visible or not annotated.
        guess: L x 2, predicted.
        present: Predicted as present.
        absent: Known to be outside the image.
        truth_bits: True masks, packed along the columns to keep many cases in little memory.
        predicted_bits: Predicted ones.
        rank: ``best-1``, ``median-2``, ``worst-1``…; empty until chosen.
    """

    case_id: str
    badness: float
    image: UInt8[np.ndarray, "H W"]
    truth: Landmarks2
    guess: Landmarks2
    present: Flags
    absent: Flags
    truth_bits: UInt8[np.ndarray, "S H packed"]
    predicted_bits: UInt8[np.ndarray, "S H packed"]
    rank: str = ""

    @property
    def truth_masks(self) -> MaskStack:
        """S x rows x columns."""
        return self._unpack(self.truth_bits)

    @property
    def predicted_masks(self) -> MaskStack:
        """S x rows x columns."""
        return self._unpack(self.predicted_bits)

    def _unpack(self, bits: np.ndarray) -> np.ndarray:
        return np.unpackbits(bits, axis=-1, count=self.image.shape[1]).astype(bool)


def radiological_display(image: np.ndarray, domain: Domain, *, whole: bool = False) -> np.ndarray:
    """8-bit picture of a radiograph the way it is read: bone bright, windowed on the body in the log image.

    Args:
        image: Rows x columns.
        domain: What its values are.
        whole: Window everything that is there instead, so that lungs, which are hardly darker than the air beside the
            patient, keep their grey levels.
    """
    values = image.astype(np.float64)
    if domain == "intensity":
        # Dead pixels count as unexposed; four decades below the brightest is darker than any bone.
        values = np.nan_to_num(values, nan=0.0)
        floor = max(float(np.percentile(values, 99.9)), 1e-12) * 1e-4
        values = -np.log(np.maximum(values, floor))
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(values, (0.5, 99.5) if whole else (1, 99))
    # Air beside the patient would take half of the grey scale: the window is that of the body.
    body = values[values > low + 0.2 * (high - low)]
    if body.size and not whole:
        low, high = np.percentile(body, (2, 99.5))
    return np.clip((values - low) / max(high - low, 1e-12) * 255, 0, 255).round().astype(np.uint8)


def make_picture(sample: Sample, prediction: Prediction, badness: float) -> Picture:
    """Shrink one case to at most :data:`MAX_SIDE` pixels a side."""
    height, width = sample.image.shape
    factor = min(1.0, MAX_SIDE / max(height, width))
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    image = sample.image
    if factor < 1:
        image = np.asarray(PilImage.fromarray(image).resize((columns, rows), PilImage.Resampling.BOX))
    scale = np.array((columns / width, rows / height))
    known = sample.visible & sample.annotated
    return Picture(
        sample.case_id,
        badness,
        radiological_display(image, sample.domain),
        np.where(known[:, None], sample.landmarks, np.nan) * scale,
        prediction.landmarks * scale,
        prediction.present,
        sample.annotated & ~sample.visible,
        np.packbits(resample_masks(sample.masks, rows, columns), axis=-1),
        np.packbits(resample_masks(prediction.masks, rows, columns), axis=-1),
    )


class PictureKeeper:
    """Keeps pictures of cases near both ends and the middle of the ranking, in bounded memory.

    The median of a stream is not known before its end; the buffer keeps the cases nearest to the running
    median, so the final choice is the case nearest to the true median among those kept: exact up to a
    hundred cases and for cases in no particular order.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[Picture] = []
        self._all: list[float] = []

    def add(self, sample: Sample, prediction: Prediction, badness: float) -> None:
        """Offer one case; cases without a rank (NaN) are not pictured."""
        if self._count < 1 or not np.isfinite(badness):
            return
        self._all.append(badness)
        self._kept.append(make_picture(sample, prediction, badness))
        if len(self._kept) >= _BUFFER + 3 * self._count:
            self._prune()

    def _prune(self) -> None:
        ordered = sorted(self._kept, key=lambda picture: picture.badness)
        median = float(np.median(self._all))
        middle = sorted(ordered[self._count : -self._count], key=lambda picture: abs(picture.badness - median))
        self._kept = ordered[: self._count] + middle[: _BUFFER // 2] + ordered[-self._count :]

    def chosen(self) -> tuple[Picture, ...]:
        """Best, median and worst cases; no case twice, so fewer where there are few cases."""
        ordered = sorted(self._kept, key=lambda picture: (picture.badness, picture.case_id))
        count = min(self._count, -(-len(ordered) // 3))
        best = ordered[:count]
        worst = ordered[count:][-count:][::-1]
        taken = {picture.case_id for picture in (*best, *worst)}
        rest = [picture for picture in ordered if picture.case_id not in taken]
        median = float(np.median(self._all)) if self._all else 0.0
        middle = sorted(rest, key=lambda picture: abs(picture.badness - median))[:count]
        return tuple(
            replace(picture, rank=f"{name}-{index + 1}")
            for name, group in (("best", best), ("median", middle), ("worst", worst))
            for index, picture in enumerate(group)
        )
