"""Another name of :mod:`synthex.core.terminal`, for commands that were written against it; to go when none is left."""

from synthex.core.terminal import console, progress, quiet_libraries, track

__all__ = ["console", "progress", "quiet_libraries", "track"]
