"""Labels of a CT on real radiographs: what its structures, landmarks and instruments look like from a found camera."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from synthex.core import Anatomy, Camera, InputError, Sample, Solid, atomic_path, to_log, write_json
from synthex.core.arrays import Image, Landmarks2, MaskStack
from synthex.data.encoding import encode_rle
from synthex.projection import project
from synthex.registration.pictures import grey

REVIEW_FILE, ANNOTATIONS_FILE = "review.csv", "annotations.json"
REVIEW_COLUMNS = ("case", "similarity", "margin", "accepted", "remark")
_YES, _NO = frozenset(("yes", "y", "1", "true")), frozenset(("no", "n", "0", "false"))
_DIGITAL_XRAY = UID("1.2.840.10008.5.1.4.1.1.1.1")
"""Digital X-Ray Image Storage, for presentation (PS3.4 B.5)."""


@dataclass(frozen=True, eq=False)
class Transferred:
    """Labels of one radiograph.

    Attributes:
        masks: S x H x W.
        landmarks: L x 2 (column, row), pixel centres at +0.5; NaN behind the source; they may lie outside the image.
    """

    masks: MaskStack
    landmarks: Landmarks2


def transfer(
    anatomy: Anatomy,
    structures: Sequence[str],
    landmarks: Sequence[str],
    camera: Camera,
    *,
    parts: Mapping[str, Camera] | None = None,
    solids: Mapping[str, Solid] | None = None,
    min_path_mm: float = 1.0,
) -> Transferred:
    """Project labels of a CT through a camera.

    Args:
        anatomy: The CT with its labels and landmarks.
        structures: Names of structures of the anatomy, or of ``solids``, in the order of the masks.
        landmarks: Names of landmarks that the anatomy has.
        camera: The found camera.
        parts: Cameras of structures that have poses of their own (``femur_left``); landmarks of a femoral head
            (``FH-l``, ``FH-r``) follow the femur of their side.
        solids: Instruments by name, in the CT's world.
        min_path_mm: Shortest way through a structure that counts.

    Raises:
        KeyError: The anatomy has no such structure or landmark.
    """
    parts, solids = parts or {}, solids or {}
    masks = np.zeros((len(structures), camera.height, camera.width), dtype=bool)
    by_camera: dict[int, tuple[Camera, list[int]]] = {}
    for number, name in enumerate(structures):
        seen_by = parts.get(name, camera)
        by_camera.setdefault(id(seen_by), (seen_by, []))[1].append(number)
    for seen_by, numbers in by_camera.values():
        bones = [number for number in numbers if structures[number] not in solids]
        bodies = [number for number in numbers if structures[number] in solids]
        ids = [anatomy.structures[structures[number]] for number in bones]
        chosen = [solids[structures[number]] for number in bodies]
        paths = project(anatomy.ct, anatomy.labels if ids else None, ids, seen_by, solids=chosen)
        masks[bones] = paths.label_path_mm > min_path_mm
        masks[bodies] = paths.solid_path_mm > 0
    points = np.full((len(landmarks), 2), np.nan)
    for number, name in enumerate(landmarks):
        femur = {"FH-l": "femur_left", "FH-r": "femur_right"}.get(name, "")
        points[number] = parts.get(femur, camera).project(anatomy.landmarks[name][None])[0]
    return Transferred(masks, points)


def read_review(path: Path) -> dict[str, tuple[str, str]]:
    """Decision (``yes``, ``no`` or empty) and remark of every case in a file of :func:`write_review`.

    Raises:
        InputError: It cannot be read, or a decision is neither yes nor no.
    """
    if not path.exists():
        return {}
    remedy = f"keep the columns {', '.join(REVIEW_COLUMNS)}; accepted is yes, no or empty"
    found: dict[str, tuple[str, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                said = (row["accepted"] or "").strip().lower()
                if said and said not in _YES | _NO:
                    raise InputError(path, "has a decision that is neither yes nor no", remedy)
                found[row["case"]] = ("yes" if said in _YES else "no" if said else "", row.get("remark") or "")
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, "is no table of decisions", remedy) from error
    return found


def write_review(path: Path, rows: Sequence[tuple[str, float, float, str, str]]) -> None:
    """Write the table that a person accepts or rejects cases in."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(REVIEW_COLUMNS)
        writer.writerows((case, f"{a:.3f}", f"{b:.3f}", said, remark) for case, a, b, said, remark in rows)


def write_annotations(
    folder: Path,
    cases: Sequence[tuple[str, Transferred]],
    structures: Sequence[str],
    landmarks: Sequence[str],
) -> None:
    """Write the COCO file of images ``images/<case>.dcm``, as :class:`synthex.data.real.PlainFolder` reads it.

    One category a structure with its run lengths, one of the landmarks. Landmarks outside an image keep their place,
    which says that they are absent.
    """
    categories: list[dict[str, Any]] = [
        {"id": number, "name": name, "supercategory": "structure"} for number, name in enumerate(structures, 1)
    ]
    points_id = len(structures) + 1
    if landmarks:
        categories.append({"id": points_id, "name": "landmarks", "keypoints": list(landmarks), "skeleton": []})
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (case, labels) in enumerate(cases, 1):
        height, width = labels.masks.shape[1:]
        images.append({"id": number, "file_name": f"images/{case}.dcm", "height": height, "width": width})
        for category, mask in enumerate(labels.masks, 1):
            if mask.any():
                annotations.append(_annotation(len(annotations) + 1, number, category, mask))
        if landmarks:
            flat: list[float] = []
            for column, row in labels.landmarks:
                flat += [float(column), float(row), 2] if np.isfinite((column, row)).all() else [0, 0, 0]
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": points_id, "keypoints": flat}
            annotations.append(entry)
    write_json(folder / ANNOTATIONS_FILE, {"images": images, "annotations": annotations, "categories": categories})


def _annotation(number: int, image: int, category: int, mask: np.ndarray) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": 1,
        "area": int(mask.sum()),
        "bbox": box,
        "segmentation": encode_rle(mask),
    }


def write_radiograph(path: Path, sample: Sample, subject: str, sdd_mm: float, source_patient_mm: float) -> None:
    """Write a sample's image as a DICOM file that says its pitch, its distances and that bone is bright.

    Nothing of the original file's tags is taken over. Pixels are 16 bits of the log image from its lowest to its
    highest value.
    """
    image = to_log(sample)
    low, high = float(image.min()), float(image.max())
    step = max(high - low, 1e-6) / 65535
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = _DIGITAL_XRAY, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[sample.case_id])
    data = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = _DIGITAL_XRAY, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID, data.PatientName = "DX", subject, ""
    data.Rows, data.Columns = image.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LOG", -1
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = _decimal(step), _decimal(low), "US"
    data.ImagerPixelSpacing = [_decimal(sample.pixel_mm)] * 2
    data.DistanceSourceToDetector, data.DistanceSourceToPatient = _decimal(sdd_mm), _decimal(source_patient_mm)
    data.PixelData = np.rint((image - low) / step).astype("<u2").tobytes()
    with atomic_path(path) as temporary:
        data.save_as(temporary, enforce_file_format=True)


def _decimal(value: float) -> str:
    """A number in the 16 characters of a DICOM decimal string."""
    return f"{value:.9g}"


def labelled(image: Image, labels: Transferred) -> UInt8[np.ndarray, "H W 3"]:
    """The radiograph with the outlines of masks and crosses at landmarks."""
    shown = np.dstack([grey(image)] * 3)
    thickness = max(1, max(image.shape) // 400)
    hues = np.linspace(0, 150, max(len(labels.masks), 1)).astype(np.uint8)
    for mask, hue in zip(labels.masks, hues, strict=False):
        shade = np.array([[[hue, 200, 255]]], dtype=np.uint8)
        colour = cv2.cvtColor(shade, cv2.COLOR_HSV2RGB)[0, 0].tolist()
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, outlines, -1, colour, thickness)
    for column, row in labels.landmarks[np.isfinite(labels.landmarks).all(axis=1)]:
        place = (int(np.clip(column, -1e4, 1e4)), int(np.clip(row, -1e4, 1e4)))
        cv2.drawMarker(shown, place, (255, 230, 0), cv2.MARKER_CROSS, 12 * thickness, thickness)
    return shown
