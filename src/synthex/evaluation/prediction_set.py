"""Versioned prediction sets on disk: what any model, toolkit or human reader hands in to be scored.

A set is a folder with two files, all positions in native pixels:

``predictions.json``
    ``schema`` (``"synthex-predictions"``), ``version`` (1), ``task``, ``structures``, ``landmarks`` (names,
    in channel order), ``provenance`` (free JSON: checkpoint hash, config hash, synthex version, creation
    time), ``masks_sha256`` (of ``masks.npz``; null skips the check) and ``cases``, a list of
    ``{"case_id", "image_shape": [rows, columns], "landmarks": [[column, row] or null, ...],
    "confidence": [0..1, ...], "present": [true or false, ...]}``.
``masks.npz``
    One uint8 array a case, named by its case id: ``numpy.packbits(masks, axis=-1)`` of the bool masks
    (structures, rows, columns). Absent where the task has no structures.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from synthex import __version__
from synthex.core import EvalProtocol, InputError, Prediction, Sample, atomic_path, write_text
from synthex.core.arrays import Flags, Landmarks2
from synthex.evaluation.prediction_schema import SCHEMA, VERSION, CaseEntry, parse_document

JSON_NAME = "predictions.json"
MASKS_NAME = "masks.npz"
_REWRITE = "write it again with synthex predict"
_DAMAGED = (KeyError, ValueError, EOFError, OSError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What reading a damaged member raises; RuntimeError also where it is encrypted or of an unknown method."""


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
        return Prediction(case_id, entry.landmarks, entry.confidence, entry.present, self._unpack(case_id, entry))

    def predict(self, sample: Sample) -> Prediction:
        """The stored prediction of ``sample``: a set can stand wherever a predictor can."""
        return self[sample.case_id]

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
        path = self.folder / MASKS_NAME
        try:
            packed = np.load(io.BytesIO(self._masks.read(f"{case_id}.npy")), allow_pickle=False)
        except _DAMAGED as error:
            raise InputError(path, f"masks of case {case_id} cannot be read ({_one_line(error)})", _REWRITE) from error
        if packed.dtype != np.uint8 or packed.shape != expected:
            raise InputError(
                path,
                f"masks of case {case_id} are {packed.dtype} {packed.shape}, expected uint8 {expected}",
                "pack bool masks of the native image with numpy.packbits(masks, axis=-1)",
            )
        return np.unpackbits(packed, axis=-1, count=columns).astype(bool)


def write_prediction_set(
    folder: str | Path,
    predictions: Iterable[Prediction],
    protocol: EvalProtocol,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a prediction set as the predictions stream in; nothing is seen under its name before the end.

    Args:
        folder: Created if missing; an older set in it is replaced.
        predictions: One for each case, in native pixels, channels in the order of ``protocol.vocabulary``.
        protocol: Gives the task and the names.
        provenance: JSON values; ``synthex_version`` and ``created`` are added where they are missing.

    Returns:
        The folder.

    Raises:
        ValueError: A prediction does not fit the protocol, or two have the same case id.
        InputError: The folder cannot be written.
    """
    folder = Path(folder)
    vocabulary = protocol.vocabulary
    cases: list[dict[str, Any]] = []
    seen: set[str] = set()
    digest: str | None = None
    with atomic_path(folder / MASKS_NAME) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            for prediction in predictions:
                cases.append(_case_record(prediction, protocol))
                if prediction.case_id in seen:
                    raise ValueError(f"two predictions for case {prediction.case_id}")
                seen.add(prediction.case_id)
                if vocabulary.structures:
                    buffer = io.BytesIO()
                    np.save(buffer, np.packbits(prediction.masks, axis=-1))
                    # A fixed date keeps equal predictions equal, byte for byte.
                    member = zipfile.ZipInfo(f"{prediction.case_id}.npy", (1980, 1, 1, 0, 0, 0))
                    member.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(member, buffer.getvalue())
        if vocabulary.structures:
            digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    if not vocabulary.structures:
        (folder / MASKS_NAME).unlink(missing_ok=True)
    origin = {"synthex_version": __version__, "created": datetime.now(UTC).isoformat(timespec="seconds")}
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "task": protocol.task,
        "structures": list(vocabulary.structures),
        "landmarks": list(vocabulary.landmarks),
        "provenance": {**origin, **(provenance or {})},
        "masks_sha256": digest,
        "cases": cases,
    }
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
        raise InputError(path, f"is not complete JSON ({_one_line(error)})", _REWRITE) from error
    parsed = parse_document(path, document)
    masks = _open_masks(folder, parsed.masks_sha256, tuple(parsed.entries)) if parsed.structures else None
    found = PredictionSet(
        folder, parsed.task, parsed.structures, parsed.landmarks, parsed.provenance, parsed.entries, masks
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


def _open_masks(folder: Path, digest: str | None, case_ids: tuple[str, ...]) -> zipfile.ZipFile:
    path = folder / MASKS_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(path, "not found", "copy it beside predictions.json") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", "check permissions") from error
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(path, "is truncated or belongs to another predictions.json (checksum differs)", _REWRITE)
    try:
        # The compressed file is small; held in memory, no handle leaks and nobody can change it under us.
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(path, f"is not a complete npz file ({_one_line(error)})", _REWRITE) from error
    missing = [case_id for case_id in case_ids if f"{case_id}.npy" not in members]
    if missing:
        raise InputError(path, f"has no masks for {len(missing)} cases, the first is {missing[0]}", _REWRITE)
    return archive


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
