"""Training with Lightning: module, data module, schedules, checkpoints and loggers.

What needs Lightning is imported when it is asked for: that takes as long as all other imports together, and
predictions and simulations do without.
"""

import importlib
from typing import TYPE_CHECKING, Any

from synthex.learning.checkpoints import (
    find_resume_checkpoint,
    find_weights,
    load_network_weights,
    read_checkpoint,
)
from synthex.learning.compiling import check_compiler
from synthex.learning.sampler import BatchStream
from synthex.learning.warnings import silence_lightning
from synthex.learning.workers import limit_worker_threads

if TYPE_CHECKING:
    from synthex.learning.datamodule import DataModule
    from synthex.learning.device_render import DeviceRenderer, ProjectionServer, with_projector
    from synthex.learning.loggers import WANDB_ID_FILE, CsvLogger, wandb_logger
    from synthex.learning.module import SupervisedModule
    from synthex.learning.ranks import Company, EndTogether, Rank, Team, start_ranks
    from synthex.learning.validation import score_batch

__all__ = [
    "WANDB_ID_FILE",
    "BatchStream",
    "Company",
    "CsvLogger",
    "DataModule",
    "DeviceRenderer",
    "EndTogether",
    "ProjectionServer",
    "Rank",
    "SupervisedModule",
    "Team",
    "check_compiler",
    "find_resume_checkpoint",
    "find_weights",
    "limit_worker_threads",
    "load_network_weights",
    "read_checkpoint",
    "score_batch",
    "silence_lightning",
    "start_ranks",
    "wandb_logger",
    "with_projector",
]

_LATER = {
    "WANDB_ID_FILE": "loggers",
    "Company": "ranks",
    "CsvLogger": "loggers",
    "DataModule": "datamodule",
    "DeviceRenderer": "device_render",
    "EndTogether": "ranks",
    "ProjectionServer": "device_render",
    "Rank": "ranks",
    "SupervisedModule": "module",
    "Team": "ranks",
    "score_batch": "validation",
    "start_ranks": "ranks",
    "wandb_logger": "loggers",
    "with_projector": "device_render",
}
"""Name to the module that has it: Lightning, projectors and statistics take seconds to import."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
