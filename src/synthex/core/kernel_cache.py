"""Numba's on-disk cache, for kernels that call kernels of other modules."""

import contextlib
import os
from types import ModuleType


def follow(path: str, *modules: ModuleType) -> None:
    """Let compiled code in the cache end with the modules that it was compiled from.

    Numba takes cached machine code as valid while the file of the outermost function is as old as it was, and
    does not look at the functions it calls: after a pull that changes only one of those, stale code would run.
    So the file is made as new as the newest. To be called before the first function is decorated.

    Args:
        path: ``__file__`` of the outermost functions.
        modules: Those whose functions they call.
    """
    newest = max(os.stat(module.__file__ or path).st_mtime for module in modules)
    # An installer writes files in some order within a second: that is no change.
    if newest > os.stat(path).st_mtime + 1:
        with contextlib.suppress(OSError):  # read-only packages are replaced as a whole
            os.utime(path)
