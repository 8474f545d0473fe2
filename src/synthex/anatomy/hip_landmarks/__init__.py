"""The 14 hip landmarks found by geometry in any CT whose bones are labelled."""

from synthex.anatomy.hip_landmarks.finder import find_hip_landmarks
from synthex.anatomy.hip_landmarks.result import FoundLandmarks
from synthex.anatomy.landmark_names import HIP_LANDMARKS

__all__ = ["HIP_LANDMARKS", "FoundLandmarks", "find_hip_landmarks"]
