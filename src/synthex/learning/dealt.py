"""Whole validation batches, dealt to the processes of a distributed training."""

import math
from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset


class DealtBatches(Dataset[dict[str, Any]]):
    """The share of one process: batch ``rank``, ``rank + world``, … of a dataset's batches in order.

    All processes have the same number of batches, because evaluation waits for all at every batch. Where there is
    none left, a batch of one sample stands in, with ``padding`` set to True.

    Args:
        dataset: Samples, with a length.
        batch_size: Samples a batch.
        collate: Makes a batch of samples.
        rank: This process.
        world: Number of processes.
        limit: Deal so many batches at most; None for all.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int,
        collate: Callable[[list[Any]], dict[str, Any]],
        rank: int,
        world: int,
        limit: int | None = None,
    ) -> None:
        self.dataset, self.batch_size, self.collate = dataset, batch_size, collate
        self.rank, self.world = rank, world
        self.samples: int = len(dataset)  # type: ignore[arg-type]
        whole = math.ceil(self.samples / batch_size)
        self.batches = whole if limit is None else min(whole, limit)

    def __len__(self) -> int:
        return math.ceil(self.batches / self.world)

    def __getitem__(self, item: int) -> dict[str, Any]:
        if not 0 <= item < len(self):
            raise IndexError(f"batch {item} of {len(self)}")
        number = item * self.world + self.rank
        padding = number >= self.batches
        first = 0 if padding else number * self.batch_size
        last = first + 1 if padding else min(first + self.batch_size, self.samples)
        return self.collate([self.dataset[index] for index in range(first, last)]) | {"padding": padding}
