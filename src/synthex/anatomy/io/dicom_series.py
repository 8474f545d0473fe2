"""Which series of a folder is the CT: every DICOM object below it is looked at, and what is no slice is passed over."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synthex import dicom
from synthex.anatomy.io.dicom_planes import CT_CLASSES, Plane, planes_of
from synthex.core import InputError
from synthex.core.limits import MAX_SLICES
from synthex.dicom import DicomFile

MAX_LEVELS = 8
"""Folders below each other in which slices are looked for."""

_CLAIMS = re.compile(r"(\.dcm|\.dicom|\.ima|\.\d+|)", re.IGNORECASE)
"""Endings by which files claim to be DICOM: UIDs as names end in numbers, and exports of archives in nothing."""
_DOCUMENTS = ("readme", "license", "licence", "copying", "version", "lockfile", "dicomdir", "autorun", "index")


@dataclass(frozen=True, eq=False)
class Series:
    """Slices that belong together.

    Attributes:
        number: How a user chooses it, from 1.
        planes: In no order.
        fault: Why it cannot be read, if so.
    """

    number: int
    planes: list[Plane]
    fault: InputError | None = None

    def summary(self, root: Path) -> str:
        """Number, slices, spacing and folder, in a few words."""
        if self.fault is not None:
            return f"{self.number}: cannot be read ({self.fault.path.name}: {self.fault.problem})"
        first = self.planes[0]
        along = np.sort([plane.position @ np.cross(*first.orientation.reshape(2, 3)) for plane in self.planes])
        step = float(np.median(np.diff(along))) if len(along) > 1 else 0.0
        folder = first.file.path.parent.relative_to(root) if root.is_dir() else Path()
        size = f"{len(self.planes)} slices of {first.layout.rows} x {first.layout.columns}"
        spacing = " x ".join(f"{value:.3g}" for value in (*first.spacing, step))
        return f"{self.number}: {size}, {spacing} mm{f' in {folder}' if folder.parts else ''}"


def ct_series(path: Path) -> tuple[list[Series], tuple[str, ...]]:
    """All CT series of a file or folder, numbered by their own numbers and then by place, and what was passed over.

    Passed over are objects that are no images (structure sets, reports, presentation states), images of other
    modalities, localizers and screenshots. Files that claim to be DICOM and are none, or are cut, are refused; a
    series whose headers cannot be used is kept with its fault, which choosing it raises.

    Raises:
        InputError: Nothing there is a CT, or a file is damaged.
    """
    others: Counter[str] = Counter()
    found: dict[str, list[DicomFile]] = {}
    for entry in _dicom_files(path) if path.is_dir() else [path]:
        file = dicom.open_dicom(entry)
        other = _other(file)
        if other:
            others[other] += 1
        else:
            found.setdefault(dicom.word(file, "SeriesInstanceUID"), []).append(file)
    if not found:
        if not others:
            raise InputError(path, "no DICOM files in this folder", "give the folder that holds the slices")
        kind = others.most_common(1)[0][0]
        raise InputError(path, f"{kind}, not CT", "give a CT in HU")
    order = sorted(found.values(), key=lambda files: (_own_number(files[0]), files[0].path))
    series = [_series(files) for files in order]
    volumes = [entry for entry in series if len(entry.planes) > 1 or entry.fault is not None]
    if volumes and len(volumes) < len(series):
        others["series of one slice"] += len(series) - len(volumes)
        series = volumes
    notes: tuple[str, ...] = ()
    if others:
        listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(others.items()))
        notes = (f"passed over beside the slices: {listed}",)
    return [replace(entry, number=number) for number, entry in enumerate(series, 1)], notes


def _series(files: list[DicomFile]) -> Series:
    try:
        return Series(0, [plane for file in files for plane in planes_of(file)])
    except InputError as error:
        return Series(0, [], error)


def chosen_series(path: Path, series: list[Series], number: int | None) -> Series:
    """The one series, or the one of that number.

    Raises:
        InputError: There are several and none is chosen, there is none of that number, or it cannot be read.
    """
    if (number is None and len(series) == 1) or (number is not None and 1 <= number <= len(series)):
        chosen = series[(number or 1) - 1]
        if chosen.fault is not None:
            raise chosen.fault
        return chosen
    listed = "; ".join(entry.summary(path) for entry in series[:20])
    many = f" (and {len(series) - 20} more)" if len(series) > 20 else ""
    what = f"{len(series)} CT series ({listed}{many})"
    if number is not None:
        raise InputError(path, f"no series {number}: {what}", f"choose one of them with series=1 to {len(series)}")
    raise InputError(path, what, f"choose one with data.series=1 to {len(series)} (data inspect: series=)")


def _dicom_files(folder: Path, level: int = 0) -> Iterator[Path]:
    """DICOM files below a folder by path; what pretends to be one comes along, for opening it says what is wrong."""
    files: list[Path] = []
    folders: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith("."):
            (folders if entry.is_dir() else files).append(entry)
    if len(files) > MAX_SLICES:
        raise InputError(folder, f"{len(files)} files; at most {MAX_SLICES} are looked at", "give the series alone")
    real = [entry for entry in files if dicom.is_dicom(entry)]
    yield from real
    looked_at = set(real)
    for entry in files:
        named = entry.suffix.lower() in (".dcm", ".dicom", ".ima")
        claims = _CLAIMS.fullmatch(entry.suffix) and entry.stem.lower() not in _DOCUMENTS and (named or real)
        if claims and entry not in looked_at:
            yield entry
    if level < MAX_LEVELS:
        for entry in folders:
            if not entry.is_symlink():
                yield from _dicom_files(entry, level + 1)


def _other(file: DicomFile) -> str:
    """What a file is if not a slice of a CT; empty for slices, whole or cut."""
    kind, code = dicom.word(file, "SOPClassUID"), dicom.modality(file)
    if (code != "CT" and (code or kind not in CT_CLASSES)) or (kind not in CT_CLASSES and not dicom.holds_image(file)):
        if not kind and not code:
            return ""  # cut, or no DICOM file: reading it says so
        return dicom.what_it_is(file) if code != "CT" else "object without pixels"
    words = dicom.word(file, "ImageType").upper().split("\\")
    if "LOCALIZER" in words:
        return "localizer"
    secondary = kind not in CT_CLASSES or "SECONDARY" in words[1:2]
    if secondary and not dicom.word(file, "ImagePositionPatient") and not dicom.word(file, "NumberOfFrames"):
        return "picture without a place"
    return ""


def _own_number(file: DicomFile) -> float:
    try:
        number = dicom.number(file, "SeriesNumber")
    except InputError:
        number = None
    return float("inf") if number is None else number
