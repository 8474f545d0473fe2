"""What goes to the page: a frame, a model's answer, each as JSON values, and pixels as bytes."""

import json
import struct
from typing import Any

import numpy as np

from synthex.core import Task
from synthex.evaluation.outlines import UNITS, outline
from synthex.explore.rendering import Frame, image_axes
from synthex.runs import Answer


def frame_facts(frame: Frame, task: Task) -> dict[str, Any]:
    """Everything of a frame but its pixels; outlines are SVG paths in ``1 / units`` pixels."""
    sample, drawn = frame.sample, frame.record["simulation"]
    height, width = sample.image.shape
    facts: dict[str, Any] = {
        "kind": "frame",
        "width": width,
        "height": height,
        "units": UNITS,
        "masks": _outlines(dict(zip(task.vocabulary.structures, sample.masks, strict=True)), width, height),
        "landmarks": [
            {"name": name, "x": float(point[0]), "y": float(point[1])}
            for name, point, seen in zip(task.vocabulary.landmarks, sample.landmarks, sample.visible, strict=True)
            if seen
        ],
        "letters": frame.letters,
        "axes": image_axes(frame.camera).tolist(),
        "pixel_mm": sample.pixel_mm,
        "magnification": sample.magnification,
        "subject": sample.subject_id,
        "seconds": frame.seconds,
    }
    for group, name in (("tube", "kvp"), ("tube", "mas"), ("exposure", "dose_ugy")):
        if group in drawn:
            facts[name] = drawn[group][name]
    return facts


def answer_facts(answer: Answer, frame: Frame, task: Task, seconds: float) -> dict[str, Any]:
    """A model's answer about a frame, and how far its landmarks lie from the truth.

    Errors are mm at the detector, as everywhere in synthex, of the landmarks that the image shows and the model finds.
    """
    height, width = answer.image.shape
    sample = frame.sample
    truth = {
        name: point
        for name, point, seen in zip(task.vocabulary.landmarks, sample.landmarks, sample.visible, strict=True)
        if seen
    }
    found = {name: one for name, one in answer.landmarks.items() if one.present}
    errors = [float(np.hypot(*(np.array(found[name].xy) - point))) for name, point in truth.items() if name in found]
    absent = [name for name in found if name in task.vocabulary.landmarks and name not in truth]
    overlap = {
        name: _dice(answer.masks[name], mask)
        for name, mask in zip(task.vocabulary.structures, sample.masks, strict=True)
        if name in answer.masks and (mask.any() or answer.masks[name].any())
    }
    return {
        "kind": "answer",
        "masks": _outlines(dict(answer.masks), width, height),
        "landmarks": [
            {"name": name, "x": one.column, "y": one.row, "confidence": one.confidence} for name, one in found.items()
        ],
        "shared": any(name in answer.landmarks or name in answer.masks for name in _names(task)),
        "visible": len(truth),
        "found": len(errors),
        "wrong": len(absent),
        "median_mm": float(np.median(errors)) * sample.pixel_mm if errors else None,
        "dice": float(np.mean(list(overlap.values()))) if overlap else None,
        "seconds": seconds,
    }


def _names(task: Task) -> tuple[str, ...]:
    return (*task.vocabulary.landmarks, *task.vocabulary.structures)


def packed(facts: dict[str, Any], pixels: bytes = b"") -> bytes:
    """One binary message: the length of the JSON as 4 bytes (little endian), the JSON, the pixels row by row."""
    text = json.dumps(facts, allow_nan=False).encode()
    return struct.pack("<I", len(text)) + text + pixels


def _outlines(masks: dict[str, np.ndarray], width: int, height: int) -> dict[str, str]:
    return {name: outline(mask, height, width) for name, mask in masks.items()}


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))
