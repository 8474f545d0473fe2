"""Trials that are compared with others before they end."""

from unittest.mock import Mock

import optuna
import pytest
import pytorch_lightning as pl
import torch

from synthex.core import ConfigError
from synthex.learning.callbacks import Pruning


@pytest.fixture
def storage(tmp_path):
    """A search of four finished trials with losses 1 to 4 after every epoch, and a fifth that runs."""
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    study = optuna.create_study(study_name="sweep", storage=url)
    for loss in (1.0, 2.0, 3.0, 4.0):
        trial = study.ask()
        for epoch in range(2):
            trial.report(loss, epoch)
        study.tell(trial, loss)
    study.ask()
    return url


def after(callback, loss, epoch=0, sanity=False):
    """Whether a training of this loss is to stop."""
    trainer = Mock(spec=pl.Trainer, callback_metrics={"val/loss": torch.tensor(loss)}, current_epoch=epoch)
    trainer.sanity_checking, trainer.is_global_zero, trainer.should_stop = sanity, True, False
    trainer.strategy.broadcast = lambda flag: flag
    callback.on_validation_end(trainer, pl.LightningModule())
    return trainer.should_stop


def test_a_loss_worse_than_the_median_of_earlier_trials_ends_the_training(storage):
    callback = Pruning(storage, 4, options={"n_startup_trials": 4})
    assert not after(callback, 99.0, sanity=True)
    assert not after(callback, 2.4, epoch=0)  # the median is 2.5
    assert after(callback, 2.6, epoch=1) is False  # its best so far counts
    other = optuna.load_study(study_name="sweep", storage=storage).ask()
    assert after(Pruning(storage, other.number, options={"n_startup_trials": 4}), 2.6)
    trials = optuna.load_study(study_name="sweep", storage=storage).get_trials()
    assert [trial.user_attrs for trial in trials[4:]] == [{}, {"pruned": 0}]


def test_early_trials_and_those_of_no_search_are_let_be(storage):
    assert not after(Pruning(storage, 4), 99.0)  # five come first by default
    assert not after(Pruning(), 99.0)


def test_a_storage_that_does_not_answer_costs_no_training(tmp_path, caplog):
    assert not after(Pruning(f"sqlite:///{tmp_path / 'nowhere' / 'optuna.db'}", 0), 99.0)
    assert "not compared with other trials" in caplog.text


def test_options_that_the_pruner_does_not_take_are_told(storage):
    with pytest.raises(ConfigError, match="pruner_options"):
        after(Pruning(storage, 4, options={"patience": 3}), 1.0)
