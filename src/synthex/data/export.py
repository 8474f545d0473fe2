"""Writing samples to disk: one HDF5 pair in the study's layout, or a folder of images with COCO labels.

Writing is resumable and never leaves half a file: each finished sample waits in ``.staging`` under its
final content, and only when all are there are the files that need all of them written, under a
temporary name, and renamed. Both formats are read back by :mod:`synthex.data.on_disk`.
"""

import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from PIL import Image as PILImage

from synthex.core import InputError, Sample, Vocabulary, atomic_path, check_name, write_json
from synthex.core.documents import parse_json, read_arrays, read_json
from synthex.data.encoding import encode_rle, exclusive_labels

SCHEMA = 1
IMAGES_FILE, LABELS_FILE, ANNOTATIONS_FILE = "images.h5", "labels.h5", "annotations.json"
REQUEST_FILE = "request.json"
NOT_VISIBLE = -1.0
"""Coordinate of a landmark that is not visible: outside the image, so the study's readers drop it too."""


class Staging:
    """Finished samples of an unfinished export.

    Args:
        folder: The export's folder.
        request: JSON values that say what is being exported; a folder that was begun with others is refused.

    Raises:
        InputError: The folder belongs to another export or cannot be written.
    """

    def __init__(self, folder: str | Path, request: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.path = self.folder / ".staging"
        request_file = self.folder / REQUEST_FILE
        wanted = json.loads(json.dumps(dict(request)))
        if request_file.exists():
            found = read_json(request_file, "delete the folder and start again")
            if not isinstance(found, dict):
                raise InputError(request_file, "is not what an export begins with", "delete the folder and start again")
            if found != wanted:
                changed = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
                raise InputError(
                    self.folder,
                    f"holds another export (different: {', '.join(changed)})",
                    "choose another output folder",
                )
        else:
            write_json(request_file, wanted)

    def missing(self, indices: int | range) -> list[int]:
        """Indices of a range, or below a number, that are not finished."""
        wanted = range(indices) if isinstance(indices, int) else indices
        return [index for index in wanted if not self.file(index).exists()]

    def add(self, index: int, sample: Sample) -> None:
        """Store one finished sample."""
        meta = {
            "case_id": sample.case_id,
            "subject_id": sample.subject_id,
            "domain": sample.domain,
            "pixel_mm": sample.pixel_mm,
            "magnification": sample.magnification,
            "record": dict(sample.record),
        }
        with atomic_path(self.file(index)) as path:
            np.savez_compressed(
                path,
                image=sample.image,
                masks=np.packbits(sample.masks),
                shape=np.array(sample.masks.shape),
                landmarks=sample.landmarks,
                visible=sample.visible,
                annotated=sample.annotated,
                masks_annotated=sample.masks_annotated,
                meta=np.array(json.dumps(meta)),
            )

    def get(self, index: int) -> Sample:
        """One finished sample.

        Raises:
            InputError: The staged file is damaged.
        """
        remedy = "delete it and run again"
        stored = read_arrays(self.file(index), remedy)
        try:
            meta = parse_json(self.file(index), str(stored["meta"]), remedy, "meta")
            check_name(self.file(index), meta["case_id"])
            shape = tuple(int(side) for side in stored["shape"])
            if len(shape) != 3 or min(shape) < 0 or shape[1:] != stored["image"].shape:
                raise ValueError("the masks do not fit the image")
            bits = np.unpackbits(stored["masks"], count=math.prod(shape))
            return Sample(
                image=stored["image"],
                masks=bits.astype(bool).reshape(shape),
                landmarks=stored["landmarks"],
                visible=stored["visible"],
                annotated=stored["annotated"],
                masks_annotated=stored["masks_annotated"] if "masks_annotated" in stored else np.zeros(0, dtype=bool),
                **meta,
            )
        except (ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError) as error:
            raise InputError(self.file(index), f"is damaged ({type(error).__name__})", remedy) from error

    def samples(self, count: int) -> Iterator[Sample]:
        """All samples in order."""
        return (self.get(index) for index in range(count))

    def clear(self) -> None:
        """Forget the staged samples; the export is complete."""
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, index: int) -> Path:
        """Where a finished sample is kept."""
        return self.path / f"{index:06d}.npz"


def write_hdf5(folder: str | Path, samples: Iterable[Sample], vocabulary: Vocabulary) -> tuple[Path, Path]:
    """Write the study's pair of files (facts 4.1): images with landmark names, and labels.

    Groups are subjects, numbered "01", "02", … in order of appearance. Coordinates follow the study:
    pixel centres at integers, so half a pixel less than ours; a landmark that is not visible is at
    (-1, -1). Beyond the study's keys, ``NN/masks`` keeps the overlapping masks (bits packed along the
    columns), ``NN/landmarks`` the points in full precision (N x L x 2, column and row, pixel centres at +0.5,
    NaN where not visible); ``NN/annotated``, ``NN/pixel-mm``, ``NN/magnification``, ``NN/case-ids`` and ``NN/records``
    make the round trip exact.

    Returns:
        Paths of the image file and of the label file.
    """
    folder = Path(folder)
    groups: dict[str, str] = {}
    with (
        atomic_path(folder / IMAGES_FILE) as images_path,
        atomic_path(folder / LABELS_FILE) as labels_path,
        h5py.File(images_path, "w") as images,
        h5py.File(labels_path, "w") as labels,
    ):
        images.attrs["synthex-schema"] = labels.attrs["synthex-schema"] = SCHEMA
        images["land-names/num-lands"] = len(vocabulary.landmarks)
        for index, name in enumerate(vocabulary.landmarks):
            images[f"land-names/land-{index:02d}"] = name
        labels.attrs["structures"] = json.dumps(vocabulary.structures)
        for sample in samples:
            group = groups.setdefault(sample.subject_id, f"{len(groups) + 1:02d}")
            _append(images, f"{group}/projs", sample.image)
            images[group].attrs.update({"subject-id": sample.subject_id, "domain": sample.domain})
            points = np.where(sample.visible[:, None], sample.landmarks - 0.5, NOT_VISIBLE)
            _append(labels, f"{group}/segs", exclusive_labels(sample.masks))
            _append(labels, f"{group}/masks", np.packbits(sample.masks, axis=-1))
            _append(labels, f"{group}/lands", points.T)
            shown = np.where(sample.visible[:, None], sample.landmarks, np.nan)
            _append(labels, f"{group}/landmarks", shown.astype(np.float64))
            _append(labels, f"{group}/annotated", sample.annotated)
            key = f"{group}/masks-annotated"
            if key in labels or not sample.masks_annotated.all():
                for _ in range(len(labels[f"{group}/annotated"]) - 1 if key not in labels else 0):
                    _append(labels, key, np.ones_like(sample.masks_annotated))
                _append(labels, key, sample.masks_annotated)
            _append(labels, f"{group}/pixel-mm", np.float64(sample.pixel_mm))
            _append(labels, f"{group}/magnification", np.float64(sample.magnification))
            _append(labels, f"{group}/case-ids", sample.case_id)
            _append(labels, f"{group}/records", json.dumps(dict(sample.record)))
    return folder / IMAGES_FILE, folder / LABELS_FILE


def write_folder(folder: str | Path, samples: Iterable[Sample], vocabulary: Vocabulary) -> Path:
    """Write ``images/*.tiff`` (float32), ``png/*.png`` (8-bit view), ``labels/*.png`` and COCO annotations.

    The COCO file has one annotation a case: keypoints ``[x, y, v]`` (COCO's convention, pixel centres
    at +0.5; v = 2 visible, 0 absent), one RLE a structure under ``segmentations`` and one box a structure
    under ``bboxes``; ``segmentation`` and ``bbox`` are those of their union, so that plain COCO tools can read it.
    A structure whose mask is not annotated is left out of
    them, and ``masks_annotated`` under ``synthex`` says so.
    Boxes are [left, top, width, height] in pixels, all 0 where there is no pixel. Lines that a task draws (the
    centre line of an instrument) are under ``polylines``: name to [[column, row], …], pixel centres at +0.5.

    Returns:
        Path of ``annotations.json``.
    """
    folder = Path(folder)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, sample in enumerate(samples, 1):
        name = check_name(folder, sample.case_id)
        with atomic_path(folder / "images" / f"{name}.tiff") as path:
            tifffile.imwrite(path, sample.image, compression="zlib")
        _write_png(folder / "png" / f"{name}.png", _to_display(sample))
        _write_png(folder / "labels" / f"{name}.png", exclusive_labels(sample.masks))
        height, width = sample.image.shape
        meta = {
            "subject_id": sample.subject_id,
            "domain": sample.domain,
            "pixel_mm": sample.pixel_mm,
            "magnification": sample.magnification,
            "annotated": sample.annotated.tolist(),
            "record": dict(sample.record),
        }
        if not sample.masks_annotated.all():
            meta["masks_annotated"] = sample.masks_annotated.tolist()
        images.append(
            {"id": number, "file_name": f"images/{name}.tiff", "height": height, "width": width, "synthex": meta}
        )
        annotations.append(_annotation(number, sample, vocabulary))
    categories = [{"id": 1, "name": "case", "keypoints": list(vocabulary.landmarks), "skeleton": []}]
    document = {
        "info": {"description": "synthex export", "synthex_schema": SCHEMA, "structures": list(vocabulary.structures)},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    write_json(folder / ANNOTATIONS_FILE, document)
    return folder / ANNOTATIONS_FILE


def _append(file: h5py.File, key: str, value: np.ndarray | np.generic | str) -> None:
    """Add one row to a growing dataset, so that an export of any size needs the memory of one sample."""
    if key not in file:
        dtype = h5py.string_dtype() if isinstance(value, str) else value.dtype
        shape = () if isinstance(value, str) else value.shape
        packing = "gzip" if len(shape) > 1 else None
        # A task without landmarks has empty rows of them: HDF5 wants chunks that are not, and room for these.
        chunks = (1 if packing else 64, *(max(1, side) for side in shape))
        most = (None, *(side or None for side in shape))
        file.create_dataset(key, (0, *shape), dtype, maxshape=most, chunks=chunks, compression=packing)
    rows = file[key]
    rows.resize(len(rows) + 1, axis=0)
    rows[-1] = value


def _annotation(number: int, sample: Sample, vocabulary: Vocabulary) -> dict[str, Any]:
    union = np.zeros(sample.image.shape, dtype=bool)
    for mask in sample.masks:
        union |= mask
    named = {
        name: mask
        for name, mask, known in zip(vocabulary.structures, sample.masks, sample.masks_annotated, strict=True)
        if known
    }
    keypoints: list[float] = []
    for point, visible in zip(sample.landmarks, sample.visible, strict=True):
        keypoints += [float(point[0]), float(point[1]), 2] if visible else [0, 0, 0]
    annotation = {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "area": int(union.sum()),
        "bbox": _box(union),
        "num_keypoints": int(sample.visible.sum()),
        "keypoints": keypoints,
        "segmentation": encode_rle(union),
        "segmentations": {name: encode_rle(mask) for name, mask in named.items()},
        "bboxes": {name: _box(mask) for name, mask in named.items()},
    }
    lines = sample.record.get("targets", {}).get("polylines")
    return annotation | ({"polylines": dict(lines)} if lines else {})


def _box(mask: np.ndarray) -> list[int]:
    """[left, top, width, height] of the pixels of a mask, zeros where it has none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return [0, 0, 0, 0]
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def _to_display(sample: Sample) -> np.ndarray:
    """8-bit view, bone bright, 0.5 to 99.5 percentile window."""
    image = sample.image if sample.domain == "log" else -np.log(np.clip(sample.image, 1e-6, None))
    low, high = np.percentile(image, (0.5, 99.5))
    return (np.clip((image - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)


def _write_png(target: Path, pixels: np.ndarray) -> None:
    with atomic_path(target) as path:
        PILImage.fromarray(pixels).save(path, format="PNG")
