"""Runs as objects: a trained model that is loaded, asked and passed on, without a command line.

What brings PyTorch with it is imported when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from synthex.runs.run import Run
from synthex.runs.zoo import zoo_models

if TYPE_CHECKING:
    from synthex.runs.adapt import Adaptation
    from synthex.runs.answer import Answer, FoundLandmark
    from synthex.runs.model import Model, averaged, load, looking_closer, with_prior, with_read_out
    from synthex.runs.package import find_model, summary, write_package
    from synthex.runs.prediction import predict
    from synthex.runs.scoring import score
    from synthex.runs.spec import RunSpec
    from synthex.runs.training import fit

__all__ = [
    "Adaptation",
    "Answer",
    "FoundLandmark",
    "Model",
    "Run",
    "RunSpec",
    "averaged",
    "find_model",
    "fit",
    "load",
    "looking_closer",
    "predict",
    "score",
    "summary",
    "with_prior",
    "with_read_out",
    "write_package",
    "zoo_models",
]

_HOMES = {
    **dict.fromkeys(("Answer", "FoundLandmark"), "answer"),
    **dict.fromkeys(("Model", "averaged", "load", "looking_closer", "with_prior", "with_read_out"), "model"),
    **dict.fromkeys(("find_model", "summary", "write_package"), "package"),
    "Adaptation": "adapt",
    "RunSpec": "spec",
    "fit": "training",
    "predict": "prediction",
    "score": "scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
