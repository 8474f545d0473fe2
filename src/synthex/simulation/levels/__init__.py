"""Realism levels: simulators that differ in their pixels only, never in their targets."""

from synthex.simulation.levels.naive import Naive

__all__ = ["Naive"]
