"""DICOM objects of answers: segmentation, measurement report (TID 1500) and presentation state, made with highdicom.

All of them refer to the image that was asked about and repeat its patient and study, as the standard demands
(PS3.3 A.51, A.35.13 and A.33.1). Positions need no shift: both here and in DICOM the outer corner of the first pixel is
(0, 0) and its centre (0.5, 0.5) (PS3.3 C.18.6.1.1 and C.10.5.1.2).
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from synthex.core import UserError
from synthex.core.optional import optional_import
from synthex.exchange.dicom_parts import Author, Found
from synthex.exchange.dicom_pr import Shown, presentation
from synthex.exchange.dicom_seg import segmentations
from synthex.exchange.dicom_sr import report

__all__ = ["Author", "Found", "Shown", "dicom_objects"]


def dicom_objects(
    source: Any, answers: Sequence[Found], author: Author, key: str, shown: Shown | None = None
) -> Iterator[tuple[str, Any]]:
    """The objects of one image, each with the ending that its file is to have.

    Args:
        source: The image (:mod:`synthex.exchange.dicom_source`).
        answers: To its frames, in their order.
        author: Who answered.
        key: Decides the objects' identifiers.
        shown: How the image is shown.

    Yields:
        ``seg`` (only where the model segments something that is there), ``sr``, ``pr``; a long run of frames gives
        ``seg-2`` and so on.

    Raises:
        MissingExtraError: highdicom is not installed.
        UserError: The source cannot be referred to.
    """
    with _quiet():
        optional_import("highdicom", "dicom")
        try:
            segments = list(segmentations(source, answers, author, key))
            for number, (segmentation, _) in enumerate(segments, 1):
                yield "seg" if number == 1 else f"seg-{number}", segmentation
            yield "sr", report(source, answers, author, key, segments)
            yield "pr", presentation(source, answers, author, key, shown or Shown())
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            # Not quoted: the library's words may hold the patient's.
            raise UserError(f"DICOM objects of it cannot be made ({type(error).__name__})") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep highdicom's and pydicom's warnings to themselves, for they quote patients."""
    logs = [logging.getLogger(name) for name in ("highdicom", "pydicom")]
    levels = [log.level for log in logs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in logs:
            log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.setLevel(level)
