"""CycleGAN's training step against a plain loop of the original's kind, and exact resuming."""

import functools

import pytest
import pytorch_lightning as pl
import torch
from generators.samples import ListReader, make_sample
from torch.nn import functional

from synthex.adaptation.translation import CycleGanModule, UnpairedDataset
from synthex.adaptation.translation.module import POOLS_KEY, judged
from synthex.core import ConfigError, derive_rng
from synthex.learning import CsvLogger, DataModule, find_resume_checkpoint
from synthex.learning.callbacks import ResumableCheckpoint
from synthex.learning.schedules import linear
from synthex.nn import PatchDiscriminator, ResNetGenerator

GENERATOR = functools.partial(ResNetGenerator, width=2, blocks=1)
DISCRIMINATOR = functools.partial(PatchDiscriminator, width=4, layers=2)


def module(**options):
    torch.manual_seed(1)
    return CycleGanModule(GENERATOR, DISCRIMINATOR, **({"pool": 3, "extra": {"task": "tiny"}} | options))


def pairs():
    simulated = ListReader([make_sample(index, 32, 32) for index in range(6)])
    real = ListReader([make_sample(index + 20, 32, 32, domain="intensity") for index in range(4)])
    return UnpairedDataset(simulated, real, 32)


def trainer(folder, epochs=2, callbacks=(), **options):
    return pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, deterministic=True, log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=bool(callbacks),
        logger=CsvLogger(folder), default_root_dir=folder, callbacks=list(callbacks), **options,
    )  # fmt: skip


def data():
    return DataModule(pairs(), batch_size=2)


def test_a_step_is_that_of_the_original_with_an_optimizer_for_each_side(tmp_path):
    mine, other = module(), module()
    fitted = trainer(tmp_path, epochs=1)
    fitted.fit(mine, data())
    generators = [*other.to_real.parameters(), *other.to_simulated.parameters()]
    judges = [*other.judge_real.parameters(), *other.judge_simulated.parameters()]
    optimizers = [torch.optim.Adam(group, lr=2e-4, betas=(0.5, 0.999)) for group in (generators, judges)]
    source = data()
    source.setup("fit")
    for step, batch in enumerate(source.train_dataloader()):
        simulated, real = batch["image"], batch["real"]
        looks_real, looks_simulated = other.to_real(simulated), other.to_simulated(real)
        ones = [other.judge_real(looks_real), other.judge_simulated(looks_simulated)]
        loss = sum(((scores - 1) ** 2).mean() for scores in ones)
        loss = loss + 10 * functional.l1_loss(other.to_simulated(looks_real), simulated)
        loss = loss + 10 * functional.l1_loss(other.to_real(looks_simulated), real)
        loss = loss + 5 * functional.l1_loss(other.to_real(real), real)
        loss = loss + 5 * functional.l1_loss(other.to_simulated(simulated), simulated)
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        rng = derive_rng(0, "pool", step, step, 0)
        for judge, own, translated, pool in (
            (other.judge_real, real, looks_real, other.pools["real"]),
            (other.judge_simulated, simulated, looks_simulated, other.pools["simulated"]),
        ):
            old = pool.exchange(translated, rng)
            (0.5 * (((judge(own) - 1) ** 2).mean() + (judge(old) ** 2).mean())).backward()
        optimizers[1].step()
    assert fitted.global_step == 3
    for (name, value), wanted in zip(mine.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(value, wanted, rtol=0, atol=1e-6, msg=name)
    assert not torch.equal(mine.to_real.body[1].weight, module().to_real.body[1].weight)


def test_a_run_that_was_cut_ends_with_the_very_weights_of_one_that_was_not(tmp_path):
    schedule = functools.partial(linear, hold=0.5)
    whole, cut, resumed = (module(scheduler=schedule) for _ in range(3))
    trainer(tmp_path / "whole").fit(whole, data())
    checkpoint = ResumableCheckpoint(tmp_path / "cut", every_n_steps=1, monitor=None)
    stop = _StopAt(4)
    with pytest.raises(_CutError):
        trainer(tmp_path / "cut", callbacks=[stop, checkpoint]).fit(cut, data())
    path = find_resume_checkpoint(tmp_path / "cut", task="tiny")
    assert path.name == "step=00000004.ckpt"
    assert len(torch.load(path, weights_only=True)[POOLS_KEY]["real"]["images"]) == 3
    trainer(tmp_path / "cut").fit(resumed, data(), ckpt_path=path, weights_only=True)
    for (name, value), wanted in zip(resumed.state_dict().items(), whole.state_dict().values(), strict=True):
        assert torch.equal(value, wanted), name
    with pytest.raises(ConfigError, match="trained for task 'tiny', not 'teeth'"):
        trainer(tmp_path / "x").fit(module(extra={"task": "teeth"}), data(), ckpt_path=path, weights_only=True)


class _StopAt(pl.Callback):
    """Ends the process's training without farewell at the start of a step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise _CutError


class _CutError(BaseException):
    pass


def test_what_shows_a_collapse_is_logged(tmp_path):
    trainer(tmp_path).fit(module(), data())
    header, *rows = (tmp_path / "metrics.csv").read_text().splitlines()
    names = header.split(",")
    assert len(rows) == 6
    for name in (
        *("generators", "adversarial_real", "cycle_simulated", "identity_real", "discriminator_simulated"),
        *("accuracy_real", "accuracy_simulated", "structure", "label_fit_before", "label_fit_after"),
    ):
        column = [row.split(",")[names.index(f"train/{name}")] for row in rows]
        assert all(column), name
        if name.startswith(("accuracy", "structure", "label")):
            assert all(-1 <= float(value) <= 1 for value in column), name


def test_the_discriminators_accuracy_counts_both_kinds_alike():
    own, translated = torch.tensor([[1.0, 0.9, 0.2]]), torch.tensor([[0.1, 0.7, 0.8]])
    loss, accuracy = judged(torch.nn.Identity(), own, translated)
    assert accuracy == pytest.approx(0.5 * (2 / 3 + 1 / 3))
    wanted = 0.5 * ((0 + 0.01 + 0.64) / 3 + (0.01 + 0.49 + 0.64) / 3)
    assert loss == pytest.approx(wanted, rel=1e-5)


def test_the_rate_is_held_then_falls_to_zero():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = linear(optimizer, total_steps=10)
    rates = []
    for _ in range(12):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([1] * 6 + [0.8, 0.6, 0.4, 0.2, 0, 0])
    with pytest.raises(ConfigError, match="hold=1"):
        linear(optimizer, 10, hold=1)
