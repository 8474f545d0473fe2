"""Where the time of a simulated training sample goes."""

import cProfile
import inspect
import time
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from torch.utils.data import DataLoader, Dataset

from synthex.data import LearningDataset, SyntheticReader, collate, preprocess
from synthex.learning import limit_worker_threads
from synthex.projection import project

STAGES = ("projection", "image formation", "scene and targets", "augmentation", "preprocessing", "collation")


class _Profiled(Dataset[dict[str, float]]):
    """One item: milliseconds a sample of every stage, measured in whatever process asks."""

    def __init__(self, dataset: LearningDataset, samples: int, batch_size: int) -> None:
        self.dataset, self.samples, self.batch_size = dataset, samples, batch_size

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> dict[str, float]:
        return profile_stages(self.dataset, self.samples, self.batch_size)


def stages_in_worker(dataset: LearningDataset, samples: int, batch_size: int) -> dict[str, float]:
    """:func:`profile_stages` in a data loader's worker, where simulation has one thread."""
    loader = DataLoader(
        _Profiled(dataset, samples, batch_size), batch_size=None, num_workers=1, worker_init_fn=limit_worker_threads
    )
    return next(iter(loader))


def profile_stages(dataset: LearningDataset, samples: int, batch_size: int) -> dict[str, float]:
    """Milliseconds a sample of each of :data:`STAGES`.

    The shares come from Python's profiler, whose own cost is taken out by scaling them to the time that the same
    samples take without it.
    """
    indices = range(samples)
    for index in indices:
        dataset[index]  # kernels are compiled or loaded, and the volumes of these samples read, before the clock starts
    start = time.perf_counter()
    items = [dataset[index] for index in indices]
    plain_ms = 1e3 * (time.perf_counter() - start) / samples
    start = time.perf_counter()
    for first in range(0, samples, batch_size):
        collate(items[first : first + batch_size])
    collate_ms = 1e3 * (time.perf_counter() - start) / samples
    profiler = cProfile.Profile()
    start = time.perf_counter()
    profiler.enable()
    for index in indices:
        dataset[index]
    profiler.disable()
    profiled = time.perf_counter() - start
    shares = {name: seconds / profiled for name, seconds in _cumulative(profiler, _marks(dataset)).items()}
    projection, simulator = shares["project"], shares["simulator"]
    reader, augment, prepared = shares["reader"], shares["augment"], shares["preprocess"]
    found = (projection, simulator - projection, reader - simulator, augment, prepared)
    return {
        **{stage: plain_ms * share for stage, share in zip(STAGES[:-1], found, strict=True)},
        STAGES[-1]: collate_ms,
    }


def _marks(dataset: LearningDataset) -> dict[str, CodeType]:
    """The functions whose cumulative times make up the stages."""
    marks: dict[str, Callable[..., Any]] = {
        "project": project,
        "reader": type(dataset.reader).__getitem__,
        "preprocess": preprocess,
    }
    if isinstance(dataset.reader, SyntheticReader):
        marks["simulator"] = type(dataset.reader.simulator).__call__
    if dataset.augment is not None:
        augment = dataset.augment
        marks["augment"] = augment if inspect.isfunction(augment) else type(augment).__call__
    return {name: inspect.unwrap(function).__code__ for name, function in marks.items()}


def _cumulative(profiler: cProfile.Profile, marks: Mapping[str, CodeType]) -> dict[str, float]:
    """Seconds within each marked function, calls it makes included; 0 where it was never called."""
    seconds = dict.fromkeys(("project", "reader", "simulator", "augment", "preprocess"), 0.0)
    for entry in profiler.getstats():
        for name, code in marks.items():
            if entry.code is code:
                seconds[name] += entry.totaltime
    return seconds
