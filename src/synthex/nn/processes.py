"""Counts over all processes of a distributed training, so that a loss is that of the whole batch."""

import torch.distributed as dist
from jaxtyping import Int64
from torch import Tensor


def total_over_processes(counts: Int64[Tensor, "*shape"]) -> tuple[Int64[Tensor, "*shape"], int]:
    """Sum of ``counts`` over all processes, and their number; ``counts`` itself and 1 outside of a process group.

    Every process must call it, with the same shape.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return counts, 1
    total = counts.clone()
    dist.all_reduce(total)
    return total, dist.get_world_size()
