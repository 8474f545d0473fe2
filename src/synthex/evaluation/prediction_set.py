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

import contextlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from synthex import __version__
from synthex.core import EvalProtocol, InputError, Prediction, Sample, write_text
from synthex.core.arrays import Flags, Landmarks2
from synthex.evaluation.case_arrays import REWRITE, case_array_writer, one_line, open_case_arrays, read_case_array
from synthex.evaluation.prediction_schema import SCHEMA, WITH_PROBABILITIES, WITHOUT, CaseEntry, parse_document

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


def write_prediction_set(
    folder: str | Path,
    predictions: Iterable[Prediction],
    protocol: EvalProtocol,
    provenance: Mapping[str, Any] | None = None,
    *,
    probabilities: bool = False,
) -> Path:
    """Write a prediction set as the predictions stream in; nothing is seen under its name before the end.

    Args:
        folder: Created if missing; an older set in it is replaced.
        predictions: One for each case, in native pixels, channels in the order of ``protocol.vocabulary``.
        protocol: Gives the task and the names.
        provenance: JSON values; ``synthex_version`` and ``created`` are added where they are missing.
        probabilities: Keep the probability of each pixel too, in 256 levels.

    Returns:
        The folder.

    Raises:
        ValueError: A prediction does not fit the protocol or lacks probabilities, or two have the same case id.
        InputError: The folder cannot be written.
    """
    folder = Path(folder)
    vocabulary = protocol.vocabulary
    cases: list[dict[str, Any]] = []
    seen: set[str] = set()
    kept = {MASKS_NAME: bool(vocabulary.structures), PROBABILITIES_NAME: probabilities and bool(vocabulary.structures)}
    with contextlib.ExitStack() as stack:
        writers = {name: stack.enter_context(case_array_writer(folder / name)) for name in kept if kept[name]}
        for prediction in predictions:
            cases.append(_case_record(prediction, protocol))
            if prediction.case_id in seen:
                raise ValueError(f"two predictions for case {prediction.case_id}")
            seen.add(prediction.case_id)
            if kept[MASKS_NAME]:
                writers[MASKS_NAME].add(prediction.case_id, np.packbits(prediction.masks, axis=-1))
            if kept[PROBABILITIES_NAME]:
                if prediction.probabilities is None:
                    raise ValueError(f"{prediction.case_id}: the prediction has no probabilities")
                writers[PROBABILITIES_NAME].add(prediction.case_id, prediction.probabilities)
    digests = {name: writer.digest for name, writer in writers.items()}
    for name in kept.keys() - writers.keys():
        (folder / name).unlink(missing_ok=True)
    origin = {"synthex_version": __version__, "created": datetime.now(UTC).isoformat(timespec="seconds")}
    document = {
        "schema": SCHEMA,
        # Without probabilities a set is what it always was, and older readers take it.
        "version": WITH_PROBABILITIES if kept[PROBABILITIES_NAME] else WITHOUT,
        "task": protocol.task,
        "structures": list(vocabulary.structures),
        "landmarks": list(vocabulary.landmarks),
        "provenance": {**origin, **(provenance or {})},
        "masks_sha256": digests.get(MASKS_NAME),
        "cases": cases,
    }
    if kept[PROBABILITIES_NAME]:
        document["probabilities_sha256"] = digests[PROBABILITIES_NAME]
    write_text(folder / JSON_NAME, json.dumps(document, allow_nan=False) + "\n")
    return folder


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
    path = folder / JSON_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(path, "not found", "give the folder that synthex predict wrote") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", "check permissions") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(path, f"is not complete JSON ({one_line(error)})", REWRITE) from error
    parsed = parse_document(path, document)
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


def _case_record(prediction: Prediction, protocol: EvalProtocol) -> dict[str, Any]:
    count, structures = len(protocol.vocabulary.landmarks), len(protocol.vocabulary.structures)
    points: Landmarks2 = prediction.landmarks
    present: Flags = prediction.present
    confidence = np.asarray(prediction.confidence, dtype=np.float64)
    name = prediction.case_id
    if not name or "/" in name or "\\" in name:
        raise ValueError(f"case id {name!r} is not safe as a file name")
    if points.shape != (count, 2) or confidence.shape != (count,) or present.shape != (count,):
        raise ValueError(f"{name}: the task has {count} landmarks, the prediction has {points.shape[0]}")
    if len(prediction.masks) != structures:
        raise ValueError(f"{name}: the task has {structures} structures, the prediction has {len(prediction.masks)}")
    if prediction.probabilities is not None and prediction.probabilities.shape != prediction.masks.shape:
        raise ValueError(f"{name}: probabilities {prediction.probabilities.shape}, masks {prediction.masks.shape}")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(f"{name}: confidence must lie in [0, 1], got {confidence.tolist()}")
    guessed = np.isfinite(points).all(axis=1)
    if (present & ~guessed).any():
        raise ValueError(f"{name}: a landmark is flagged present but has no position")
    return {
        "case_id": name,
        "image_shape": [int(size) for size in prediction.masks.shape[1:]],
        "landmarks": [
            [float(point[0]), float(point[1])] if ok else None for point, ok in zip(points, guessed, strict=True)
        ],
        "confidence": confidence.tolist(),
        "present": present.tolist(),
    }
