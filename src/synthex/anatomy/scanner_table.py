"""The CT scanner's table, mattress and blankets, which no radiograph of the patient shows."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from synthex.core import Anatomy, AnatomySource, Volume
from synthex.core.arrays import HuArray, VoxelArray

_BODY_HU = -300
"""Above it a voxel is body, or as dense: half-way between fat and lung."""

_GRID_MM = 3.0
"""The body is told from the table on a grid of about so much: tables are thicker, and it is quick."""

_THIN_MM = 5.0
"""What is thinner than twice this is no body by itself: a table's shell, sheets, cables."""

_LIMB_MM = 12.0
"""A limb holds somewhere a ball of this radius; bars and cushions' shells do not."""

_TISSUE_HU = (-200.0, 200.0)
"""Median of a part that may be a limb."""

_AIR_HU = -1000


class WithoutTable:
    """A source whose subjects lie in air (:func:`without_table`).

    Args:
        source: Where they come from: CTs.
    """

    def __init__(self, source: AnatomySource) -> None:
        self.source = source

    def subject_ids(self) -> tuple[str, ...]:
        """The subjects of the source."""
        return self.source.subject_ids()

    def load(self, subject_id: str) -> Anatomy:
        """One of them without its table."""
        return without_table(self.source.load(subject_id))

    def fingerprint(self, subject_id: str) -> str:
        """The source's own, marked."""
        return f"{self.source.fingerprint(subject_id)}-without-table-1"


def without_table(anatomy: Anatomy) -> Anatomy:
    """The subject with air wherever its CT shows neither its body nor a label.

    The body is what is thick: dense voxels after a morphological opening, their greatest connected part and others
    as thick as a limb and of tissue, grown back over what was theirs, and all that they enclose in axial slices. A
    volume without air around, such as one of bones alone, stays as it is.

    Args:
        anatomy: The subject; its arrays are not changed.
    """
    kept = body_of(anatomy.ct.data, anatomy.labels.data, anatomy.ct.spacing_mm, anatomy.ct.world_from_ijk.linear)
    if kept is None:
        return anatomy
    data = np.where(kept, anatomy.ct.data, np.minimum(anatomy.ct.data, np.int16(_AIR_HU)))
    return replace(anatomy, ct=Volume(data, anatomy.ct.world_from_ijk))


def body_of(ct: HuArray, labels: VoxelArray, spacing_mm: np.ndarray, linear: np.ndarray) -> np.ndarray | None:
    """Which voxels are the body's or labelled, with a skin's width around; None where there is no air around it.

    Args:
        ct: HU.
        labels: 0 is background.
        spacing_mm: Voxel edges.
        linear: Columns are the voxels' axes in the world; slices are taken across the one that is closest to S.
    """
    step = np.maximum(np.rint(_GRID_MM / spacing_mm), 1).astype(int)
    coarse = tuple(slice(None, None, int(n)) for n in step)
    edges = spacing_mm * step
    dense = ct[coarse] > _BODY_HU
    if not dense.any() or dense.mean() > 0.97:
        return None
    depth = ndimage.distance_transform_edt(np.pad(dense, 1, mode="edge"), edges)[1:-1, 1:-1, 1:-1]
    parts, count = ndimage.label(depth > _THIN_MM)
    if count == 0:
        return None
    ids = np.arange(1, count + 1)
    medians = ndimage.median(ct[coarse], parts, ids)
    limb = (ndimage.maximum(depth, parts, ids) >= _LIMB_MM) & (medians > _TISSUE_HU[0]) & (medians < _TISSUE_HU[1])
    limb[int(np.bincount(parts.ravel())[1:].argmax())] = True
    body = np.isin(parts, ids[limb])
    grown = dense & (ndimage.distance_transform_edt(~body, edges) <= 1.5 * _THIN_MM)
    along = int(np.argmax(np.abs(linear[2])))
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(grown, along, 0)])
    filled = np.moveaxis(filled, 0, along)
    near = ndimage.distance_transform_edt(~filled, edges) <= _GRID_MM
    whole = near.repeat(step[0], 0).repeat(step[1], 1).repeat(step[2], 2)
    inside = whole[tuple(slice(0, n) for n in ct.shape)] | (labels > 0)
    return np.asarray(inside)
