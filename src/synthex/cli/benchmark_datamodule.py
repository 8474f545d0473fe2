"""``synthex benchmark datamodule``: how fast training samples are made, where the time goes, what memory it takes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex import __version__
from synthex.benchmarks.datamodule import Run, run_through
from synthex.benchmarks.memory import available
from synthex.benchmarks.stages import STAGES, stages_in_worker
from synthex.benchmarks.volumes import MappedVolumes
from synthex.config.build import build_augment, build_reader, build_task, simulated_split
from synthex.config.compose import plain
from synthex.config.settings import input_size
from synthex.core import ConfigError, Task
from synthex.core.terminal import console, machine, print_rows, quiet_libraries, write_rows
from synthex.data import LearningDataset, SyntheticReader
from synthex.runs.preparing import prepare

COLUMNS = {
    "workers": "workers",
    "samples": "samples",
    "samples_per_second": "samples/s",
    "private_mib": "private MiB",
    "pss_mib": "PSS MiB",
    "uss_mib": "USS MiB",
    "growth_mib": "growth MiB",
}


def main(cfg: DictConfig) -> None:
    """Iterate the training data of a config as training would, and print (and write) what that takes."""
    quiet_libraries()
    if cfg.data.kind != "synthetic":
        raise ConfigError("benchmark datamodule needs data=synthetic; data=on_disk simulates nothing")
    counts = worker_counts(plain(cfg.worker_counts), int(cfg.data.workers))
    task = build_task(cfg)
    with tempfile.TemporaryDirectory(prefix="synthex-benchmark-") as folder:
        if int(cfg.stress.subjects):
            reader = stress_reader(cfg, task, Path(folder))
        else:
            reader = simulated_split(cfg, task, "train", None)
            prepare(reader)
        dataset = LearningDataset(
            reader,
            int(cfg.data.size),
            build_augment(cfg.augment),
            seed=int(cfg.seed),
            normalization=cfg.data.normalization,
            input_size=input_size(cfg.data),
        )
        batch = int(cfg.data.batch_size)
        stages = stages_in_worker(dataset, int(cfg.profile_samples), batch)
        timed = {n: run_through(dataset, int(cfg.samples), batch, n, int(cfg.seed)) for n in counts}
        rows = [row(cfg, workers, run, stages) for workers, run in timed.items()]
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


def stress_reader(cfg: DictConfig, task: Task, folder: Path) -> SyntheticReader:
    """The same stream of large synthetic CTs (``stress.subjects`` of ``stress.shape``)."""
    names = task.vocabulary
    source = MappedVolumes(folder, int(cfg.stress.subjects), cfg.stress.shape, names.structures, names.landmarks)
    return build_reader(cfg, task, source, "train", None, int(cfg.seed))


def row(cfg: DictConfig, workers: int, run: Run, stages: dict[str, float]) -> dict[str, Any]:
    """One row of figures."""
    return {
        "workers": workers,
        **run.row(),
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
