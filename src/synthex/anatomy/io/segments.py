"""3D Slicer's segmentations: NRRD files that name their segments, in one layer or in several that overlap.

Format: Slicer's documentation, "Segmentation file format" (``Segment0_Name``, ``Segment0_LabelValue``,
``Segment0_Layer``).
"""

import re
from pathlib import Path

import numpy as np

from synthex.anatomy.io.facts import spelled
from synthex.anatomy.io.grid import RawVolume
from synthex.anatomy.io.headers import nrrd_fields
from synthex.anatomy.io.images import read_layers, volume_suffix
from synthex.anatomy.io.names import LESION_NAMES, Numbering
from synthex.core import InputError

_REMEDY = "save the segmentation again from 3D Slicer"
_VALUE = re.compile(r"segment(\d+)_labelvalue")


def is_segmentation(path: Path) -> bool:
    """Whether an NRRD file names segments."""
    if path.is_dir() or volume_suffix(path) not in (".nrrd", ".nhdr"):
        return False
    return any(_VALUE.fullmatch(key) for key in nrrd_fields(path))


def read_segments(path: Path, header_only: bool = False) -> tuple[RawVolume, Numbering]:
    """The segments as one label map, numbered from 1 in the file's order; of two that overlap the later one wins.

    Names are spelled as TotalSegmentator spells them where they mean the same (``Left hip``: ``hip_left``). Lesions
    come last: they lie within an organ.

    Raises:
        InputError: Unreadable, a segment without a name or value of its own, or two of one name.
    """
    fields = nrrd_fields(path)
    numbers = sorted(int(found[1]) for key in fields if (found := _VALUE.fullmatch(key)))
    segments: dict[str, tuple[int, int]] = {}
    for number in numbers:
        name = spelled(fields.get(f"segment{number}_name", ""))
        value, layer = (fields.get(f"segment{number}_{key}", "0") for key in ("labelvalue", "layer"))
        if not name or not value.isdecimal() or not layer.isdecimal() or int(value) == 0:
            raise InputError(path, f"segment {number} has no name, label value or layer", _REMEDY)
        if name in segments or (int(value), int(layer)) in segments.values():
            raise InputError(
                path, f"two segments share a name, or a value of one layer ({name!r})", "rename one of them"
            )
        segments[name] = int(value), int(layer)
    names = sorted(segments, key=lambda name: name in LESION_NAMES)
    numbering = Numbering("names of the file's segments", {name: (i,) for i, name in enumerate(names, start=1)})
    data, shape, affine = read_layers(path, header_only)
    if data is None:
        return RawVolume(None, shape, affine), numbering
    ids = np.zeros(shape, dtype=np.uint16)
    for name in names:
        number, place = segments[name]
        if place >= data.shape[3]:
            raise InputError(path, f"segment {name!r} lies in layer {place} of {data.shape[3]}", _REMEDY)
        ids[data[..., place] == number] = numbering.ids[name][0]
    return RawVolume(ids, shape, affine), numbering
