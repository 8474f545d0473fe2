"""CTs in DICOM: a series of single slices or enhanced multi-frame files, by one check of geometry and values.

Pixels are taken as they are stored and rescaled slice by slice. No tag's value reaches a message but numbers of the
geometry.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from synthex import dicom
from synthex.anatomy.io.dicom_planes import AGAIN, Plane
from synthex.anatomy.io.dicom_series import chosen_series, ct_series
from synthex.anatomy.io.grid import RAS_FROM_LPS, SHEAR_TOLERANCE, RawVolume, checked_affine
from synthex.core import Affine, InputError
from synthex.core.limits import MAX_PACKING, MAX_VOXELS

GAP_TOLERANCE = 0.02
"""Slices may deviate from the even grid by this share of the spacing (rounded decimal strings do)."""

AIR_HU = -1024
"""What padding becomes."""

MAX_HU = 1e5
"""Beyond any material and any padding."""

_TILT_DEG = 0.5
"""Gantry tilt below this is rounding."""


def read_dicom(path: Path, header_only: bool = False, series: int | None = None) -> RawVolume:
    """Read a CT from one file or from everything below a folder.

    Args:
        path: Enhanced multi-frame file, or folder with slices at any depth and other objects among them.
        header_only: Check the headers of every slice, leave the pixels unread.
        series: Number of the series where there are several, from 1.

    Raises:
        InputError: No CT, several series and none chosen, missing, repeated, shifted or contradictory slices, or
            pixels that are damaged.
    """
    found, notes = ct_series(path)
    planes = chosen_series(path, found, series).planes
    if len(planes) < 2:
        layout = planes[0].layout
        raise planes[0].problem(f"only one slice ({layout.rows} x {layout.columns} voxels)", "give the whole volume")
    ordered, affine, tilt = _grid(path, planes)
    notes = (*notes, *tilt, *_moved(ordered))
    layout = ordered[0].layout
    shape = (layout.columns, layout.rows, len(ordered))
    _require_alike(ordered)
    _require_plausible_size(path, ordered)
    return RawVolume(None if header_only else _values(path, ordered).T, shape, affine, notes)


def _grid(path: Path, planes: list[Plane]) -> tuple[list[Plane], Affine, tuple[str, ...]]:
    """Planes from one end to the other, RAS mm from their voxels, and what is to be said about tilt."""
    first = planes[0]
    for plane in planes[1:]:
        if (plane.layout.rows, plane.layout.columns) != (first.layout.rows, first.layout.columns):
            problem = f"slices of different sizes ({plane.name} and {first.name}; a localiser among them?)"
            raise InputError(path, problem, "keep one series per folder")
        turned = np.abs(plane.orientation - first.orientation).max() > 1e-3
        if turned or np.abs(plane.spacing - first.spacing).max() > 1e-4:
            problem = f"slices of different orientation or pixel spacing ({plane.name} and {first.name})"
            raise InputError(path, problem, "keep one series per folder")
    row, column = first.orientation[:3], first.orientation[3:]
    normal = np.cross(row, column)
    ordered = sorted(planes, key=lambda plane: float(plane.position @ normal))
    positions = np.stack([plane.position for plane in ordered])
    steps = np.diff(positions, axis=0)
    gaps = steps @ normal
    _require_even(path, ordered, gaps)
    step = float(np.median(gaps))
    tolerance = max(GAP_TOLERANCE * step, 0.01)
    sideways = steps - gaps[:, None] * normal
    shifts = np.linalg.norm(sideways - np.median(sideways, axis=0), axis=1)
    if shifts.max() > tolerance:
        worst = int(np.argmax(shifts))
        where = f"between {ordered[worst].name} and {ordered[worst + 1].name}"
        raise InputError(path, f"the slices step sideways, by {shifts[worst]:.2f} mm {where}", AGAIN)
    mean = (positions[-1] - positions[0]) / (len(ordered) - 1)
    places = [plane.place for plane in ordered]
    rising = np.sign(np.diff([place for place in places if place is not None]))
    if None not in places and not (rising == rising[0]).all():
        wrong = ordered[1 + int(np.argmax(rising != rising[0]))]
        raise wrong.problem("its number in the stack contradicts its position")
    lean = float(np.degrees(np.arccos(np.clip(mean @ normal / np.linalg.norm(mean), -1, 1))))
    if np.sin(np.radians(lean)) > SHEAR_TOLERANCE:
        problem = f"the volume is sheared: the gantry was tilted, slices lean by {lean:.1f} degrees"
        raise InputError(path, problem, "resample it to a rectangular grid")
    matrix = np.eye(4)
    # Pixel spacing is (between rows, between columns); i runs along a row (DICOM PS3.3 C.7.6.2.1.1).
    matrix[:3, 0], matrix[:3, 1] = row * first.spacing[1], column * first.spacing[0]
    matrix[:3, 2], matrix[:3, 3] = mean, positions[0]
    return ordered, checked_affine(path, RAS_FROM_LPS @ matrix), _tilt(ordered, normal)


def _require_even(path: Path, ordered: list[Plane], gaps: np.ndarray) -> None:
    """Refuse repeated and missing slices, and uneven gaps."""
    if gaps.min() < 1e-3:
        at = int(np.argmin(gaps))
        pair = f"{ordered[at].name} and {ordered[at + 1].name}"
        distinct = 1 + int((gaps >= 1e-3).sum())
        if len(ordered) % distinct == 0 and distinct > 1:
            problem = (
                f"two slices at one position ({pair}): each of {distinct} positions holds {len(ordered) // distinct}"
            )
            raise InputError(path, problem, "export one phase or reconstruction alone, or remove repeated slices")
        raise InputError(path, f"two slices at one position ({pair})", "remove repeated slices")
    step = float(np.median(gaps))
    off = np.abs(gaps - step)
    if off.max() > max(GAP_TOLERANCE * step, 0.01):
        at = int(np.argmax(off))
        missing = int(np.round(gaps / step - 1).clip(min=0).sum())
        what = f"{missing} slices are missing" if missing else "the slices are unevenly spaced"
        between = f"between {ordered[at].name} and {ordered[at + 1].name}"
        problem = f"{what} (gaps of {gaps.min():.2f} to {gaps.max():.2f} mm, {between})"
        raise InputError(path, problem, "export the complete series")


def _tilt(ordered: list[Plane], normal: np.ndarray) -> tuple[str, ...]:
    """What to say where the header speaks of a tilted gantry but the slices form a rectangular grid.

    Raises:
        InputError: The slices are those of the scanner, and lie as if nothing had been tilted.
    """
    plane = ordered[0]
    details = dicom.functional(plane.file, plane.frame, "CTAcquisitionDetailsSequence")
    tilt = dicom.number(plane.file, "GantryDetectorTilt", details)
    if tilt is None or abs(tilt) < _TILT_DEG:
        return ()
    lean = float(np.degrees(np.arccos(min(abs(normal[2]), 1.0))))
    if abs(lean - abs(tilt)) < 1:
        return (f"the gantry was tilted by {abs(tilt):.1f} degrees, and the slices with it",)
    if "DERIVED" in dicom.word(plane.file, "ImageType").upper():
        return (f"the gantry was tilted by {abs(tilt):.1f} degrees; the slices were resampled upright",)
    problem = f"the gantry was tilted by {abs(tilt):.1f} degrees, but the slices' positions do not show it"
    raise plane.problem(problem, "resample it to a rectangular grid, with a tilt of 0")


def _moved(ordered: list[Plane]) -> tuple[str, ...]:
    """What to say where single slices are numbered otherwise than they lie, as after a position was changed.

    The standard wants no order of instance numbers, and some archives number as they like; that is let pass.
    """
    words = [dicom.word(plane.file, "InstanceNumber") for plane in ordered]
    if any(plane.layout.frames > 1 for plane in ordered) or not all(
        word.isdecimal() and len(word) <= 12 for word in words
    ):
        return ()
    steps = np.sign(np.diff([int(word) for word in words]))
    odd = np.flatnonzero(steps != (1 if steps.sum() > 0 else -1))
    if not 0 < len(odd) <= max(2, len(ordered) // 10):
        return ()
    return (f"the slices' numbers do not follow their positions at {ordered[odd[0] + 1].name}: was a slice moved?",)


def _require_alike(ordered: list[Plane]) -> None:
    """Refuse series in which a few slices are stored otherwise: their headers were changed, or they are others'."""
    for what, key in (
        ("sign of pixels", lambda plane: plane.layout.signed),
        ("presence of rescale slope and intercept", lambda plane: plane.rescale is None),
    ):
        counts = Counter(map(key, ordered))
        if len(counts) > 1:
            rare = counts.most_common()[-1][0]
            odd = next(plane for plane in ordered if key(plane) == rare)
            raise odd.problem(f"slices disagree in the {what}; this one is among {counts[rare]} of {len(ordered)}")


def _require_plausible_size(path: Path, ordered: list[Plane]) -> None:
    """Compare the volume with what we hold at most, and with the bytes that it comes from."""
    layout = ordered[0].layout
    voxels = layout.rows * layout.columns * len(ordered)
    files = {plane.file.path for plane in ordered}
    packed = sum(file.stat().st_size for file in files)
    if voxels > MAX_VOXELS or 2 * voxels > MAX_PACKING * packed:
        problem = (
            f"{voxels} voxels from {packed} bytes; at most {MAX_VOXELS}, and {MAX_PACKING} bytes from one, are read"
        )
        raise InputError(path, problem, "crop or resample it")


def _values(path: Path, ordered: list[Plane]) -> np.ndarray:
    """HU, [k, row, column]."""
    layout = ordered[0].layout
    data = np.empty((len(ordered), layout.rows, layout.columns), dtype=np.int16)
    places: dict[Path, dict[int, int]] = {}
    for k, plane in enumerate(ordered):
        places.setdefault(plane.file.path, {})[plane.frame] = k
    for plane in ordered:
        frames = places.pop(plane.file.path, None)
        if frames is None:
            continue
        for frame, stored in enumerate(dicom.stored_frames(plane.file, plane.layout)):
            k = frames[frame]
            slope, intercept = ordered[k].rescale or (1.0, 0.0)
            values = np.rint(stored.values * slope + intercept)
            if stored.padded is not None:
                values[stored.padded] = AIR_HU
            if max(values.max(), -values.min()) > MAX_HU:
                raise ordered[k].problem(
                    f"values from {values.min():g} to {values.max():g} are not HU", "give a CT in HU"
                )
            data[k] = values.clip(-(2**15), 2**15 - 1)
    _require_one_scale(ordered, data)
    return data


def _require_one_scale(ordered: list[Plane], data: np.ndarray) -> None:
    """Hold slices of another rescale than most against their neighbours, which they must continue.

    Scanners may give every slice a rescale of its own; one that was changed afterwards leaves a slice that would fit
    better with the others' rescale.
    """
    counts = Counter(plane.rescale for plane in ordered)
    if len(counts) == 1:
        return
    usual = counts.most_common(1)[0][0] or (1.0, 0.0)
    for k, plane in enumerate(ordered):
        own = plane.rescale or (1.0, 0.0)
        if own == usual:
            continue
        values = data[k].astype(np.float64)
        beside = data[[n for n in (k - 1, k + 1) if 0 <= n < len(ordered)]]
        other = (values - own[1]) / own[0] * usual[0] + usual[1]
        if np.abs(beside - other).mean() < 0.5 * np.abs(beside - values).mean():
            raise plane.problem("its rescale is not that of the other slices, and contradicts its neighbours")
