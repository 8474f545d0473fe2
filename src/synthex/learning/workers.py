"""What a data loader's worker process does first."""

import contextlib
import importlib

import torch

from synthex.core.parent import end_with_parent


def limit_worker_threads(worker: int) -> None:
    """End with the parent, and run one thread: N workers on N cores must not start N threads each.

    Numba is left alone: our kernels start no threads of their own, and setting its number would start its
    OpenMP layer, which undoes PyTorch's limit and hangs in a forked process.
    """
    end_with_parent()
    with contextlib.suppress(ImportError):
        importlib.import_module("cv2").setNumThreads(0)
    torch.set_num_threads(1)
