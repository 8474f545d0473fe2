"""Simulated radiographs and their ground truth."""

from synthex.simulation.levels import Naive
from synthex.simulation.targets import project_landmarks, visible_masks

__all__ = ["Naive", "project_landmarks", "visible_masks"]
