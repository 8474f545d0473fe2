"""A training that has gone wrong stops at once, says why, and keeps what was good."""

import functools
import logging
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch

from synthex.learning import silence_lightning
from synthex.learning.callbacks import ResumableCheckpoint, StopIfNotFinite
from synthex.learning.callbacks.finite import MOST_SKIPPED, TrainingDivergedError


class At(pl.Callback):
    """Spoils the weights, the gradient or the images at one step."""

    def __init__(self, what, step):
        self.what, self.step = what, step

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step != self.step:
            return
        if self.what == "image":
            batch["image"][0] = torch.inf
        if self.what == "weights":
            next(module.parameters()).data.fill_(torch.nan)

    def on_after_backward(self, trainer, module):
        if self.what == "gradient" and trainer.global_step == self.step:
            next(module.parameters()).grad.fill_(torch.inf)

    def on_validation_start(self, trainer, module):
        if self.what == "validation" and trainer.global_step >= self.step:
            next(module.parameters()).data.fill_(torch.nan)


def train(tiny, run, *callbacks, **options):
    silence_lightning()
    guard = StopIfNotFinite(run)
    checkpoint = ResumableCheckpoint(run, every_n_steps=1)
    module = tiny.make_module(**{key: options.pop(key) for key in ("optimizer",) if key in options})
    trainer = tiny.make_trainer(run, [guard, checkpoint, *callbacks], logger=False, **options)
    trainer.fit(module, tiny.make_data())
    return guard


@pytest.mark.parametrize(
    ("what", "step", "words"),
    [
        ("weights", 7, "the loss is not finite"),
        ("gradient", 7, "the gradient is not finite"),
        ("image", 7, "an image of the batch holds NaN"),
        ("validation", 6, "the loss of the validation is nan"),
    ],
)
def test_it_stops_at_the_step_and_names_the_last_good_checkpoint(what, step, words, tiny, tmp_path):
    with pytest.raises(TrainingDivergedError, match=words) as error:
        train(tiny, tmp_path, At(what, step))
    assert error.value.exit_code == 3
    assert "\n" not in str(error.value)
    kept = sorted((tmp_path / "checkpoints").glob("step=*.ckpt"))[-1]
    assert str(kept) in str(error.value)
    weights = torch.load(kept, weights_only=True)["state_dict"]
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
    stopped = 10 if what == "validation" else step + 1
    assert f"at step {stopped}" in str(error.value)
    assert kept.name == f"step={stopped - 1:08d}.ckpt"


def test_without_a_checkpoint_it_says_so_and_blames_an_absurd_rate(tiny, tmp_path):
    rate = functools.partial(torch.optim.SGD, lr=1e30)
    with pytest.raises(TrainingDivergedError, match=r"learning rate [\d.]+e\+\d\d") as error:
        train(tiny, tmp_path, optimizer=rate, gradient_clip_val=None)
    assert "last good checkpoint" in str(error.value) or "no checkpoint yet" in str(error.value)


def test_a_good_training_is_the_same_with_it(tiny, tmp_path):
    train(tiny, tmp_path / "with", max_epochs=1)
    trainer = tiny.make_trainer(tmp_path / "without", [ResumableCheckpoint(tmp_path / "without")], max_epochs=1)
    trainer.fit(tiny.make_module(), tiny.make_data())
    one, other = (
        torch.load(next((tmp_path / name / "checkpoints").glob("step=00000005.ckpt")), weights_only=True)["state_dict"]
        for name in ("with", "without")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def scaled():
    """A trainer as the callback sees it, with a gradient scaler."""
    trainer = Mock(spec=pl.Trainer)
    trainer.global_step, trainer.num_training_batches, trainer.checkpoint_callbacks = 0, 1000, []
    trainer.precision_plugin, trainer.precision = SimpleNamespace(scaler=object()), "16-mixed"
    trainer.optimizers, trainer.gradient_clip_val, trainer.logged = [], 1.0, {}
    trainer.lightning_module = Mock(spec=pl.LightningModule)
    trainer.lightning_module.device, trainer.lightning_module.log = torch.device("cpu"), trainer.logged.__setitem__
    trainer.lightning_module.parameters = lambda: iter(())
    return trainer


def steps(guard, trainer, finite):
    for good in finite:
        trainer.global_step += 1
        value = torch.nn.Parameter(torch.zeros(2))
        value.grad = torch.tensor([1.0, 1.0 if good else torch.inf])
        guard.on_before_optimizer_step(trainer, trainer.lightning_module, torch.optim.SGD([value]))
        guard.on_train_batch_end(trainer, trainer.lightning_module, {"loss": torch.ones(())}, {}, 0)


def test_scattered_overflows_of_16_bits_are_counted_and_shown(tmp_path, caplog):
    guard, trainer = StopIfNotFinite(tmp_path), scaled()
    steps(guard, trainer, [False] * 10 + [True] * 30 + [False] + [True] * 10)
    assert guard.skipped == 11
    assert trainer.logged == {"train/skipped_steps": 11.0}
    with caplog.at_level(logging.WARNING):
        guard.on_train_end(trainer, trainer.lightning_module)
    assert "11 of 51 steps" in caplog.text


def test_overflows_without_end_are_a_fault(tmp_path):
    guard, trainer = StopIfNotFinite(tmp_path), scaled()
    with pytest.raises(TrainingDivergedError, match="16-bit"):
        steps(guard, trainer, [False] * (MOST_SKIPPED + 1))
    assert trainer.global_step == MOST_SKIPPED + 1
