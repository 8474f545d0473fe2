"""Files at the door: CTs, label maps and landmarks, converted to RAS mm and HU as they enter."""

from synthex.anatomy.io.ct import read_ct, read_ct_grid
from synthex.anatomy.io.grid import axis_codes
from synthex.anatomy.io.labels import LabelMap, check_labels, read_labels
from synthex.anatomy.io.landmarks import Landmarks, read_landmarks
from synthex.anatomy.io.names import GROUPS, NUMBERINGS, SYNTHEX_HIP, TOTALSEGMENTATOR, Numbering

__all__ = [
    "GROUPS",
    "NUMBERINGS",
    "SYNTHEX_HIP",
    "TOTALSEGMENTATOR",
    "LabelMap",
    "Landmarks",
    "Numbering",
    "axis_codes",
    "check_labels",
    "read_ct",
    "read_ct_grid",
    "read_labels",
    "read_landmarks",
]
