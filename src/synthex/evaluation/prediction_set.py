"""Versioned prediction sets on disk: what any model, toolkit or human reader hands in to be scored.

A set is a folder with two or three files, all positions in native pixels:

``predictions.json``
    ``schema`` (``"synthex-predictions"``), ``version`` (1, or 2 with probabilities), ``task``, ``structures``,
    ``landmarks`` (names, in channel order), ``provenance`` (free JSON: checkpoint hash, config hash, synthex
    version, creation time), ``masks_sha256`` (of ``masks.npz``; null skips the check) and ``cases``, a list of
    ``{"case_id", "image_shape": [rows, columns], "landmarks": [[column, row] or null, ...],
    "confidence": [0..1, ...], "present": [true or false, ...]}``.
``masks.npz``
    One uint8 array a case, named by its case id: ``numpy.packbits(masks, axis=-1)`` of the bool masks
    (structures, rows, columns). Absent where the task has no structures.
``probabilities.npz``
    Only where ``predictions.json`` has ``version`` 2 and ``probabilities_sha256`` (null skips the check). One uint8
    array (structures, rows, columns) a case: ``round(255 p)`` of the probability p of each pixel. Masks are not made
    of it; it gives the area under the precision-recall curve.
"""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import EvalProtocol, InputError, Prediction, Sample
from synthex.core.documents import read_json
from synthex.evaluation.case_arrays import REWRITE, open_case_arrays, read_case_array
from synthex.evaluation.prediction_schema import CaseEntry, ParsedDocument, parse_document

JSON_NAME = "predictions.json"
MASKS_NAME = "masks.npz"
PROBABILITIES_NAME = "probabilities.npz"


@dataclass(frozen=True, eq=False)
class PredictionSet:
    """Predictions of one model on one dataset; masks are unpacked one case at a time.

    Attributes:
        folder: Where it was read from.
        task: Name of the task it was made for.
        structures: Mask channels.
        landmarks: Landmark channels.
        provenance: Where the predictions come from (JSON values).
    """

    folder: Path
    task: str
    structures: tuple[str, ...]
    landmarks: tuple[str, ...]
    provenance: Mapping[str, Any]
    _entries: Mapping[str, CaseEntry] = field(repr=False)
    _masks: zipfile.ZipFile | None = field(repr=False)
    _probabilities: zipfile.ZipFile | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._entries)

    def __contains__(self, case_id: object) -> bool:
        return case_id in self._entries

    def __iter__(self) -> Iterator[Prediction]:
        """All predictions, in the order they were written."""
        return (self[case_id] for case_id in self._entries)

    def __getitem__(self, case_id: str) -> Prediction:
        """The prediction of one case.

        Raises:
            InputError: There is none, or its masks are damaged.
        """
        if case_id not in self._entries:
            raise InputError(self.folder / JSON_NAME, f"has no case {case_id}", "predict the dataset that is evaluated")
        entry = self._entries[case_id]
        masks, levels = self._unpack(case_id, entry), self._levels(case_id, entry)
        return Prediction(case_id, entry.landmarks, entry.confidence, entry.present, masks, levels)

    def predict(self, sample: Sample) -> Prediction:
        """The stored prediction of ``sample``: a set can stand wherever a predictor can."""
        return self[sample.case_id]

    @property
    def has_probabilities(self) -> bool:
        """Whether every case has a probability for each pixel of its masks."""
        return self._probabilities is not None

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in the order they were written."""
        return tuple(self._entries)

    def source(self, case_id: str | None = None) -> Path:
        """The file to name in an error about a case, or about the set."""
        return self.folder / JSON_NAME

    def _unpack(self, case_id: str, entry: CaseEntry) -> np.ndarray:
        rows, columns = entry.image_shape
        expected = (len(self.structures), rows, -(-columns // 8))
        if self._masks is None:
            return np.zeros((0, rows, columns), dtype=bool)
        packed = read_case_array(
            self._masks,
            self.folder / MASKS_NAME,
            case_id,
            expected,
            "masks",
            "pack bool masks of the native image with numpy.packbits(masks, axis=-1)",
        )
        return np.unpackbits(packed, axis=-1, count=columns).astype(bool)

    def _levels(self, case_id: str, entry: CaseEntry) -> np.ndarray | None:
        if self._probabilities is None:
            return None
        return read_case_array(
            self._probabilities,
            self.folder / PROBABILITIES_NAME,
            case_id,
            (len(self.structures), *entry.image_shape),
            "probabilities",
            "write round(255 p) of the native image as uint8",
        )


def read_prediction_set(folder: str | Path, protocol: EvalProtocol | None = None) -> PredictionSet:
    """Read and validate a prediction set.

    Args:
        folder: Folder with ``predictions.json`` and ``masks.npz``.
        protocol: If given, the set must be of its task and have exactly its names, in any order; channels
            come out in the order of the protocol.

    Raises:
        InputError: Anything is missing, damaged, of another version or of another task.
    """
    folder = Path(folder)
    parsed = _read_document(folder)
    cases = tuple(parsed.entries)
    masks = levels = None
    if parsed.structures:
        masks = open_case_arrays(folder / MASKS_NAME, parsed.masks_sha256, cases, "masks")
        if parsed.has_probabilities:
            path = folder / PROBABILITIES_NAME
            levels = open_case_arrays(path, parsed.probabilities_sha256, cases, "probabilities")
    found = PredictionSet(
        folder, parsed.task, parsed.structures, parsed.landmarks, parsed.provenance, parsed.entries, masks, levels
    )
    return found if protocol is None else match_protocol(found, protocol)


def task_of(folder: str | Path) -> str:
    """The name of the task that a prediction set says it is for; its masks are not looked at.

    Raises:
        InputError: The set's document is missing or damaged.
    """
    return _read_document(Path(folder)).task


def _read_document(folder: Path) -> ParsedDocument:
    path = folder / JSON_NAME
    if not path.exists():
        raise InputError(path, "not found", "give the folder that synthex predict wrote")
    return parse_document(path, read_json(path, REWRITE))


def match_protocol(predictions: PredictionSet, protocol: EvalProtocol) -> PredictionSet:
    """The same set with its channels in the order of ``protocol``.

    Raises:
        InputError: The set is of another task or has other names.
    """
    path = predictions.folder / JSON_NAME
    if predictions.task != protocol.task:
        raise InputError(
            path, f"is for the task {predictions.task!r}, not {protocol.task!r}", "evaluate it with its own task"
        )
    vocabulary = protocol.vocabulary
    for kind, mine, wanted in (
        ("structure", predictions.structures, vocabulary.structures),
        ("landmark", predictions.landmarks, vocabulary.landmarks),
    ):
        unknown, missing = sorted(set(mine) - set(wanted)), sorted(set(wanted) - set(mine))
        if unknown or missing:
            problem = f"has the unknown {kind} {unknown[0]!r}" if unknown else f"lacks the {kind} {missing[0]!r}"
            raise InputError(path, problem, f"the names of task {protocol.task} are: {', '.join(wanted)}")
    if (predictions.structures, predictions.landmarks) == (vocabulary.structures, vocabulary.landmarks):
        return predictions
    return _Reordered(
        predictions.folder,
        predictions.task,
        vocabulary.structures,
        vocabulary.landmarks,
        predictions.provenance,
        predictions._entries,
        predictions._masks,
        predictions._probabilities,
        tuple(predictions.structures.index(name) for name in vocabulary.structures),
        tuple(predictions.landmarks.index(name) for name in vocabulary.landmarks),
    )


@dataclass(frozen=True, eq=False)
class _Reordered(PredictionSet):
    """A set whose files have another channel order than its names say."""

    structure_order: tuple[int, ...] = ()
    landmark_order: tuple[int, ...] = ()

    def __getitem__(self, case_id: str) -> Prediction:
        stored = super().__getitem__(case_id)
        structures, points = list(self.structure_order), list(self.landmark_order)
        return Prediction(
            case_id,
            stored.landmarks[points],
            stored.confidence[points],
            stored.present[points],
            stored.masks[structures],
            None if stored.probabilities is None else stored.probabilities[structures],
        )
