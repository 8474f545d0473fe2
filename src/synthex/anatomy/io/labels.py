"""Reading label maps onto the grid of their CT."""

from collections.abc import Mapping
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
    choose_numbering,
    group_numbering,
    nearest,
)
from synthex.core import Affine, InputError, Volume
from synthex.core.arrays import VoxelArray

GRID_TOLERANCE = 0.05
"""Corners of both grids may differ by this share of a voxel: headers in single precision do."""

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
    """

    volume: Volume
    structures: Mapping[str, int]
    numbering: str


def read_labels(
    path: str | Path,
    ct: Volume,
    names: NamesOption = None,
    structures: str | Path | Mapping[str, Any] | None = None,
) -> LabelMap:
    """Read a label map, or a folder of one mask file per structure as TotalSegmentator writes it.

    Args:
        path: Label file, or folder of ``<structure>.nii.gz``.
        ct: The canonical CT; the labels must be on its grid, in any axis order.
        names: Numbering, see :func:`~synthex.anatomy.io.names.choose_numbering`; unused for a folder.
        structures: Grouping, see :func:`~synthex.anatomy.io.names.choose_groups`.

    Raises:
        InputError: Unreadable, another grid, values that are no ids, ids or structures without a name.
    """
    path = Path(path)
    require_readable(path)
    groups = choose_groups(structures)
    files = mask_files(path) if path.is_dir() else {}
    if files:
        numbering = Numbering("one mask file per structure", {name: (i,) for i, name in enumerate(files, start=1)})
        wanted = group_numbering(path, numbering, groups)
        ids = _merge_masks(files, numbering, wanted, ct)
        return _named(path, ids, wanted, ct, grouped=groups is not None)
    raw = read_any(path)
    assert raw.data is not None  # read in full
    ids = _as_ids(path, _on_ct_grid(path, raw.data, raw.world_from_ijk, ct))
    used = _used_ids(ids)
    if not used:
        raise InputError(path, "the label map is empty", "segment the CT again")
    numbering = choose_numbering(names, used)
    known = {number for numbers in numbering.ids.values() for number in numbers}
    unknown = [value for value in used if value not in known]
    if unknown:
        shown = ", ".join(str(value) for value in unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            path,
            f"ids without a name in {numbering.source}: {shown}{nearest(str(unknown[0]), map(str, sorted(known)))}",
            "name them in a labels.yaml beside it ('name: id') or choose label_names",
        )
    wanted = group_numbering(path, numbering, groups)
    return _named(path, ids, wanted, ct, grouped=groups is not None)


def check_labels(path: str | Path, grid: RawVolume, names: NamesOption = None) -> None:
    """Check what shows without reading voxels: readable, on the CT's grid, names that can be read.

    Raises:
        InputError: As :func:`read_labels`.
    """
    path = Path(path)
    require_readable(path)
    choose_numbering(names, ())
    ct = _canonical_shape(grid)
    for file in mask_files(path).values() if path.is_dir() else [path]:
        _require_same_grid(file, *_canonical_shape(read_any(file, header_only=True)), *ct)


def mask_files(folder: Path) -> dict[str, Path]:
    """Structure name to mask file, by name, for a folder as TotalSegmentator writes it."""
    files = (entry for entry in sorted(folder.iterdir()) if entry.is_file() and not entry.name.startswith("."))
    return {volume_stem(entry): entry for entry in files if volume_suffix(entry)}


def _canonical_shape(raw: RawVolume) -> tuple[tuple[int, ...], Affine]:
    stand_in = np.broadcast_to(np.uint8(0), raw.shape)  # no memory: only its shape is turned
    data, affine = to_ras(stand_in, raw.world_from_ijk)
    return data.shape, affine


def _require_same_grid(
    path: Path, shape: tuple[int, ...], affine: Affine, ct_shape: tuple[int, ...], ct_affine: Affine
) -> None:
    remedy = "resample the labels onto the CT's grid (nearest neighbour)"
    if tuple(shape) != tuple(ct_shape):
        theirs, ours = (" x ".join(str(n) for n in size) for size in (shape, ct_shape))
        raise InputError(path, f"labels on another grid than the CT: {theirs} voxels, the CT has {ours}", remedy)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T.astype(np.float64)
    shift = float(np.abs(affine.apply(corners) - ct_affine.apply(corners)).max())
    if shift > GRID_TOLERANCE * np.linalg.norm(ct_affine.linear, axis=0).min():
        raise InputError(path, f"labels on another grid than the CT: up to {shift:.2f} mm apart", remedy)


def _on_ct_grid(path: Path, data: VoxelArray, affine: Affine, ct: Volume) -> TurnedArray:
    turned, turned_affine = to_ras(data, affine)
    _require_same_grid(path, turned.shape, turned_affine, ct.shape, ct.world_from_ijk)
    return turned


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
            mask = _on_ct_grid(file, raw.data, raw.world_from_ijk, ct)
            low, high = mask.min(), mask.max()
            if not np.isin(mask, (low, high)).all():
                raise InputError(file, "more than two values, so it is no mask", "give one mask for each structure")
            merged[mask > 0] = number
    return merged


def _named(path: Path, data: VoxelArray, numbering: Numbering, ct: Volume, grouped: bool) -> LabelMap:
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
    labels = np.ascontiguousarray(table[data])
    return LabelMap(Volume(labels, ct.world_from_ijk), structures, numbering.source)
