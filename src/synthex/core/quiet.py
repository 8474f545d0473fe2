"""Keeping the chatter of libraries off the terminal, for it may quote the file."""

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator

_STDERR_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what C++ libraries (GDCM, nifti) write on file descriptor 2 off the terminal."""
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


@contextlib.contextmanager
def quiet_library(name: str) -> Iterator[None]:
    """Keep the log and the warnings of a Python library off the terminal; some log the traceback of what they raise."""
    log = logging.getLogger(name)
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            log.setLevel(level)
