"""Validation of ``predictions.json``: every fault is one line that names the case."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import InputError
from synthex.core.arrays import Flags, Landmarks2
from synthex.core.limits import MAX_PIXELS

SCHEMA = "synthex-predictions"
WITHOUT, WITH_PROBABILITIES = 1, 2
"""Versions that are read; the second may have probabilities."""

_MEND = "see synthex.evaluation.prediction_set for the format"


@dataclass(frozen=True, eq=False)
class CaseEntry:
    """One case of the document, as arrays.

    Attributes:
        image_shape: Rows and columns of the native image.
        landmarks: L x 2, NaN where there is no guess.
        confidence: L values in [0, 1].
        present: L flags.
    """

    image_shape: tuple[int, int]
    landmarks: Landmarks2
    confidence: np.ndarray
    present: Flags


@dataclass(frozen=True, eq=False)
class ParsedDocument:
    """A valid document."""

    task: str
    structures: tuple[str, ...]
    landmarks: tuple[str, ...]
    provenance: Mapping[str, Any]
    masks_sha256: str | None
    has_probabilities: bool
    probabilities_sha256: str | None
    entries: Mapping[str, CaseEntry]


def parse_document(path: Path, document: Any) -> ParsedDocument:
    """Check every field of a decoded ``predictions.json``.

    Raises:
        InputError: On the first fault.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(path, f'is not a prediction set (no "schema": "{SCHEMA}")', _MEND)
    version = document.get("version")
    if type(version) is not int or version not in (WITHOUT, WITH_PROBABILITIES):
        raise InputError(
            path,
            f"has version {version!r}, this synthex reads versions {WITHOUT} and {WITH_PROBABILITIES}",
            "predict again with this synthex or use the one that wrote it",
        )
    task, provenance, digest = document.get("task"), document.get("provenance", {}), document.get("masks_sha256")
    if not isinstance(task, str) or not task:
        raise InputError(path, "names no task", _MEND)
    if not isinstance(provenance, dict):
        raise InputError(path, "provenance is not an object", _MEND)
    has_probabilities = version == WITH_PROBABILITIES and "probabilities_sha256" in document
    other_digest = document["probabilities_sha256"] if has_probabilities else None
    for key, value in (("masks_sha256", digest), ("probabilities_sha256", other_digest)):
        if value is not None and not isinstance(value, str):
            raise InputError(path, f"{key} is neither a string nor null", _MEND)
    structures, landmarks = (_names(path, document, key) for key in ("structures", "landmarks"))
    cases = document.get("cases")
    if not isinstance(cases, list) or not cases:
        raise InputError(path, "has no cases", "predict at least one case")
    entries: dict[str, CaseEntry] = {}
    for index, case in enumerate(cases):
        case_id = case.get("case_id") if isinstance(case, dict) else None
        if not isinstance(case_id, str) or not case_id:
            raise InputError(path, f"case number {index} has no case_id", _MEND)
        if case_id in entries:
            raise InputError(path, f"case {case_id} appears twice", "keep one prediction for each case")
        entries[case_id] = _case(path, case_id, case, len(landmarks))
    return ParsedDocument(task, structures, landmarks, provenance, digest, has_probabilities, other_digest, entries)


def _names(path: Path, document: dict[str, Any], key: str) -> tuple[str, ...]:
    names = document.get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(path, f"{key} is not a list of names", _MEND)
    if len(set(names)) != len(names):
        raise InputError(path, f"{key} has a name twice", _MEND)
    return tuple(names)


def _case(path: Path, case_id: str, case: dict[str, Any], count: int) -> CaseEntry:
    shape = case.get("image_shape")
    if not (isinstance(shape, list) and len(shape) == 2 and all(type(size) is int and size > 0 for size in shape)):
        raise InputError(path, f"case {case_id}: image_shape is not [rows, columns]", _MEND)
    if shape[0] * shape[1] > MAX_PIXELS:
        raise InputError(path, f"case {case_id}: image_shape is not [rows, columns]", _MEND)
    for key in ("landmarks", "confidence", "present"):
        if not isinstance(case.get(key), list) or len(case[key]) != count:
            raise InputError(path, f"case {case_id}: {key} is not a list of {count} values", _MEND)
    points = np.full((count, 2), np.nan)
    for index, point in enumerate(case["landmarks"]):
        if point is None:
            continue
        if not (isinstance(point, list) and len(point) == 2 and all(_finite(value) for value in point)):
            raise InputError(
                path,
                f"case {case_id}: landmark {index} is {point}, not two finite numbers",
                "write null where there is no guess",
            )
        points[index] = point
    if not all(_finite(value) and 0 <= value <= 1 for value in case["confidence"]):
        raise InputError(path, f"case {case_id}: a confidence is not a number in [0, 1]", _MEND)
    if not all(isinstance(value, bool) for value in case["present"]):
        raise InputError(path, f"case {case_id}: a present flag is not true or false", _MEND)
    present = np.array(case["present"], dtype=bool)
    if (present & np.isnan(points[:, 0])).any():
        raise InputError(path, f"case {case_id}: a landmark is present but has no position", _MEND)
    return CaseEntry((shape[0], shape[1]), points, np.array(case["confidence"], dtype=np.float64), present)


def _finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False
