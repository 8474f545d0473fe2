"""Stopping a trial of a search that does not promise much."""

import logging
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from synthex.core import ConfigError, optional_import

log = logging.getLogger(__name__)

PRUNERS = {"median": "MedianPruner", "hyperband": "HyperbandPruner"}
"""Name to class of Optuna."""


class Pruning(pl.Callback):
    """Reports the validation loss of every epoch to Optuna, and ends the training where its pruner says so.

    What is left is a finished run like any other, and a trial that has ``pruned`` among its attributes. Should the
    storage not answer, training goes on.

    Args:
        storage: URL of Optuna's storage; None for no trial, which is never pruned.
        trial: Number of the trial.
        study: Name of the study in the storage.
        pruner: One of :data:`PRUNERS`.
        options: Arguments of its class.
        monitor: What is compared; less is better.
    """

    def __init__(
        self,
        storage: str | None = None,
        trial: int | None = None,
        study: str = "sweep",
        pruner: str = "median",
        options: Mapping[str, Any] | None = None,
        monitor: str = "val/loss",
    ) -> None:
        self.storage, self.trial, self.study, self.monitor = storage, trial, study, monitor
        self.pruner, self.options = pruner, dict(options or {})

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's hook."""
        value = trainer.callback_metrics.get(self.monitor)
        if self.storage is None or self.trial is None or trainer.sanity_checking or value is None:
            return
        hopeless = trainer.is_global_zero and self.hopeless(float(value), trainer.current_epoch)
        if trainer.strategy.broadcast(hopeless):
            trainer.should_stop = True

    def hopeless(self, value: float, epoch: int) -> bool:
        """Report an epoch's value; returns whether the trial is to end, which the storage remembers.

        Raises:
            MissingExtraError: Optuna is not installed.
            ConfigError: The pruner does not take the options.
        """
        optuna = optional_import("optuna", "optuna")
        try:
            pruner = getattr(optuna.pruners, PRUNERS[self.pruner])(**self.options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"hydra.sweeper.pruner_options: {error}") from error
        try:
            study = optuna.load_study(study_name=self.study, storage=self.storage, pruner=pruner)
            frozen = study.get_trials(deepcopy=False)[self.trial]
            trial = optuna.trial.Trial(study, frozen._trial_id)  # of another process: Optuna has no public way
            trial.report(value if study.direction.name == "MINIMIZE" else -value, epoch)
            if not trial.should_prune():
                return False
            trial.set_user_attr("pruned", epoch)
        except Exception as error:  # SQLAlchemy's, Redis's, a file system's: a search is not worth a training
            log.warning("not compared with other trials: %s", error)
            return False
        log.info(
            "pruned: after epoch %d the %s of %.4g is no better than that of other trials", epoch, self.monitor, value
        )
        return True
