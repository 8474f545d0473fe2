import csv
import functools
import logging
import warnings

import numpy as np
import pytest
import torch

from synthex.core import ConfigError, InputError
from synthex.learning import load_network_weights, silence_lightning
from synthex.learning.callbacks import (
    ProgressLines,
    ResumableCheckpoint,
    ThroughputMonitor,
    WeightAverage,
    progress,
)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    module = tiny.make_module()
    callbacks = [ResumableCheckpoint(run), WeightAverage(decay=0.9), ThroughputMonitor(2), ProgressLines(0.0)]
    logger = logging.getLogger("synthex.learning.callbacks.progress")
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    trainer = tiny.make_trainer(run, callbacks, enable_progress_bar=True)
    trainer.fit(module, tiny.make_data())
    logger.removeHandler(handler)
    return run, module, trainer, lines


def test_losses_scores_and_speed_are_logged(trained):
    rows = rows_of(trained[0] / "metrics.csv")
    assert len(rows) == 15
    assert all(row["train/loss"] for row in rows)
    last = rows[-1]
    assert float(last["val/loss"]) < float(rows[4]["val/loss"])
    assert 0 <= float(last["train/data_wait_share"]) <= 1
    assert float(last["train/samples_per_s"]) > 0
    assert 0 <= float(last["val/confidence"]) <= 1
    assert "val/nothing" not in last  # NaN everywhere: there is nothing to log


def test_lines_say_where_training_is(trained):
    assert any(line.startswith("epoch 3/3  batch 5/5") and "val/loss" in line for line in trained[3])


def test_checkpoints_hold_the_average_that_training_ends_with(tiny, trained):
    run, module, trainer, _ = trained
    path = run / "checkpoints" / "step=00000015.ckpt"
    network = tiny.TinyNetwork()
    assert load_network_weights(path, network, task="tiny") == {"task": "tiny"}
    for name, value in module.network.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    plain = torch.load(path, weights_only=True)["state_dict"]["network.body.0.weight"]
    assert not torch.equal(plain, network.state_dict()["body.0.weight"])
    assert trainer.checkpoint_callback.best_model_path.endswith("best.ckpt")


def test_weights_of_another_task_or_network_are_refused(tiny, trained):
    path = trained[0] / "checkpoints" / "best.ckpt"
    with pytest.raises(ConfigError, match="'tiny', not 'hip'"):
        load_network_weights(path, tiny.TinyNetwork(), task="hip")
    with pytest.raises(InputError, match="weights of another network"):
        load_network_weights(path, torch.nn.Conv2d(1, 1, 1))


def test_resuming_into_another_task_is_refused(tiny, trained, tmp_path):
    module = tiny.make_module(extra={"task": "hip"})
    with pytest.raises(ConfigError, match="'tiny', not 'hip'"):
        tiny.make_trainer(tmp_path).fit(
            module, tiny.make_data(), ckpt_path=trained[0] / "checkpoints" / "best.ckpt", weights_only=True
        )


def test_the_average_follows_its_formula(tiny, tmp_path):
    """Parity with the plain recursion over the weights after every step."""
    seen = []

    class Recorder(WeightAverage):
        def on_train_batch_end(self, trainer, pl_module, *args):
            super().on_train_batch_end(trainer, pl_module, *args)
            seen.append(pl_module.network.masks.weight.detach().clone())

    average = Recorder(decay=0.5)
    module = tiny.make_module()
    expected = module.network.masks.weight.detach().clone()
    tiny.make_trainer(tmp_path, [average], max_epochs=1, enable_checkpointing=False).fit(module, tiny.make_data())
    for step, weight in enumerate(seen, start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert torch.allclose(module.network.masks.weight, expected, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_precisions_and_memory_order(tiny, tmp_path, precision):
    module = tiny.make_module(channels_last=True, scheduler=None, decode=None, score=None)
    trainer = tiny.make_trainer(tmp_path, precision=precision, max_steps=2, enable_checkpointing=False)
    trainer.fit(module, tiny.make_data())
    assert np.isfinite(float(trainer.callback_metrics["train/loss"]))


def test_over_fitting_sees_the_same_batches(tiny, tmp_path):
    seen = []
    module = tiny.make_module()
    step = module.training_step
    module.training_step = lambda batch, batch_idx: (seen.append(batch["index"].tolist()), step(batch, batch_idx))[1]
    trainer = tiny.make_trainer(tmp_path, overfit_batches=2, max_epochs=3, enable_checkpointing=False)
    trainer.fit(module, tiny.make_data())
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7]] * 3


def test_the_whole_run_is_what_schedules_count(tiny, tmp_path):
    rates = []

    def schedule(optimizer, total_steps):
        rates.append(total_steps)
        return torch.optim.lr_scheduler.ConstantLR(optimizer)

    module = tiny.make_module(scheduler=functools.partial(schedule))
    tiny.make_trainer(tmp_path, max_epochs=2, enable_checkpointing=False).fit(module, tiny.make_data())
    assert rates == [10]


def test_progress_styles(monkeypatch):
    assert isinstance(progress("lines"), ProgressLines)
    assert type(progress("bar")).__name__ == "RichProgressBar"
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert isinstance(progress("auto"), ProgressLines)
    with pytest.raises(ConfigError, match="choose auto, bar or lines"):
        progress("loud")


def test_known_noise_is_silenced_and_nothing_else():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        silence_lightning()
        warnings.warn("The 'train_dataloader' does not have many workers which may be a bottleneck.", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["something else"]


def test_senseless_settings_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="keep >= 2"):
        ResumableCheckpoint(tmp_path, keep=1)
    with pytest.raises(ConfigError, match="min or max"):
        ResumableCheckpoint(tmp_path, mode="best")
    with pytest.raises(ConfigError, match="decay"):
        WeightAverage(decay=1.0)
