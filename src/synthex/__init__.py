"""synthex: train X-ray image models from simulation and prove them on real X-rays."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``synthex.load`` (:func:`synthex.runs.load`), imported when it is asked for: it brings PyTorch with it."""
    if name == "load":
        return import_module("synthex.runs").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
