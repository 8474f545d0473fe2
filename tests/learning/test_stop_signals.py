"""A run that is asked to stop writes a checkpoint first, and goes on from it to the same weights."""

import os
import signal

import pytest
import torch
from generators import tiny_training
from generators.tiny_training import make_data, make_module, make_trainer
from pytorch_lightning import Callback

from synthex.learning import find_resume_checkpoint
from synthex.learning.callbacks import ResumableCheckpoint, WeightAverage
from synthex.learning.callbacks.stop_signals import STOP_SIGNALS, StopSignals

SCENARIO = {"every_n_steps": None, "ema": True, "workers": 0, "endless": True}


class Signaller(Callback):
    """Sends its own process a signal at one batch of one moment."""

    def __init__(self, number: int, moment: str, step: int):
        self.number, self.moment, self.step = number, moment, step

    def send(self, moment, step):
        if (moment, step) == (self.moment, self.step):
            os.kill(os.getpid(), self.number)

    def on_after_backward(self, trainer, pl_module):
        self.send("backward", trainer.global_step)

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        self.send("validation", trainer.global_step)


def stopped(run, number, moment, step, accumulate=1) -> str:
    """Train with the signal; the exit code of a training that was left, else ``ended``."""
    trainer = make_trainer(
        run,
        [Signaller(number, moment, step), ResumableCheckpoint(run), WeightAverage(decay=0.9)],
        accumulate_grad_batches=accumulate,
    )
    try:
        trainer.fit(make_module(), make_data(0), weights_only=True)
    except SystemExit as stop:
        return str(stop.code)
    return "ended"


@pytest.mark.parametrize(
    ("number", "moment", "step", "accumulate", "kept", "code"),
    [
        (signal.SIGUSR1, "backward", 1, 1, 2, 128 + signal.SIGUSR1),
        (signal.SIGUSR2, "backward", 7, 1, 8, 128 + signal.SIGUSR2),
        (signal.SIGTERM, "backward", 6, 1, 7, 128 + signal.SIGTERM),
        (signal.SIGUSR1, "validation", 5, 1, 5, 128 + signal.SIGUSR1),
        (signal.SIGUSR1, "backward", 0, 2, 1, 128 + signal.SIGUSR1),  # not between the parts of a gradient
    ],
)
def test_a_signal_is_obeyed_after_a_checkpoint(tmp_path, number, moment, step, accumulate, kept, code):
    torch.set_num_threads(1)
    scenario = SCENARIO | {"accumulate": accumulate}
    whole = tiny_training.train(tmp_path / "whole", scenario)
    run = tmp_path / "run"
    left = stopped(run, number, moment, step, accumulate)
    # Lightning's own handler of SIGTERM, which is there unless somebody else's is, leaves without an exit code.
    assert left == str(code) or (number == signal.SIGTERM and left == "None")
    assert find_resume_checkpoint(run).name == f"step={kept:08d}.ckpt"
    assert tiny_training.train(run, scenario) == whole


def test_handlers_are_those_of_before_after_a_training(tmp_path):
    torch.set_num_threads(1)
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    make_trainer(tmp_path, [ResumableCheckpoint(tmp_path)], max_epochs=1).fit(make_module(), make_data(0))
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_whoever_had_asked_for_the_signal_gets_it_in_the_end():
    seen = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))
    try:
        signals = StopSignals()
        signals.hold()
        os.kill(os.getpid(), signal.SIGUSR2)
        assert (seen, signals.received) == ([], signal.SIGUSR2)
        signals.answer()
        assert (seen, signals.received) == ([signal.SIGUSR2], None)
        signals.answer()  # there is nothing to answer any more
        signals.release()
        os.kill(os.getpid(), signal.SIGUSR2)
        assert seen == [signal.SIGUSR2] * 2
    finally:
        signal.signal(signal.SIGUSR2, before)
