"""What the report's viewer shows of each case: a small picture, and truth and predictions as outlines and points."""

import heapq
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image as PilImage

from synthex.core import Prediction, Sample
from synthex.core.arrays import Flags, Landmarks2, MaskStack
from synthex.evaluation.outlines import outline
from synthex.evaluation.pictures import radiological_display

SIDE = 256
"""Longest side of a picture, pixels: 400 of them keep a page below a few megabytes."""

MAX_CASES = 400
"""Cases of one page; where there are more, those that a method does worst are kept."""

_QUALITY = 68  # of the JPEG: our choice, no visible blocks in radiographs at this size


@dataclass(frozen=True, eq=False)
class Marks:
    """Outlines and points on one picture: the truth, or what one method says.

    Attributes:
        outlines: SVG path of each structure, in units of :data:`synthex.evaluation.outlines.UNITS`; may be empty.
        points: L x 2 (column, row) in pixels of the picture; NaN where there is none.
        present: L flags: visible (truth), or called present (prediction).
    """

    outlines: tuple[str, ...]
    points: Landmarks2
    present: Flags


@dataclass(frozen=True, eq=False)
class CaseView:
    """One case. Its ids are all that is said about it: no record of the sample is kept.

    Attributes:
        case_id: The reader's name of the case.
        subject_id: The reader's name of the subject.
        size: (columns, rows) of the picture.
        image: The picture, JPEG.
        truth: Ground truth.
        absent: L flags: known to be outside the image.
        guesses: What each method says, in the order of the methods.
        badness: What each method's cases are ranked by (see :meth:`ScoreBuilder.add`); NaN where nothing is scored.
    """

    case_id: str
    subject_id: str
    size: tuple[int, int]
    image: bytes = field(repr=False)
    truth: Marks = field(repr=False)
    absent: Flags = field(repr=False)
    guesses: tuple[Marks, ...] = field(repr=False)
    badness: tuple[float, ...]

    def of_method(self, index: int) -> "CaseView":
        """The same with one method only."""
        return replace(self, guesses=(self.guesses[index],), badness=(self.badness[index],))


def make_view(sample: Sample, predictions: Sequence[Prediction], badness: Sequence[float]) -> CaseView:
    """Shrink one case to at most :data:`SIDE` pixels a side; all channels are in the order of the protocol."""
    height, width = sample.image.shape
    factor = min(1.0, SIDE / max(height, width))
    columns, rows = max(1, round(width * factor)), max(1, round(height * factor))
    image = sample.image
    if factor < 1:
        image = np.asarray(PilImage.fromarray(image).resize((columns, rows), PilImage.Resampling.BOX))
    buffer = io.BytesIO()
    PilImage.fromarray(radiological_display(image, sample.domain, whole=True)).save(
        buffer, "JPEG", quality=_QUALITY, optimize=True
    )
    scale = np.array((columns / width, rows / height))

    def marks(masks: MaskStack, points: np.ndarray, present: Flags) -> Marks:
        return Marks(tuple(outline(mask, rows, columns) for mask in masks), points * scale, present)

    known = sample.visible & sample.annotated
    return CaseView(
        sample.case_id,
        sample.subject_id,
        (columns, rows),
        buffer.getvalue(),
        marks(sample.masks, np.where(known[:, None], sample.landmarks, np.nan), known),
        sample.annotated & ~sample.visible,
        tuple(marks(one.masks, one.landmarks, one.present) for one in predictions),
        tuple(float(value) for value in badness),
    )


class GalleryKeeper:
    """Keeps the views of the worst cases, in bounded memory.

    A case is as bad as its worst method finds it; one that cannot be scored is the best of all.

    Args:
        limit: How many; 0 keeps none and draws none.
    """

    def __init__(self, limit: int = MAX_CASES) -> None:
        self._limit = limit
        self._heap: list[tuple[float, int, CaseView]] = []
        self._seen = 0

    def add(self, sample: Sample, predictions: Sequence[Prediction], badness: Sequence[float]) -> None:
        """Offer one case."""
        finite = [value for value in badness if np.isfinite(value)]
        worst = max(finite, default=-np.inf)
        self._seen += 1
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, (worst, -self._seen, make_view(sample, predictions, badness)))
        elif self._heap and worst > self._heap[0][0]:
            heapq.heapreplace(self._heap, (worst, -self._seen, make_view(sample, predictions, badness)))

    def views(self) -> tuple[CaseView, ...]:
        """What was kept, worst first; equally bad cases in the order they came."""
        ordered = sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))
        return tuple(view for _, _, view in ordered)
