"""Training with Lightning: module, data module, schedules, checkpoints and loggers."""

from synthex.learning.checkpoints import (
    checkpoint_info,
    find_resume_checkpoint,
    find_weights,
    load_network_weights,
    read_checkpoint,
)
from synthex.learning.datamodule import DataModule
from synthex.learning.loggers import CsvLogger, wandb_logger
from synthex.learning.module import SupervisedModule
from synthex.learning.sampler import BatchStream
from synthex.learning.validation import score_batch

__all__ = [
    "BatchStream",
    "CsvLogger",
    "DataModule",
    "SupervisedModule",
    "checkpoint_info",
    "find_resume_checkpoint",
    "find_weights",
    "load_network_weights",
    "read_checkpoint",
    "score_batch",
    "wandb_logger",
]
