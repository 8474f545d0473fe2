"""Training with Lightning: module, data module, schedules, checkpoints and loggers."""

from synthex.learning.checkpoints import (
    find_resume_checkpoint,
    find_weights,
    load_network_weights,
    read_checkpoint,
)
from synthex.learning.compiling import check_compiler
from synthex.learning.datamodule import DataModule, limit_worker_threads
from synthex.learning.device_render import DeviceRenderer, ProjectionServer, with_projector
from synthex.learning.loggers import WANDB_ID_FILE, CsvLogger, wandb_logger
from synthex.learning.module import SupervisedModule
from synthex.learning.ranks import Company, EndTogether, Rank, Team, start_ranks
from synthex.learning.sampler import BatchStream
from synthex.learning.validation import score_batch
from synthex.learning.warnings import silence_lightning

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
