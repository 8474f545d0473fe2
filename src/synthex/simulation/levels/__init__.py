"""Realism levels: simulators that differ in their pixels only, never in their targets."""

from synthex.simulation.levels.heuristic import Heuristic
from synthex.simulation.levels.mixed import Mixed
from synthex.simulation.levels.naive import Naive
from synthex.simulation.levels.processed import Processed
from synthex.simulation.levels.realistic import Realistic

__all__ = ["Heuristic", "Mixed", "Naive", "Processed", "Realistic"]
