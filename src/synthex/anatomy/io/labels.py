"""Reading label maps onto the grid of their CT, and checking that they can be of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthex.anatomy.io.ct import read_any
from synthex.anatomy.io.grid import RawVolume, TurnedArray, to_ras
from synthex.anatomy.io.images import read_raw, require_readable, volume_stem, volume_suffix
from synthex.anatomy.io.names import (
    LESION_NAMES,
    NamesOption,
    Numbering,
    choose_groups,
    given_numbering,
    group_numbering,
    nearest,
)
from synthex.anatomy.io.parts import measure_parts, named_parts
from synthex.anatomy.io.recognise import check_anatomy, check_bone_density, recognise_numbering
from synthex.anatomy.io.segments import is_segmentation, read_segments
from synthex.core import Affine, InputError, Volume
from synthex.core.arrays import VoxelArray

GRID_TOLERANCE = 0.05
"""Corners of both grids may differ by this share of a voxel: headers in single precision do."""

LEAST_INSIDE = 0.5
"""Least share of labelled voxels that must lie in the CT: a CT may be cut out of a longer scan."""

MAX_ID = 2**20
"""Larger values are not ids that a person or a tool numbered."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Labels with names.

    Attributes:
        volume: uint8 ids on the CT's grid, 0 is background.
        structures: Name to id. With a grouping, every group that the file can name (also one without
            voxels), numbered from 1 in the group's order; without, the names that occur, with their own
            ids where these fit into uint8.
        numbering: Where the names come from, in words.
        checks: What was found to hold about places and HU, in words.
    """

    volume: Volume
    structures: Mapping[str, int]
    numbering: str
    checks: tuple[str, ...] = ()


def read_labels(
    path: str | Path,
    ct: Volume,
    names: NamesOption = None,
    structures: str | Path | Mapping[str, Any] | None = None,
) -> LabelMap:
    """Read a label map, or a folder of one mask file per structure as TotalSegmentator writes it.

    A map on another grid is taken over by nearest neighbours, if what it labels lies in the CT. Sides, order and HU
    of what is named are checked (:mod:`synthex.anatomy.io.recognise`).

    Args:
        path: Label file, 3D Slicer segmentation (``.seg.nrrd``, by the names of its segments), or folder of
            ``<structure>.nii.gz``.
        ct: The canonical CT.
        names: Numbering, see :func:`~synthex.anatomy.io.names.given_numbering`; unused for a folder and for a
            segmentation.
        structures: Grouping, see :func:`~synthex.anatomy.io.names.choose_groups`.

    Raises:
        InputError: Unreadable, not of this CT, values that are no ids, ids or structures without a name, names that
            contradict anatomy, bone that is none.
    """
    path = Path(path)
    require_readable(path)
    groups = choose_groups(structures)
    given = given_numbering(names)
    files = mask_files(path) if path.is_dir() else {}
    note = ""
    if files:
        numbering = Numbering("one mask file per structure", {name: (i,) for i, name in enumerate(files, start=1)})
        wanted = group_numbering(path, numbering, groups)
        ids = _merge_masks(files, numbering, wanted, ct)
        parts = measure_parts(Volume(ids, ct.world_from_ijk), ct)
    else:
        raw, known = read_segments(path) if is_segmentation(path) else (read_any(path), given)
        assert raw.data is not None  # read in full
        ids, note = _on_ct_grid(path, _as_ids(path, raw.data), raw.world_from_ijk, ct)
        used = _used_ids(ids)
        if not used:
            raise InputError(path, "the label map is empty", "segment the CT again")
        parts = measure_parts(Volume(ids, ct.world_from_ijk), ct)
        numbering = recognise_numbering(path, used, parts) if known is None else known
        _require_names(path, used, numbering)
        wanted = group_numbering(path, numbering, groups)
    labels, structures = _renumbered(path, ids, wanted, grouped=groups is not None)
    volume = Volume(labels, ct.world_from_ijk)
    # By the names of the file, which say more than those of groups, and of these what is asked for.
    asked = {number for numbers in wanted.ids.values() for number in numbers}
    named = {name: ids for name, ids in numbering.ids.items() if asked.intersection(ids)}
    checks = check_bone_density(path, volume, ct, structures) + check_anatomy(path, named_parts(parts, named))
    return LabelMap(volume, structures, wanted.source, (note, *checks) if note else checks)


def read_label_map(path: str | Path, names: NamesOption = None) -> tuple[Volume, Numbering]:
    """Read a label map that has no CT, on its own grid.

    Args:
        path: Label file, or 3D Slicer segmentation.
        names: Numbering, see :func:`~synthex.anatomy.io.names.given_numbering`.

    Returns:
        Ids of the file in RAS order, and their names.

    Raises:
        InputError: Unreadable, values that are no ids, ids without a name, names that contradict anatomy.
    """
    path = Path(path)
    require_readable(path)
    raw, known = read_segments(path) if is_segmentation(path) else (read_any(path), given_numbering(names))
    assert raw.data is not None  # read in full
    ids, affine = to_ras(_as_ids(path, raw.data), raw.world_from_ijk)
    volume = Volume(ids, affine)
    used = _used_ids(ids)
    if not used:
        raise InputError(path, "the label map is empty", "segment the CT again")
    parts = measure_parts(volume)
    numbering = recognise_numbering(path, used, parts) if known is None else known
    _require_names(path, used, numbering)
    check_anatomy(path, named_parts(parts, {n: i for n, i in numbering.ids.items() if set(i).intersection(used)}))
    return volume, numbering


def _require_names(path: Path, used: Iterable[int], numbering: Numbering) -> None:
    known = {number for numbers in numbering.ids.values() for number in numbers}
    unknown = [value for value in used if value not in known]
    if unknown:
        shown = ", ".join(str(value) for value in unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            path,
            f"ids without a name in {numbering.source}: {shown}{nearest(str(unknown[0]), map(str, sorted(known)))}",
            "name them in a labels.yaml beside it ('name: id') or choose label_names",
        )


def check_labels(path: str | Path, grid: RawVolume, names: NamesOption = None) -> None:
    """Check what shows without reading voxels: readable, a grid that meets the CT's, names that can be read.

    Raises:
        InputError: As :func:`read_labels`.
    """
    path = Path(path)
    require_readable(path)
    given_numbering(names)
    ct = _canonical_shape(grid)
    for file in mask_files(path).values() if path.is_dir() else [path]:
        raw = read_segments(file, header_only=True)[0] if is_segmentation(file) else read_any(file, header_only=True)
        _require_same_space(file, *_canonical_shape(raw), *ct)


def mask_files(folder: Path) -> dict[str, Path]:
    """Structure name to mask file, by name, for a folder as TotalSegmentator writes it."""
    files = (entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.name.startswith("."))
    return {volume_stem(entry): entry for entry in files if volume_suffix(entry)}


def _canonical_shape(raw: RawVolume) -> tuple[tuple[int, ...], Affine]:
    stand_in = np.broadcast_to(np.uint8(0), raw.shape)  # no memory: only its shape is turned
    data, affine = to_ras(stand_in, raw.world_from_ijk)
    return data.shape, affine


def _require_same_space(
    path: Path, shape: tuple[int, ...], affine: Affine, ct_shape: tuple[int, ...], ct_affine: Affine
) -> bool:
    """Whether labels have the CT's grid; refused where they have as many voxels in other places, or lie beside it."""
    corners = _corners(shape)
    if tuple(shape) == tuple(ct_shape):
        shift = float(np.abs(affine.apply(corners) - ct_affine.apply(corners)).max())
        if shift > GRID_TOLERANCE * np.linalg.norm(ct_affine.linear, axis=0).min():
            problem = f"labels on another grid than the CT, of as many voxels: up to {shift:.2f} mm apart"
            raise InputError(path, problem, "correct the header, or resample the labels onto the CT's grid")
        return True
    low, high = (f(ct_affine.apply(_corners(ct_shape)), axis=0) for f in (np.min, np.max))
    mine = affine.apply(corners)
    if (mine.max(axis=0) < low).any() or (mine.min(axis=0) > high).any():
        raise InputError(
            path, "the labels' grid lies beside the CT", "give the labels of this CT, or correct the header"
        )
    return False


def _corners(shape: tuple[int, ...]) -> np.ndarray:
    return np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T.astype(np.float64)


def _on_ct_grid(path: Path, data: VoxelArray, affine: Affine, ct: Volume) -> tuple[TurnedArray, str]:
    """Labels on the CT's grid, and what was done to bring them there."""
    turned, turned_affine = to_ras(data, affine)
    if _require_same_space(path, turned.shape, turned_affine, ct.shape, ct.world_from_ijk):
        return turned, ""
    labelled = np.argwhere(turned)
    if len(labelled):
        labelled = labelled[:: max(1, len(labelled) // 100_000)]
        at = ct.world_from_ijk.inverse().apply(turned_affine.apply(labelled.astype(np.float64)))
        inside = float(((at > -1) & (at < np.array(ct.shape))).all(axis=1).mean())
        if inside < LEAST_INSIDE:
            problem = f"labels on another grid than the CT, and {100 * (1 - inside):.0f} % of them lie outside it"
            raise InputError(path, problem, "give the labels of this CT, or correct the header")
    from scipy import ndimage

    moved = (turned_affine.inverse() @ ct.world_from_ijk).matrix
    values = turned.astype(np.int32 if turned.dtype.itemsize > 2 else np.uint16)
    found = ndimage.affine_transform(
        values, moved[:3, :3], moved[:3, 3], output_shape=ct.shape, order=0, mode="constant", cval=0
    )
    return found, "resampled onto the CT's grid (nearest neighbour)"


def _as_ids(path: Path, data: VoxelArray) -> VoxelArray:
    """The values as whole numbers that can index a table."""
    if data.dtype.kind == "f" and not (np.isfinite(data).all() and (data == np.rint(data)).all()):
        raise InputError(path, "values that are no whole numbers", "give a label map, not probabilities or a CT")
    low, high = float(data.min()), float(data.max())
    if low < 0:
        raise InputError(path, f"negative values (down to {low:g})", "give a label map, not a CT")
    if high > MAX_ID:
        raise InputError(path, f"ids up to {high:g}, beyond {MAX_ID}", "number the structures from 1 up")
    return data if data.dtype.kind in "iu" else data.astype(np.int32)


def _used_ids(ids: VoxelArray) -> list[int]:
    """Ids that occur, without 0; far quicker than sorting the voxels."""
    seen = np.zeros(int(ids.max()) + 1, dtype=bool)
    seen[ids] = True
    return [int(number) for number in np.flatnonzero(seen) if number > 0]


def _merge_masks(files: Mapping[str, Path], numbering: Numbering, wanted: Numbering, ct: Volume) -> VoxelArray:
    """Ids of the numbering from mask files; only files that are wanted are opened, later names win overlaps.

    Lesions come last: they lie within the mask of a lung.
    """
    needed = {number for numbers in wanted.ids.values() for number in numbers}
    merged = np.zeros(ct.shape, dtype=np.uint16)
    for name, file in sorted(files.items(), key=lambda item: item[0] in LESION_NAMES):
        (number,) = numbering.ids[name]
        if number in needed:
            raw = read_raw(file)
            assert raw.data is not None  # read in full
            low, high = raw.data.min(), raw.data.max()
            if not np.isin(raw.data, (low, high)).all():
                raise InputError(file, "more than two values, so it is no mask", "give one mask for each structure")
            mask = (raw.data > 0).astype(np.uint8)
            merged[_on_ct_grid(file, mask, raw.world_from_ijk, ct)[0] > 0] = number
    return merged


def _renumbered(path: Path, data: VoxelArray, numbering: Numbering, grouped: bool) -> tuple[VoxelArray, dict[str, int]]:
    """Map file ids to uint8 ids; ids that no structure claims become background."""
    used = set(_used_ids(data))
    names = numbering.ids if grouped else {n: ids for n, ids in numbering.ids.items() if used.intersection(ids)}
    if grouped and not used.intersection(number for ids in names.values() for number in ids):
        raise InputError(path, f"none of {', '.join(names)} occurs in it", "check label_names and structures")
    own_ids = not grouped and max((ids[0] for ids in names.values()), default=0) <= 255
    structures = {name: ids[0] if own_ids else index for index, (name, ids) in enumerate(names.items(), start=1)}
    if len(structures) > 255:
        raise InputError(path, f"{len(structures)} structures, more than 255", "choose fewer with structures=")
    target = {number: structures[name] for name, ids in names.items() for number in ids}
    table = np.zeros(int(data.max()) + 1, dtype=np.uint8)
    for number in used & target.keys():
        table[number] = target[number]
    return np.ascontiguousarray(table[data]), structures
