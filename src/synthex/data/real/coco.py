"""Masks and points of a COCO file: polygons and run lengths to pixels (cocodataset.org, data format)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from synthex.core import InputError
from synthex.core.documents import read_json
from synthex.data.encoding import decode_rle
from synthex.data.real.dicom import Meaning
from synthex.data.real.pictures import DAMAGE

_COCO = "give a COCO file with images, annotations and categories"


@dataclass
class ImageLabels:
    """What is said about one image.

    Attributes:
        points: (column, row) by landmark, None where it is known to be outside.
        areas: Segmentations by structure, as the COCO file has them.
        unknown: Structures that an annotation says are there without saying where.
        listed: Whether the file lists the image: what it says nothing about is then known to be absent.
        size: Rows and columns, if they are said.
        subject: Who it is, empty if that is not said.
        meaning: What its pixels mean, if that is said.
    """

    points: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    areas: dict[str, list[Any]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    listed: bool = False
    size: tuple[int, int] | None = None
    subject: str = ""
    meaning: Meaning | None = None


def segmentation_mask(segmentation: Any, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels of a segmentation: a list of polygons (their union), or run lengths, compressed or not.

    Raises:
        ValueError: It is none of these, or of another size.
    """
    height, width = shape
    if isinstance(segmentation, list):
        mask = np.zeros(shape, dtype=bool)
        for polygon in segmentation:
            mask |= polygon_mask(np.asarray(polygon, dtype=np.float64), shape)
        return mask
    if not isinstance(segmentation, dict) or list(segmentation.get("size", ())) != [height, width]:
        raise ValueError(f"a segmentation is not of the {height} x {width} pixels of its image")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _counts(counts)
    if not isinstance(counts, list) or not all(isinstance(count, int) for count in counts):
        raise ValueError("a segmentation has no run lengths")
    return decode_rle({"size": [height, width], "counts": counts})


def polygon_mask(flat: np.ndarray, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Pixels whose centres (at +0.5) lie inside a polygon, by the even-odd rule.

    Args:
        flat: column, row, column, row, …, the pixel grid's corner at 0.
        shape: Rows and columns.

    Raises:
        ValueError: It has fewer than three corners or no finite ones.
    """
    if flat.ndim != 1 or flat.size < 6 or flat.size % 2 or not np.isfinite(flat).all():
        raise ValueError("a polygon has no three corners of two numbers")
    height, width = shape
    corners = flat.reshape(-1, 2)
    crossed = np.zeros((height, width + 1), dtype=np.int64)
    centres = np.arange(height) + 0.5
    for (column, row), (next_column, next_row) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        rows = np.flatnonzero((centres >= min(row, next_row)) & (centres < max(row, next_row)))
        at = column + (centres[rows] - row) / (next_row - row) * (next_column - column) if rows.size else centres[:0]
        # Every pixel whose centre is right of the edge changes sides.
        crossed[rows, np.clip(np.ceil(at - 0.5), 0, width).astype(np.int64)] += 1
    return np.cumsum(crossed, axis=1)[:, :width] % 2 == 1


def _counts(text: str) -> list[int]:
    """Run lengths from COCO's string: five bits a character, signed, from the fourth on as steps from two before."""
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("the run lengths of a segmentation are damaged")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            value -= (1 << shift) if bits & 0x10 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise ValueError("the run lengths of a segmentation are cut")
    return counts


def read_coco(path: Path) -> tuple[dict[str, ImageLabels], tuple[str, ...], tuple[str, ...]]:
    """Labels by image, and the names of structures and landmarks.

    A category without keypoints is a structure, one with keypoints if something has a segmentation of it.

    What is wrong is said without a word of the file, for names of files may be names of people.
    """
    document = read_json(path, _COCO)
    try:
        return _coco_labels(document)
    except KeyError as error:
        missing = str(error.args[0]) if error.args else ""
        known = missing if missing in _COCO_KEYS else "an id that it refers to"
        raise InputError(path, f"lacks {known}", _COCO) from None
    except CocoError as error:
        raise InputError(path, str(error), _COCO) from None
    except DAMAGE as error:
        raise InputError(path, f"is no COCO file ({type(error).__name__})", _COCO) from None


_COCO_KEYS = ("images", "annotations", "categories", "file_name", "id", "image_id", "category_id", "name")


class CocoError(ValueError):
    """What is wrong with a COCO file, in our words."""


def _coco_labels(document: Mapping[str, Any]) -> tuple[dict[str, ImageLabels], tuple[str, ...], tuple[str, ...]]:
    categories = {entry["id"]: entry for entry in document["categories"]}
    structures: dict[str, None] = {}
    names: dict[str, None] = {}
    for entry in categories.values():
        if not isinstance(entry["name"], str):
            raise CocoError("has a category whose name is no text")
        if not entry.get("keypoints"):
            structures[entry["name"]] = None
        for name in entry.get("keypoints", []):
            if not isinstance(name, str) or name in names:
                raise CocoError("has a keypoint without a name of its own")
            names[name] = None
    labels: dict[str, ImageLabels] = {}
    images: dict[Any, ImageLabels] = {}
    for image in document["images"]:
        size = (image["height"], image["width"]) if "height" in image and "width" in image else None
        if size is not None and not all(isinstance(side, int) and side > 0 for side in size):
            raise CocoError("has an image whose height or width is no number of pixels")
        if image["id"] in images or image["file_name"] in labels or not isinstance(image["file_name"], str):
            raise CocoError("lists an image twice or without a name")
        labels[image["file_name"]] = images[image["id"]] = ImageLabels(size=size, listed=True)
    for number, entry in enumerate(document["annotations"], 1):
        entries, category = images[entry["image_id"]], categories[entry["category_id"]]
        if entry.get("segmentation"):
            structures[category["name"]] = None
            entries.areas.setdefault(category["name"], []).append(entry["segmentation"])
        else:
            entries.unknown.add(category["name"])
        _keep_points(entries, category.get("keypoints", []), entry.get("keypoints", []), number)
    ordered = tuple(e["name"] for e in categories.values() if e["name"] in structures)
    if len(set(ordered)) != len(ordered):
        raise CocoError("has two categories of one name")
    return labels, ordered, tuple(names)


def _keep_points(labels: ImageLabels, names: Sequence[str], flat: Sequence[float], number: int) -> None:
    if not flat:
        return
    values = np.asarray(flat, dtype=np.float64)
    if values.shape != (3 * len(names),) or not np.isfinite(values).all():
        raise CocoError(f"annotation {number} has no three finite numbers for each of {len(names)} keypoints")
    for name, (column, row, visibility) in zip(names, values.reshape(-1, 3), strict=True):
        if visibility not in (0, 1, 2):
            raise CocoError(f"annotation {number} has a visibility other than 0, 1 and 2")
        if visibility == 0:
            continue
        if name in labels.points:
            raise CocoError(f"annotation {number} gives its image a keypoint for the second time")
        labels.points[name] = (float(column), float(row))
