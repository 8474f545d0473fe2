"""``synthex benchmark datamodule``: how fast training samples are made, where the time goes, what memory it takes."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex import __version__
from synthex.cli.benchmark_memory import Memory, available, memory_of
from synthex.cli.benchmark_stages import STAGES, stages_in_worker
from synthex.cli.benchmark_table import machine, print_rows, write_rows
from synthex.cli.benchmark_volumes import MappedVolumes
from synthex.cli.build import build_reader, build_task, prepare
from synthex.cli.compose import plain
from synthex.cli.settings import input_size
from synthex.cli.sources import build_sources
from synthex.cli.terminal import console, quiet_libraries, track
from synthex.core import ConfigError, Task
from synthex.data import LearningDataset, SyntheticReader, collate
from synthex.learning import DataModule

READINGS = 40
"""How often memory is read in a run."""

COLUMNS = {
    "workers": "workers",
    "samples": "samples",
    "samples_per_second": "samples/s",
    "private_mib": "private MiB",
    "pss_mib": "PSS MiB",
    "uss_mib": "USS MiB",
    "growth_mib": "growth MiB",
}


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


def main(cfg: DictConfig) -> None:
    """Iterate the training data of a config as training would, and print (and write) what that takes."""
    quiet_libraries()
    if cfg.data.kind != "synthetic":
        raise ConfigError("benchmark datamodule needs data=synthetic; data=on_disk simulates nothing")
    counts = worker_counts(plain(cfg.worker_counts), int(cfg.data.workers))
    task = build_task(cfg)
    with tempfile.TemporaryDirectory(prefix="synthex-benchmark-") as folder:
        reader = stress_reader(cfg, task, Path(folder)) if int(cfg.stress.subjects) else train_reader(cfg, task)
        dataset = LearningDataset(
            reader,
            int(cfg.data.size),
            instantiate(cfg.augment),
            seed=int(cfg.seed),
            normalization=cfg.data.normalization,
            input_size=input_size(cfg.data),
        )
        stages = stages_in_worker(dataset, int(cfg.profile_samples), int(cfg.data.batch_size))
        rows = [row(cfg, workers, run_through(dataset, cfg, workers), stages) for workers in counts]
    report(cfg, rows, stages)


def worker_counts(wanted: Any, configured: int) -> tuple[int, ...]:
    """The numbers of workers to time: ``worker_counts``, one or several, or else ``data.workers``.

    Raises:
        ConfigError: One of them is no whole number.
    """
    found = [configured] if wanted is None else wanted if isinstance(wanted, list) else [wanted]
    if not found or not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in found):
        raise ConfigError(f"worker_counts={wanted}: give a whole number of at least 0, or a list of them: [1,2]")
    return tuple(found)


def train_reader(cfg: DictConfig, task: Task) -> SyntheticReader:
    """The endless stream that training draws from."""
    return prepare(build_reader(cfg, task, build_sources(cfg)["train"], "train", None, int(cfg.seed)))


def stress_reader(cfg: DictConfig, task: Task, folder: Path) -> SyntheticReader:
    """The same stream of large synthetic CTs (``stress.subjects`` of ``stress.shape``)."""
    names = task.vocabulary
    source = MappedVolumes(folder, int(cfg.stress.subjects), cfg.stress.shape, names.structures, names.landmarks)
    return build_reader(cfg, task, source, "train", None, int(cfg.seed))


def run_through(dataset: LearningDataset, cfg: DictConfig, workers: int) -> Run:
    """Take ``cfg.samples`` samples in batches from as many workers, once each of them has delivered."""
    batch_size = int(cfg.data.batch_size)
    batches = max(1, int(cfg.samples) // batch_size)
    warm_up = max(1, 2 * workers)
    datamodule = DataModule(
        dataset,
        collate_fn=collate,
        batch_size=batch_size,
        workers=workers,
        samples_per_epoch=(warm_up + batches) * batch_size,
        endless=True,
        seed=int(cfg.seed),
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


def row(cfg: DictConfig, workers: int, run: Run, stages: dict[str, float]) -> dict[str, Any]:
    """One row of figures."""
    return {
        "workers": workers,
        "samples": run.samples,
        "samples_per_second": run.samples / run.seconds,
        "private_mib": run.peak("private"),
        "pss_mib": run.peak("pss"),
        "uss_mib": run.peak("uss"),
        "growth_mib": run.growth_mib(),
        "size": int(cfg.data.size),
        "batch_size": int(cfg.data.batch_size),
        "simulation": cfg.simulation["_target_"].rsplit(".", 1)[-1],
        "augmentation": cfg.augment["_target_"].rsplit(".", 1)[-1],
        "subjects": int(cfg.stress.subjects) or int(cfg.data.phantoms.train),
        "milliseconds_per_sample": stages,
        "machine": machine(),
        "synthex": __version__,
    }


def report(cfg: DictConfig, rows: Sequence[dict[str, Any]], stages: dict[str, float]) -> None:
    """Print both tables, and write the rows where ``cfg.json`` says."""
    first = rows[0]
    title = f"Simulated training data: {first['simulation']}, augmentation {first['augmentation']}, {first['size']} px"
    print_rows(title, COLUMNS, rows)
    total = sum(stages.values())
    parts = [{"stage": name, "ms": stages[name], "share": f"{stages[name] / total:.0%}"} for name in STAGES]
    parts.append({"stage": "in all", "ms": total, "share": ""})
    print_rows("Where one worker's time goes", {"stage": "stage", "ms": "ms a sample", "share": "share"}, parts)
    console.print(f"machine: {machine()}")
    if not available():
        console.print("memory: this system does not tell (it takes Linux 5.4 or newer)")
    if cfg.json is not None:
        path = Path(cfg.json).expanduser()
        write_rows(path, rows)
        console.print(f"rows: {path}")
