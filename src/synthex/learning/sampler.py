"""Which samples make up batch number j of a whole run: a pure function of j."""

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Sampler

from synthex.core import ConfigError, derive_rng


class BatchStream(Sampler[list[int]]):
    """Batch sampler over one unending stream of batches, from whichever batch the run has come to.

    Nothing depends on history: an interrupted run continues with the very batch that would have come
    next, and workers need no epoch. Endless data: batch j holds the indices from ``j * batch_size * world``
    on. Finite data: a seeded permutation an epoch, the last incomplete batch dropped; epoch ``e`` has the
    indices from ``e * length`` on, so that what is drawn from an index (augmentation) is new in every epoch:
    the dataset takes an index beyond its end as one of an earlier sample. Batches are dealt to the
    processes of a distributed run without overlap.

    Args:
        length: Samples an epoch, over all processes.
        batch_size: Samples a batch and process.
        position: Gives the number of batches the run has done so far.
        endless: Whether indices go on beyond ``length``.
        seed: Of the permutations.
        rank: This process.
        world: Number of processes.
        repeat: Start again after so many batches (for over-fitting on purpose); None for never.

    Raises:
        ConfigError: An epoch has less than one batch for every process.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        position: Callable[[], int] = lambda: 0,
        endless: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        repeat: int | None = None,
    ) -> None:
        if batch_size < 1 or length < batch_size * world:
            raise ConfigError(
                f"batch_size={batch_size} on {world} process(es) does not fit {length} training samples; "
                "lower batch_size or give more samples"
            )
        self.length, self.batch_size, self.position = length, batch_size, position
        self.endless, self.seed, self.rank, self.world, self.repeat = endless, seed, rank, world, repeat

    def __len__(self) -> int:
        return self.length // (self.batch_size * self.world)

    def batch(self, number: int) -> list[int]:
        """Indices of this process's part of batch ``number`` of the run."""
        if self.repeat is not None:
            number %= self.repeat
        size = self.batch_size * self.world
        if self.endless:
            first = number * size + self.rank * self.batch_size
            return list(range(first, first + self.batch_size))
        epoch, step = divmod(number, len(self))
        order = self._permutation(epoch)
        first = step * size + self.rank * self.batch_size
        return (order[first : first + self.batch_size] + epoch * self.length).tolist()

    def __iter__(self) -> Iterator[list[int]]:
        # Asked now, not at the first batch: loaders with workers run ahead of training.
        start = self.position()
        return (self.batch(number) for number in range(start, start + len(self)))

    def _permutation(self, epoch: int) -> np.ndarray:
        cached: tuple[int, np.ndarray] | None = getattr(self, "_cached", None)
        if cached is None or cached[0] != epoch:
            cached = (epoch, derive_rng(self.seed, "order", epoch).permutation(self.length))
            self._cached = cached
        return cached[1]
