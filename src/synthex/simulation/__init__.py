"""Simulated radiographs and their ground truth."""

from synthex.simulation.levels import Heuristic, Mixed, Naive, Processed, Realistic
from synthex.simulation.targets import project_landmarks, project_points, visible_masks

__all__ = [
    "Heuristic",
    "Mixed",
    "Naive",
    "Processed",
    "Realistic",
    "project_landmarks",
    "project_points",
    "visible_masks",
]
