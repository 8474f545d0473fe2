"""Keeping the chatter of C++ libraries off the terminal."""

import contextlib
import os
import threading
from collections.abc import Iterator

_STDERR_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what C++ libraries (GDCM, nifti) write on file descriptor 2 off the terminal: it may quote the file."""
    with _STDERR_LOCK, contextlib.ExitStack() as stack:
        try:
            saved = os.dup(2)
        except OSError:  # no standard error at all: nothing to keep quiet
            yield
            return
        sink = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, saved)
        stack.callback(os.dup2, saved, 2)
        os.dup2(sink, 2)
        os.close(sink)
        yield
