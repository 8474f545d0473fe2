"""How fast training samples are made, and what memory it takes."""

import multiprocessing
import os
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from synthex.benchmarks.memory import Memory, available, memory_of
from synthex.core.terminal import track
from synthex.data import LearningDataset, collate
from synthex.learning import DataModule

READINGS = 40
"""How often memory is read in a run."""


@dataclass(frozen=True)
class Run:
    """What was measured of one pass.

    Attributes:
        samples: Samples timed.
        seconds: For them.
        readings: Memory of this process and its workers, evenly spread over the pass.
    """

    samples: int
    seconds: float
    readings: tuple[Memory, ...]

    def peak(self, kind: str) -> float | None:
        """Highest reading of one kind of memory, MiB."""
        return max((getattr(reading, kind) for reading in self.readings), default=None)

    def growth_mib(self) -> float | None:
        """Private memory in the last quarter of the pass minus that in its second quarter (medians), MiB.

        The first quarter is left out: there every subject is mapped and every buffer grown once.
        """
        private = [reading.private for reading in self.readings]
        quarter = len(private) // 4
        if quarter == 0:
            return None
        return median(private[-quarter:]) - median(private[quarter : 2 * quarter])

    def row(self) -> dict[str, Any]:
        """What was measured, in samples, seconds and MiB."""
        return {
            "samples": self.samples,
            "samples_per_second": self.samples / self.seconds,
            **{f"{kind}_mib": self.peak(kind) for kind in ("private", "pss", "uss")},
            "growth_mib": self.growth_mib(),
        }


def run_through(dataset: LearningDataset, samples: int, batch_size: int, workers: int, seed: int) -> Run:
    """Take so many samples in batches from as many workers, once each of them has delivered."""
    batches = max(1, samples // batch_size)
    warm_up = max(1, 2 * workers)
    datamodule = DataModule(
        dataset,
        collate_fn=collate,
        batch_size=batch_size,
        workers=workers,
        samples_per_epoch=(warm_up + batches) * batch_size,
        endless=True,
        seed=seed,
    )
    datamodule.setup("fit")
    others = {child.pid for child in multiprocessing.active_children()}
    loader = iter(datamodule.train_dataloader())
    for _ in range(warm_up):
        next(loader)
    pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children() if child.pid not in others)]
    marks = set(np.linspace(1, batches, min(READINGS, batches)).astype(int).tolist()) if available() else set()
    readings: list[Memory] = []
    reading_seconds = 0.0
    start = time.perf_counter()
    for number in track(range(1, batches + 1), f"{workers} workers"):
        next(loader)
        if number in marks:
            pause = time.perf_counter()
            readings.append(memory_of(pid for pid in pids if pid is not None))
            reading_seconds += time.perf_counter() - pause
    # Workers go on while memory is read, so this time is theirs; without workers it is nobody's.
    seconds = time.perf_counter() - start - (0.0 if workers else reading_seconds)
    return Run(batches * batch_size, seconds, tuple(readings))
