"""Simulating the cases of an export, in several processes."""

from collections.abc import Sequence

from torch.utils.data import DataLoader, Dataset

from synthex.core import Reader
from synthex.core.terminal import track
from synthex.data import Staging
from synthex.learning import limit_worker_threads


def stage_cases(reader: Reader, staging: Staging, indices: Sequence[int], workers: int) -> None:
    """Make cases of a reader, each staged by the process that made it.

    Args:
        reader: Of the cases.
        staging: Where they wait for the others.
        indices: Which cases.
        workers: Further processes.
    """
    loader = DataLoader(
        _Stage(reader, staging, indices), batch_size=None, num_workers=workers, worker_init_fn=limit_worker_threads
    )
    for _ in track(loader, "simulating", total=len(indices)):
        pass


class _Stage(Dataset[int]):
    """Simulates a case and stages it, in whatever process asks; returns its index."""

    def __init__(self, reader: Reader, staging: Staging, indices: Sequence[int]) -> None:
        self.reader, self.staging, self.indices = reader, staging, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> int:
        index = self.indices[item]
        self.staging.add(index, self.reader[index])
        return index
