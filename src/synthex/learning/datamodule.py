"""Data for training: index-based datasets, an exactly resumable order, single-threaded workers."""

import contextlib
import importlib
import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from synthex.core import ConfigError
from synthex.learning.dealt import DealtBatches
from synthex.learning.sampler import BatchStream

DatasetOrFactory = Dataset[Any] | Callable[[], Dataset[Any]] | None


class DataModule(pl.LightningDataModule):
    """Loaders over datasets whose item is a pure function of its index.

    Args:
        train: Dataset to learn from, or a function that makes it (called once, in ``setup``). It has an item
            for every index ``>= 0``: later epochs ask for indices beyond its length, which wrap around.
        val: Dataset to validate on, or a function; None for none.
        collate_fn: Makes a batch of samples; None for PyTorch's own.
        batch_size: Samples a training batch and process; a validation batch has those of all processes together, and is
            dealt whole, so that what is averaged within batches does not depend on the number of processes.
        workers: Loader processes for training; 0 loads in the training process.
        val_workers: The same for validation; None for ``workers``.
        samples_per_epoch: Training samples an epoch; required for endless data, and by default the
            dataset's length otherwise.
        endless: Whether ``train[i]`` exists for every ``i >= 0``, so that no sample is ever seen twice.
        seed: Of the order of finite data.
        pin_memory: Stage batches in page-locked memory; None does so where there is a GPU.
        prefetch: Batches each worker keeps ready.

    Raises:
        ConfigError: ``endless`` without ``samples_per_epoch``, or batches larger than an epoch.
    """

    def __init__(
        self,
        train: DatasetOrFactory = None,
        val: DatasetOrFactory = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        batch_size: int = 16,
        workers: int = 0,
        val_workers: int | None = None,
        samples_per_epoch: int | None = None,
        endless: bool = False,
        seed: int = 0,
        pin_memory: bool | None = None,
        prefetch: int = 2,
    ) -> None:
        super().__init__()
        if endless and samples_per_epoch is None:
            raise ConfigError("endless training data has no length; set samples_per_epoch")
        self._sources: dict[str, DatasetOrFactory] = {"train": train, "val": val}
        self._datasets: dict[str, Dataset[Any]] = {}
        self.collate_fn = collate_fn
        self.batch_size = batch_size
        self.workers, self.val_workers = workers, workers if val_workers is None else val_workers
        self.samples_per_epoch, self.endless, self.seed = samples_per_epoch, endless, seed
        self.pin_memory = torch.cuda.is_available() if pin_memory is None else pin_memory
        self.prefetch = prefetch
        self._resumed_batches = 0

    def setup(self, stage: str) -> None:
        """Make the datasets that ``stage`` needs, once."""
        needed = {"fit": ("train", "val"), "validate": ("val",)}.get(stage, ())
        for name in needed:
            source = self._sources[name]
            if source is not None and name not in self._datasets:
                self._datasets[name] = source() if _is_factory(source) else source  # type: ignore[assignment, operator]

    def train_dataloader(self) -> DataLoader[Any]:
        """Training batches from wherever the run has come to."""
        dataset = self._datasets.get("train")
        if dataset is None:
            raise ConfigError("there is no training dataset; set data.train")
        length = self.samples_per_epoch or len(dataset)  # type: ignore[arg-type]
        if not self.endless and length > len(dataset):  # type: ignore[arg-type]
            raise ConfigError(f"samples_per_epoch={length} is more than the training data has; lower it")
        rank, world = self._rank_and_world()
        stream = BatchStream(
            length,
            self.batch_size,
            self.batches_done,
            self.endless,
            self.seed,
            rank,
            world,
        )
        stream.repeat = self._overfit_batches(len(stream))
        return DataLoader(dataset, batch_sampler=stream, **self._loader_options(self.workers))

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        """Validation batches in order; none where there is no validation dataset."""
        return self._ordered_loader("val")

    def batches_done(self) -> int:
        """Training batches this process has learned from since the run began, interruptions included."""
        if self.trainer is None:
            return self._resumed_batches
        # Loaders may be made before Lightning restores its own counter: then only ours is right.
        return max(self._resumed_batches, batches_processed(self.trainer))

    def state_dict(self) -> dict[str, Any]:
        """The place in the stream of batches, for checkpoints."""
        return {"batches_done": self.batches_done()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint's place."""
        self._resumed_batches = int(state_dict["batches_done"])

    def _ordered_loader(self, name: str) -> DataLoader[Any] | list[Any]:
        dataset = self._datasets.get(name)
        if dataset is None:
            return []
        rank, world = self._rank_and_world()
        if world > 1:
            limit = getattr(self.trainer, "limit_val_batches", None)
            dealt = DealtBatches(
                dataset,
                self.batch_size * world,
                self.collate_fn or default_collate,
                rank,
                world,
                limit if isinstance(limit, int) else None,
            )
            return DataLoader(dealt, batch_size=None, **self._loader_options(self.val_workers) | {"collate_fn": as_is})
        return DataLoader(dataset, batch_size=self.batch_size, shuffle=False, **self._loader_options(self.val_workers))

    def _loader_options(self, workers: int) -> dict[str, Any]:
        options: dict[str, Any] = {
            "num_workers": workers,
            "collate_fn": self.collate_fn,
            "pin_memory": self.pin_memory,
            # Its own generator, so that making an iterator draws nothing from the global one.
            "generator": torch.Generator().manual_seed(self.seed),
        }
        if workers:
            options |= {
                "worker_init_fn": limit_worker_threads,
                "persistent_workers": True,
                "prefetch_factor": self.prefetch,
            }
        return options

    def _rank_and_world(self) -> tuple[int, int]:
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _overfit_batches(self, batches: int) -> int | None:
        wanted = 0 if self.trainer is None else getattr(self.trainer, "overfit_batches", 0)
        if not wanted:
            return None
        return min(batches, wanted) if isinstance(wanted, int) else max(1, math.floor(batches * wanted))


def batches_processed(trainer: pl.Trainer) -> int:
    """Training batches that Lightning has finished since the run began, restored from a checkpoint too."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.total.processed)  # type: ignore[attr-defined]


def as_is(batch: Any) -> Any:
    """The batch, which is one already (a function by name, since workers may be sent it)."""
    return batch


def _is_factory(source: DatasetOrFactory) -> bool:
    return callable(source) and not hasattr(source, "__getitem__")


def limit_worker_threads(worker: int) -> None:
    """One thread a worker process: N workers on N cores must not start N threads each.

    Numba is left alone: our kernels start no threads of their own, and setting its number would start its
    OpenMP layer, which undoes PyTorch's limit and hangs in a forked process.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("cv2").setNumThreads(0)
    torch.set_num_threads(1)
