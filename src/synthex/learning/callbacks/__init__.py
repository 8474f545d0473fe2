"""Lightning callbacks."""

from synthex.learning.callbacks.checkpoint import ResumableCheckpoint
from synthex.learning.callbacks.ema import WeightAverage
from synthex.learning.callbacks.finite import StopIfNotFinite
from synthex.learning.callbacks.progress import ProgressLines, progress
from synthex.learning.callbacks.pruning import Pruning
from synthex.learning.callbacks.throughput import ThroughputMonitor

__all__ = [
    "ProgressLines",
    "Pruning",
    "ResumableCheckpoint",
    "StopIfNotFinite",
    "ThroughputMonitor",
    "WeightAverage",
    "progress",
]
