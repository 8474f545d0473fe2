"""Files at the door: CTs, label maps and landmarks, converted to RAS mm and HU as they enter."""

from synthex.anatomy.io.ct import read_ct, read_ct_grid
from synthex.anatomy.io.grid import axis_codes
from synthex.anatomy.io.labels import LabelMap, check_labels, read_labels
from synthex.anatomy.io.landmarks import Landmarks, read_landmarks
from synthex.anatomy.io.names import (
    GROUPS,
    NUMBERINGS,
    SYNTHEX_HIP,
    TOTALSEGMENTATOR,
    TOTALSEGMENTATOR_V1,
    Numbering,
    given_numbering,
)
from synthex.anatomy.io.parts import Part, measure_parts, named_parts
from synthex.anatomy.io.recognise import check_anatomy, check_bone_density, recognise_numbering

__all__ = [
    "GROUPS",
    "NUMBERINGS",
    "SYNTHEX_HIP",
    "TOTALSEGMENTATOR",
    "TOTALSEGMENTATOR_V1",
    "LabelMap",
    "Landmarks",
    "Numbering",
    "Part",
    "axis_codes",
    "check_anatomy",
    "check_bone_density",
    "check_labels",
    "given_numbering",
    "measure_parts",
    "named_parts",
    "read_ct",
    "read_ct_grid",
    "read_labels",
    "read_landmarks",
    "recognise_numbering",
]
