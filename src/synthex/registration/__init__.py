"""2D/3D registration: where a camera was when it took a radiograph of a body whose CT is known."""

from synthex.registration.acquisition import Acquisition, camera_without_pose, read_acquisition, view_of
from synthex.registration.landmarks import Hypothesis, poses_from_landmarks
from synthex.registration.poses import PosedCase, itk_transform, pose_of_itk, read_poses, write_poses
from synthex.registration.refine import Body, FixedImage, Found, Refinement, refine
from synthex.registration.register import (
    Registered,
    register,
    register_by_landmarks,
    register_pair,
    search_starts,
)
from synthex.registration.scores import PoseError, pose_error, summary

__all__ = [
    "Acquisition",
    "Body",
    "FixedImage",
    "Found",
    "Hypothesis",
    "PoseError",
    "PosedCase",
    "Refinement",
    "Registered",
    "camera_without_pose",
    "itk_transform",
    "pose_error",
    "pose_of_itk",
    "poses_from_landmarks",
    "read_acquisition",
    "read_poses",
    "refine",
    "register",
    "register_by_landmarks",
    "register_pair",
    "search_starts",
    "summary",
    "view_of",
    "write_poses",
]
