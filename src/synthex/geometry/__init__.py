"""Imaging geometry: C-arms and rooms, views of them and how they are drawn, cameras given as matrices."""

from synthex.geometry.cameras import CameraView, FixedCameras, camera_from_matrices
from synthex.geometry.carm import CArm
from synthex.geometry.perspective import intrinsics_for, look_at
from synthex.geometry.rooms import MixedViews, StandRanges
from synthex.geometry.views import Range, Shot, View, ViewRanges, Views

__all__ = [
    "CArm",
    "CameraView",
    "FixedCameras",
    "MixedViews",
    "Range",
    "Shot",
    "StandRanges",
    "View",
    "ViewRanges",
    "Views",
    "camera_from_matrices",
    "intrinsics_for",
    "look_at",
]
