"""Scores of answers where something is annotated; what is not annotated is not mentioned."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import InputError
from synthex.data.encoding import decode_rle
from synthex.data.real import read_annotations
from synthex.data.real.coco import ImageLabels, segmentation_mask
from synthex.data.real.pictures import DAMAGE

FILES = ("annotations.csv", "annotations.json")
COLUMNS = ("case", "quantity", "name", "value", "unit")


@dataclass(frozen=True)
class Score:
    """One figure of one radiograph.

    Attributes:
        case: Number of the radiograph.
        quantity: ``found`` (0 or 1) of a landmark that is annotated in the image, ``error`` where it is found;
            ``false`` (0 or 1) of one that is annotated as not in the image; ``dice`` of a structure.
        name: Of the landmark or structure.
        value: In ``unit``.
        unit: ``px`` or ``mm`` (at the detector), empty for shares.
    """

    case: str
    quantity: str
    name: str
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Truth:
    """What is annotated.

    Attributes:
        path: The file that says so.
        images: By image, as :class:`synthex.data.real.PlainFolder` names them.
        structures: Of which the file says where they are.
    """

    path: Path
    images: Mapping[str, ImageLabels]
    structures: tuple[str, ...]


def read_truth(path: Path) -> Truth:
    """What a CSV of landmarks or a COCO file says.

    Raises:
        InputError: It is missing or damaged.
    """
    if not path.is_file():
        raise InputError(path, "there is no such file", "give a CSV with image, landmark, column and row, or COCO JSON")
    images, structures, _ = read_annotations(path)
    return Truth(path, images, structures)


def truth_beside(folder: Path) -> Path | None:
    """The annotations that lie in a folder of radiographs."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def named(answer: Mapping[str, Any], frames: int) -> str:
    """What annotations call a radiograph of a file that has that many."""
    return str(answer["file"]) if frames == 1 else f"{answer['file']}#{answer['frame'] + 1}"


def scores_of(case: str, answer: Mapping[str, Any], name: str, truth: Truth) -> list[Score]:
    """Scores of one answer in the form of :meth:`synthex.runs.Answer.to_json`; none where nothing is annotated.

    Args:
        case: Number of the radiograph.
        answer: To it.
        name: What annotations call it (:func:`named`).
        truth: The annotations.

    Raises:
        InputError: A segmentation is damaged or of another size.
    """
    labels = truth.images.get(name)
    if labels is None:
        return []
    return _landmark_scores(case, answer, labels) + _mask_scores(case, answer, labels, truth)


def _landmark_scores(case: str, answer: Mapping[str, Any], labels: ImageLabels) -> list[Score]:
    pitch = answer["pixel_mm"]
    found: list[Score] = []
    for name, place in labels.points.items():
        one = answer["landmarks"].get(name)
        if one is None:
            continue
        if place is None:
            found.append(Score(case, "false", name, float(one["present"])))
            continue
        found.append(Score(case, "found", name, float(one["present"])))
        if one["present"]:
            error = float(np.hypot(one["column"] - place[0], one["row"] - place[1]))
            found.append(Score(case, "error", name, error, "px"))
            if pitch is not None:
                found.append(Score(case, "error", name, error * pitch, "mm"))
    return found


def _mask_scores(case: str, answer: Mapping[str, Any], labels: ImageLabels, truth: Truth) -> list[Score]:
    found: list[Score] = []
    for name, rle in answer["masks"].items():
        absent = labels.listed and name in truth.structures and name not in labels.unknown
        if name not in labels.areas and not absent:
            continue
        expected = np.zeros((answer["height"], answer["width"]), dtype=bool)
        try:
            for area in labels.areas.get(name, []):
                expected |= segmentation_mask(area, expected.shape)
        except DAMAGE:
            problem = "has a damaged segmentation, or one of another size"
            raise InputError(truth.path, problem, "export it again") from None
        mask = decode_rle(dict(rle))
        total = int(mask.sum() + expected.sum())
        found.append(Score(case, "dice", name, 2 * float((mask & expected).sum()) / total if total else 1.0))
    return found


def summary(scores: Iterable[Score]) -> list[str]:
    """A line for each name that was scored, and one for all landmarks."""
    by: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for score in scores:
        by[score.quantity, score.name, score.unit].append(score.value)
    names = list(dict.fromkeys(name for quantity, name, _ in by if quantity in ("found", "false")))
    lines = [_landmark_line(name, [name], by) for name in names]
    if len(names) > 1:
        lines.append(_landmark_line("all landmarks", names, by))
    lines += [
        f"{name}: Dice {np.mean(values):.3f} of {len(values)}"
        for (quantity, name, _), values in by.items()
        if quantity == "dice"
    ]
    return lines


def _landmark_line(title: str, names: Sequence[str], by: Mapping[tuple[str, str, str], list[float]]) -> str:
    def pooled(quantity: str, unit: str = "") -> list[float]:
        return [value for name in names for value in by.get((quantity, name, unit), [])]

    parts = []
    if there := pooled("found"):
        parts.append(f"found {int(sum(there))} of {len(there)}")
    for unit in ("px", "mm"):
        if errors := pooled("error", unit):
            parts.append(f"median error {np.median(errors):.1f} {unit}")
    if absent := pooled("false"):
        parts.append(f"falsely found {int(sum(absent))} of {len(absent)}")
    return f"{title}: {', '.join(parts)}"
