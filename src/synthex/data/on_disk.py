"""Reading back what :mod:`synthex.data.export` wrote, as a :class:`synthex.core.Reader`."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synthex.core import InputError, Reader, Sample, check_name, inside
from synthex.core.documents import parse_json, read_json
from synthex.core.limits import MAX_CASES, MAX_PIXELS, MAX_POINTS
from synthex.data.encoding import decode_rle, split_labels
from synthex.data.export import ANNOTATIONS_FILE, IMAGES_FILE, LABELS_FILE
from synthex.data.real.files import read_image
from synthex.data.real.hdf5 import keys, node, numbers, open_h5, reached, text
from synthex.data.real.hdf5 import row as read_row
from synthex.data.real.pictures import DAMAGE, told
from synthex.data.real.tool_folders import ToolFolders
from synthex.data.real.tool_layout import IMAGES as TOOL_IMAGES
from synthex.data.real.tool_layout import SIDECAR
from synthex.data.shards import find_shards

_REMEDY = "write it again with `synthex simulate`"


def open_export(folder: str | Path) -> Reader:
    """Open a folder written by ``synthex simulate``, whichever of the three formats it holds.

    A folder of the study's tool archive (``proj``, ``seg``, ``lands``) is opened too.

    Raises:
        InputError: There is no finished export in the folder, or it cannot be read.
    """
    folder = Path(folder)
    if (folder / IMAGES_FILE).exists() and (folder / LABELS_FILE).exists():
        return Hdf5Reader(folder / IMAGES_FILE, folder / LABELS_FILE)
    if (folder / ANNOTATIONS_FILE).exists():
        return FolderReader(folder)
    if (folder / ".staging").exists() and not (folder / SIDECAR).exists():
        raise InputError(folder, "holds an unfinished export", "run the same `synthex simulate` again to finish it")
    if find_shards(folder):
        raise InputError(folder, "holds an export in shards", "make one of them with `synthex data merge`")
    if (folder / TOOL_IMAGES).is_dir():
        return ToolFolders(folder)
    problem = f"has neither {IMAGES_FILE} and {LABELS_FILE} nor {ANNOTATIONS_FILE} nor {TOOL_IMAGES}"
    raise InputError(folder, problem, _REMEDY)


class Hdf5Reader:
    """The study's pair of HDF5 files (facts 4.1), ours with exact masks, the study's with exclusive ones.

    Args:
        images: Image file.
        labels: Label file; None when the images file holds both (facts 4.6).
        structures: Names of the label values 1, 2, …; needed where the file does not say them.
        pixel_mm: Pixel pitch where the file does not say it (the study's 4x files: 0.776).

    Raises:
        InputError: A file cannot be read or lacks a key.
    """

    def __init__(
        self,
        images: str | Path,
        labels: str | Path | None = None,
        structures: tuple[str, ...] | None = None,
        pixel_mm: float = 0.776,
    ) -> None:
        self._images_path, self._labels_path = Path(images), Path(labels or images)
        self._pixel_mm = pixel_mm
        self._files: tuple[h5py.File, h5py.File] | None = None
        with open_h5(self._images_path, _REMEDY) as file, open_h5(self._labels_path, _REMEDY) as label_file:
            count = int(numbers(file, "land-names/num-lands", (), self._images_path, _REMEDY))
            if not 0 <= count <= MAX_POINTS:
                raise InputError(self._images_path, f"land-names/num-lands is {count}", _REMEDY)
            self.landmarks = tuple(
                text(file, f"land-names/land-{index:02d}", self._images_path, _REMEDY) for index in range(count)
            )
            self.structures = self._structures(label_file, structures)
            self._cases: list[tuple[str, int, str]] = []
            for group in keys(file, self._images_path, _REMEDY):
                if group != "land-names":
                    self._cases += self._listed(file, label_file, group)
                if len(self._cases) > MAX_CASES:
                    raise InputError(self._images_path, f"has more than {MAX_CASES} images", _REMEDY)
            for _, _, case_id in self._cases:
                check_name(self._labels_path, case_id)

    def case_ids(self) -> tuple[str, ...]:
        """All cases, group by group."""
        return tuple(case for _, _, case in self._cases)

    def __len__(self) -> int:
        return len(self._cases)

    def __getstate__(self) -> dict[str, Any]:
        # Open HDF5 files do not survive being sent to a worker; each process opens its own.
        return self.__dict__ | {"_files": None}

    def __getitem__(self, index: int) -> Sample:
        if self._files is None:
            self._files = (open_h5(self._images_path, _REMEDY), open_h5(self._labels_path, _REMEDY))
        images, labels = self._files
        group, row, case_id = self._cases[index]

        def stored(key: str) -> np.ndarray | None:
            name, path = f"{group}/{key}", self._labels_path
            found = node(labels, name, path, _REMEDY) if reached(labels, name, path, _REMEDY) is not None else None
            return None if found is None else read_row(found, row, path, _REMEDY)

        try:
            pixels = node(images, f"{group}/projs", self._images_path, _REMEDY)
            image = read_row(pixels, row, self._images_path, _REMEDY).astype(np.float32)
            packed, exclusive, points = stored("masks"), stored("segs"), stored("lands")
            if packed is not None:
                masks = np.unpackbits(packed, axis=-1, count=image.shape[1]).astype(bool)
            else:
                masks = split_labels(np.asarray(exclusive), len(self.structures))
            points = np.asarray(points).T.astype(np.float64) + 0.5
            height, width = image.shape
            if not np.isfinite(points).all() or not np.isfinite(image).all():
                raise InputError(self._labels_path, f"case {case_id} holds NaN or infinity", _REMEDY)
            visible = np.asarray(((points >= 0) & (points <= (width, height))).all(axis=1))
            points[~visible] = np.nan
            exact = stored("landmarks")
            if exact is not None:
                # Taking half a pixel away and adding it again is not exact.
                points, visible = exact, np.isfinite(exact).all(axis=1)
            annotated, pixel_mm, magnification = stored("annotated"), stored("pixel-mm"), stored("magnification")
            record, outlined = stored("records"), stored("masks-annotated")
            attributes = images[group].attrs
            return Sample(
                case_id=case_id,
                subject_id=str(attributes.get("subject-id", group)),
                image=image,
                domain="intensity" if attributes.get("domain", "log") == "intensity" else "log",
                masks=masks,
                landmarks=points,
                visible=visible,
                annotated=np.ones(len(points), dtype=bool) if annotated is None else annotated,
                masks_annotated=np.ones(len(masks), dtype=bool) if outlined is None else outlined,
                pixel_mm=self._pixel_mm if pixel_mm is None else float(pixel_mm),
                magnification=1.0 if magnification is None else float(magnification),
                record={} if record is None else parse_json(self._labels_path, _as_text(record), _REMEDY, "a record"),
            )
        except DAMAGE as error:
            raise InputError(self._images_path, f"case {case_id} is damaged ({told(error)})", _REMEDY) from error

    def _structures(self, file: h5py.File, given: tuple[str, ...] | None) -> tuple[str, ...]:
        try:
            stored = file.attrs.get("structures")
        except DAMAGE as error:
            raise InputError(self._labels_path, f"cannot be read ({told(error)})", _REMEDY) from error
        if stored is None and given is None:
            raise InputError(self._labels_path, "does not name its structures", "pass structures=[...]")
        if stored is None:
            return tuple(given or ())
        names = parse_json(self._labels_path, stored, _REMEDY, "structures") if isinstance(stored, str) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(self._labels_path, "structures are no list of names", _REMEDY)
        return tuple(names)

    def _listed(self, images: h5py.File, labels: h5py.File, group: str) -> list[tuple[str, int, str]]:
        """The cases of a group, whose datasets must fit each other."""
        pixels = node(images, f"{group}/projs", self._images_path, _REMEDY)
        exclusive = node(labels, f"{group}/segs", self._labels_path, _REMEDY)
        points = node(labels, f"{group}/lands", self._labels_path, _REMEDY)
        if len(pixels.shape) != 3 or pixels.dtype.kind not in "iuf" or pixels.shape[0] > MAX_CASES:
            raise InputError(self._images_path, f"{group}/projs is no stack of grey images", _REMEDY)
        if math.prod(pixels.shape[1:]) > MAX_PIXELS:
            raise InputError(self._images_path, f"{group}/projs has images of too many pixels", _REMEDY)
        if exclusive.shape != pixels.shape or exclusive.dtype.kind not in "iu":
            raise InputError(self._labels_path, f"{group}/segs does not fit {group}/projs", _REMEDY)
        count = len(pixels)
        if points.shape != (count, 2, len(self.landmarks)) or points.dtype.kind not in "iuf":
            raise InputError(self._labels_path, f"{group}/lands is not N x 2 x {len(self.landmarks)}", _REMEDY)
        names = [f"{group}-{index:04d}" for index in range(count)]
        place = f"{group}/case-ids"
        if reached(labels, place, self._labels_path, _REMEDY) is not None:
            ids = node(labels, place, self._labels_path, _REMEDY)
            if ids.shape != (count,):
                raise InputError(self._labels_path, f"{place} does not fit {group}/projs", _REMEDY)
            names = [_as_text(read_row(ids, index, self._labels_path, _REMEDY)) for index in range(count)]
        return [(group, index, name) for index, name in enumerate(names)]


def _as_text(value: np.ndarray) -> str:
    """Text of a scalar that HDF5 gives as bytes or text."""
    content = value.item()
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


class FolderReader:
    """The folder of TIFF images with a COCO file.

    Args:
        folder: Folder that holds ``annotations.json`` and ``images/``.

    Raises:
        InputError: The annotations cannot be read or are not ours.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        path = self._folder / ANNOTATIONS_FILE
        document = read_json(path, _REMEDY)
        try:
            self.structures = tuple(map(str, document["info"]["structures"]))
            self.landmarks = tuple(map(str, document["categories"][0]["keypoints"]))
            self._images: tuple[dict[str, Any], ...] = tuple(document["images"])
            self._annotations = {entry["image_id"]: entry for entry in document["annotations"]}
            self._paths = [inside(self._folder, entry["file_name"], path) for entry in self._images]
            self._case_ids = tuple(check_name(path, file.stem) for file in self._paths)
        except DAMAGE as error:
            raise InputError(path, f"is not a synthex COCO file ({type(error).__name__})", _REMEDY) from error

    def case_ids(self) -> tuple[str, ...]:
        """All cases in the file's order."""
        return self._case_ids

    def __len__(self) -> int:
        return len(self._case_ids)

    def __getitem__(self, index: int) -> Sample:
        entry = self._images[index]
        image = read_image(self._paths[index])
        try:
            labels, meta = self._annotations[entry["id"]], entry["synthex"]
            areas = labels["segmentations"]
            known = np.asarray(meta.get("masks_annotated", [True] * len(self.structures)), dtype=bool)
            empty = np.zeros(image.shape, dtype=bool)
            rows = [
                decode_rle(areas[name]) if said else empty for name, said in zip(self.structures, known, strict=True)
            ]
            masks = np.stack(rows) if rows else np.zeros((0, *image.shape), dtype=bool)
            keypoints = np.asarray(labels["keypoints"], dtype=np.float64).reshape(-1, 3)
            visible = keypoints[:, 2] > 0
            return Sample(
                case_id=self._case_ids[index],
                subject_id=meta["subject_id"],
                image=image,
                domain=meta["domain"],
                masks=masks,
                landmarks=np.where(visible[:, None], keypoints[:, :2], np.nan),
                visible=visible,
                annotated=np.asarray(meta["annotated"], dtype=bool),
                masks_annotated=known,
                pixel_mm=meta["pixel_mm"],
                magnification=meta["magnification"],
                record=meta["record"],
            )
        except DAMAGE as error:
            problem = f"the entry of case {self._case_ids[index]} is damaged ({told(error)})"
            raise InputError(self._folder / ANNOTATIONS_FILE, problem, _REMEDY) from error
