"""Answers as annotations: COCO key points and masks, and 3D Slicer markups."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from synthex.data.encoding import decode_rle

_VISIBLE, _UNLABELLED = 2, 0


def coco(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A COCO file of answers in the form of :meth:`synthex.runs.Answer.to_json`.

    One category is ``landmarks``, with a key point each; absent ones have visibility 0. The others are structures, with
    uncompressed run lengths. Scores are confidences. Images of a file of several are named ``file#1``, ``file#2``.
    """
    answers = list(answers)
    landmarks = list(dict.fromkeys(name for answer in answers for name in answer["landmarks"]))
    structures = list(dict.fromkeys(name for answer in answers for name in answer["masks"]))
    categories: list[dict[str, Any]] = [{"id": number, "name": name} for number, name in enumerate(structures, 1)]
    points_id = len(categories) + 1
    if landmarks:
        categories.append({"id": points_id, "name": "landmarks", "keypoints": landmarks, "skeleton": []})
    several = {answer["file"] for answer in answers if answer["frame"] > 0}
    images, annotations = [], []
    for number, answer in enumerate(answers, 1):
        name = f"{answer['file']}#{answer['frame'] + 1}" if answer["file"] in several else answer["file"]
        images.append({"id": number, "file_name": name, "width": answer["width"], "height": answer["height"]})
        for category, structure in enumerate(structures, 1):
            if structure in answer["masks"]:
                made = _mask(answer["masks"][structure])
                if made is not None:
                    annotations.append(made | {"image_id": number, "category_id": category})
        present = [answer["landmarks"][name] for name in landmarks if answer["landmarks"].get(name, {}).get("present")]
        if present:
            flat: list[float] = []
            for name in landmarks:
                one = answer["landmarks"].get(name)
                there = one is not None and one["present"]
                flat += [one["column"], one["row"], _VISIBLE] if one is not None and there else [0, 0, _UNLABELLED]
            annotations.append(
                {
                    "image_id": number,
                    "category_id": points_id,
                    "keypoints": flat,
                    "num_keypoints": len(present),
                    "score": float(np.mean([one["confidence"] for one in present])),
                    "bbox": _box(present),
                    "area": float(np.prod(_box(present)[2:])),
                    "iscrowd": 0,
                }
            )
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    return {"images": images, "annotations": annotations, "categories": categories}


def slicer_markups(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A 3D Slicer markups file (``.mrk.json``) of one answer's present landmarks.

    Slicer takes a picture for a volume of one slice whose first voxel's centre is the origin, columns going left and
    rows going back (LPS), with the pitch that its file says, or 1 mm: so do the positions.
    """
    pitch = answer["pixel_mm"] or 1.0
    points = [
        {
            "id": str(number),
            "label": name,
            "description": f"confidence {one['confidence']:.3f}",
            "position": [(one["column"] - 0.5) * pitch, (one["row"] - 0.5) * pitch, 0.0],
            "selected": True,
            "visibility": True,
            "positionStatus": "defined",
        }
        for number, (name, one) in enumerate(answer["landmarks"].items(), 1)
        if one["present"]
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
    schema = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    return {"@schema": f"{schema}markups-schema-v1.0.3.json#", "markups": [markup]}


def _mask(rle: Mapping[str, Any]) -> dict[str, Any] | None:
    mask = decode_rle(dict(rle))
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]
    return {
        "segmentation": dict(rle),
        "area": int(mask.sum()),
        "bbox": [int(value) for value in box],
        "iscrowd": 1,  # COCO's word for run lengths
        "score": 1.0,
    }


def _box(points: Sequence[Mapping[str, Any]]) -> list[float]:
    places = np.array([(one["column"], one["row"]) for one in points])
    low, high = places.min(axis=0), places.max(axis=0)
    return [float(value) for value in (*low, *(high - low))]
