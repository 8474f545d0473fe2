"""Lightning callbacks."""

from synthex.learning.callbacks.checkpoint import ResumableCheckpoint
from synthex.learning.callbacks.ema import WeightAverage
from synthex.learning.callbacks.finite import StopIfNotFinite
from synthex.learning.callbacks.progress import ProgressLines, progress
from synthex.learning.callbacks.throughput import ThroughputMonitor

__all__ = ["ProgressLines", "ResumableCheckpoint", "StopIfNotFinite", "ThroughputMonitor", "WeightAverage", "progress"]
