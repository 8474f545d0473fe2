"""C-arm geometry: views, cameras and how they are drawn."""

from synthex.geometry.carm import CArm
from synthex.geometry.perspective import intrinsics_for, look_at
from synthex.geometry.rooms import MixedViews, StandRanges
from synthex.geometry.views import Range, View, ViewRanges, Views

__all__ = ["CArm", "MixedViews", "Range", "StandRanges", "View", "ViewRanges", "Views", "intrinsics_for", "look_at"]
