"""Writing the prediction sets of :mod:`synthex.evaluation.prediction_set`."""

import contextlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from synthex import __version__
from synthex.core import EvalProtocol, Prediction, write_text
from synthex.core.arrays import Flags, Landmarks2
from synthex.evaluation.case_arrays import case_array_writer
from synthex.evaluation.prediction_schema import SCHEMA, WITH_PROBABILITIES, WITHOUT
from synthex.evaluation.prediction_set import JSON_NAME, MASKS_NAME, PROBABILITIES_NAME


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
