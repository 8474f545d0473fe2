"""Warnings of Lightning's that tell a user nothing, each with the reason why."""

import warnings

_NOISE = (
    # Lightning 2.6 calls a PyTorch function that PyTorch has since renamed.
    r".*isinstance\(treespec, LeafSpec\)",
    # SupervisedModule moves batches itself, on purpose, with any data module.
    r".*You have overridden `transfer_batch_to_device` in `LightningModule`",
    # The number of workers is a setting of the run; the share of waiting time is logged.
    r".*does not have many workers which may be a bottleneck",
    # Short runs (debug, tests) have fewer batches than the logging interval, which is harmless.
    r".*The number of training batches \(\d+\) is smaller than the logging interval",
    # A resumed run writes to the folder of the run that it resumes.
    r".*Checkpoint directory .* exists and is not empty",
    # A run without validation has no validation loader, on purpose.
    r".*Total length of `list` across ranks is zero",
    # Adversarial losses rank nothing: translators are trained without validation, with the same data module.
    r"You passed in a `val_dataloader` but have no `validation_step`",
    # The order of batches is a function of their number, so that resuming within an epoch is exact.
    r".*You're resuming from a checkpoint that ended before the epoch ended",
    # Processes are started by synthex, one command a machine, with or without Slurm.
    r".*The `srun` command is available on your system but is not used",
)


def silence_lightning() -> None:
    """Hide these warnings in this process; called by programs, never on import."""
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
