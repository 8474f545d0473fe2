import csv

import pytest
from pytorch_lightning.loggers.logger import DummyLogger

from synthex.core import MissingExtraError
from synthex.learning import CsvLogger, wandb_logger


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_columns_may_come_later(tmp_path):
    logger = CsvLogger(tmp_path, flush_every=1)
    logger.log_metrics({"train/loss": 2.0, "epoch": 0}, step=0)
    logger.log_metrics({"val/loss": 1.0}, step=1)
    logger.log_metrics({"train/loss": 1.5}, step=1)
    assert read(tmp_path / "metrics.csv") == [
        {"step": "0", "epoch": "0.0", "train/loss": "2.0", "val/loss": ""},
        {"step": "1", "epoch": "", "train/loss": "1.5", "val/loss": "1.0"},
    ]


def test_a_resumed_run_continues_the_file(tmp_path):
    first = CsvLogger(tmp_path)
    for step in range(5):
        first.log_metrics({"loss": step}, step=step)
    first.finalize("killed")
    second = CsvLogger(tmp_path)
    second.log_metrics({"loss": 30}, step=3)
    second.finalize("success")
    assert [(row["step"], row["loss"]) for row in read(tmp_path / "metrics.csv")] == [
        ("0", "0.0"), ("1", "1.0"), ("2", "2.0"), ("3", "30.0"),
    ]  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """What Lightning's W&B logger is made with."""
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    seen = {}
    monkeypatch.setattr(
        "pytorch_lightning.loggers.WandbLogger", lambda **options: seen.update(options) or DummyLogger()
    )
    return seen


@pytest.mark.parametrize(
    ("given", "environment", "mode"),
    [
        (None, {}, "offline"),
        (None, {"WANDB_API_KEY": "a-key"}, "offline"),
        (None, {"WANDB_MODE": "online"}, "online"),
        ("online", {}, "online"),
        ("disabled", {"WANDB_MODE": "online"}, "disabled"),
    ],
)
def test_wandb_is_offline_unless_asked(tmp_path, monkeypatch, asked, given, environment, mode):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wandb_logger(tmp_path, mode=given)
    assert asked["mode"] == mode


def test_a_resumed_run_keeps_its_id_and_its_group(tmp_path, asked):
    wandb_logger(tmp_path / "a", group="a study")
    first = dict(asked)
    wandb_logger(tmp_path / "a", group="a study")
    assert asked["id"] == first["id"]
    assert (asked["group"], asked["name"]) == ("a study", "a")
    wandb_logger(tmp_path / "b")
    assert asked["id"] != first["id"]


def test_a_missing_wandb_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"synthex\[wandb\]"):
        wandb_logger(tmp_path)
