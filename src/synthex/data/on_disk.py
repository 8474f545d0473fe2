"""Reading back what :mod:`synthex.data.export` wrote, as a :class:`synthex.core.Reader`."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

from synthex.core import InputError, Reader, Sample
from synthex.data.encoding import decode_rle, split_labels
from synthex.data.export import ANNOTATIONS_FILE, IMAGES_FILE, LABELS_FILE
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
        with _open(self._images_path) as file, _open(self._labels_path) as label_file:
            count = int(_need(file, "land-names/num-lands", self._images_path)[()])
            names = [_need(file, f"land-names/land-{index:02d}", self._images_path)[()] for index in range(count)]
            self.landmarks = tuple(n.decode() if isinstance(n, bytes) else str(n) for n in names)
            stored = label_file.attrs.get("structures")
            if stored is None and structures is None:
                raise InputError(self._labels_path, "does not name its structures", "pass structures=[...]")
            self.structures = tuple(json.loads(stored)) if stored is not None else tuple(structures or ())
            self._cases: list[tuple[str, int, str]] = []
            for group in sorted(key for key in file if key != "land-names"):
                images_of = _need(file, f"{group}/projs", self._images_path)
                if _need(label_file, f"{group}/segs", self._labels_path).shape != images_of.shape:
                    raise InputError(self._labels_path, f"{group}/segs does not fit {group}/projs", _REMEDY)
                if _need(label_file, f"{group}/lands", self._labels_path).shape != (len(images_of), 2, count):
                    raise InputError(self._labels_path, f"{group}/lands is not N x 2 x {count}", _REMEDY)
                ids = label_file[group].get("case-ids")
                self._cases += [
                    (group, index, ids[index].decode() if ids is not None else f"{group}-{index:04d}")
                    for index in range(len(images_of))
                ]

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
            self._files = (_open(self._images_path), _open(self._labels_path))
        images, labels = self._files
        group, row, case_id = self._cases[index]
        node = labels[group]
        try:
            image = images[f"{group}/projs"][row].astype(np.float32)
            if "masks" in node:
                bits = np.unpackbits(node["masks"][row], axis=-1, count=image.shape[1])
                masks = bits.astype(bool)
            else:
                masks = split_labels(node["segs"][row], len(self.structures))
            points = node["lands"][row].T.astype(np.float64) + 0.5
            exact = node["landmarks"][row] if "landmarks" in node else None
        except (OSError, ValueError, KeyError) as error:
            raise InputError(self._images_path, f"case {case_id} is damaged ({error})", _REMEDY) from error
        height, width = image.shape
        if not np.isfinite(points).all() or not np.isfinite(image).all():
            raise InputError(self._labels_path, f"case {case_id} holds NaN or infinity", _REMEDY)
        visible = ((points >= 0) & (points <= (width, height))).all(axis=1)
        points[~visible] = np.nan
        if exact is not None:
            # Taking half a pixel away and adding it again is not exact.
            points, visible = exact, np.isfinite(exact).all(axis=1)
        return Sample(
            case_id=case_id,
            subject_id=str(images[group].attrs.get("subject-id", group)),
            image=image,
            domain="intensity" if images[group].attrs.get("domain", "log") == "intensity" else "log",
            masks=masks,
            landmarks=points,
            visible=visible,
            annotated=node["annotated"][row] if "annotated" in node else np.ones(len(points), dtype=bool),
            pixel_mm=float(node["pixel-mm"][row]) if "pixel-mm" in node else self._pixel_mm,
            magnification=float(node["magnification"][row]) if "magnification" in node else 1.0,
            record=json.loads(node["records"][row]) if "records" in node else {},
        )


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
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            self.structures = tuple(document["info"]["structures"])
            self.landmarks = tuple(document["categories"][0]["keypoints"])
            self._images = document["images"]
            self._annotations = {entry["image_id"]: entry for entry in document["annotations"]}
            self._case_ids = tuple(Path(entry["file_name"]).stem for entry in self._images)
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise InputError(path, f"is not a synthex COCO file ({error!r})", _REMEDY) from error

    def case_ids(self) -> tuple[str, ...]:
        """All cases in the file's order."""
        return self._case_ids

    def __len__(self) -> int:
        return len(self._case_ids)

    def __getitem__(self, index: int) -> Sample:
        entry = self._images[index]
        path = self._folder / entry["file_name"]
        try:
            image = tifffile.imread(path).astype(np.float32)
        except (OSError, ValueError) as error:
            raise InputError(path, f"cannot be read ({error})", _REMEDY) from error
        try:
            labels, meta = self._annotations[entry["id"]], entry["synthex"]
            rows = [decode_rle(labels["segmentations"][name]) for name in self.structures]
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
                pixel_mm=meta["pixel_mm"],
                magnification=meta["magnification"],
                record=meta["record"],
            )
        except (KeyError, ValueError, TypeError) as error:
            problem = f"the entry of {entry.get('file_name')} is damaged ({error})"
            raise InputError(self._folder / ANNOTATIONS_FILE, problem, _REMEDY) from error


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(path, f"is not a readable HDF5 file ({error})", _REMEDY) from error


def _need(file: h5py.File, key: str, path: Path) -> Any:
    if key not in file:
        raise InputError(path, f"has no {key}", _REMEDY)
    return file[key]
