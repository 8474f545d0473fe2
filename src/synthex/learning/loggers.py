"""Loggers beside Lightning's own: a CSV file that survives resuming, and W&B without an account."""

import csv
import io
import os
import uuid
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from synthex.core import InputError, atomic_path, optional_import, write_text
from synthex.core.documents import read_text

WANDB_ID_FILE = "wandb_id.txt"


class CsvLogger(Logger):
    """One ``metrics.csv`` a run, one row a logged step, with a column for every name ever logged.

    A resumed run continues the file: rows from the resumed step on are replaced. (Lightning's own CSV
    logger deletes the file of the run before.)

    Args:
        save_dir: Folder of the file.
        flush_every: Write after so many rows, and at the end.
    """

    def __init__(self, save_dir: str | Path, flush_every: int = 20) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self._flush_every = flush_every
        self._rows: dict[int, dict[str, Any]] | None = None
        self._new = 0

    @property
    def name(self) -> str:
        """Kind of logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Empty: a run has one file."""
        return ""

    @property
    def save_dir(self) -> str:
        """Folder of the file."""
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's resolved config is a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Add numbers to the row of ``step``."""
        step = 0 if step is None else step
        if self._rows is None:
            self._rows = {number: row for number, row in self._read().items() if number < step}
        self._rows.setdefault(step, {}).update({name: float(value) for name, value in metrics.items()})
        self._new += 1
        if self._new >= self._flush_every:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write the file, whole."""
        if not self._rows or not self._new:
            return
        names = sorted({name for row in self._rows.values() for name in row} - {"epoch"})
        with atomic_path(self.path) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=["step", "epoch", *names])
            writer.writeheader()
            writer.writerows({"step": step, **self._rows[step]} for step in sorted(self._rows))
        self._new = 0

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()

    def _read(self) -> dict[int, dict[str, Any]]:
        if not self.path.is_file():
            return {}
        remedy = "delete it, or restore it from a copy"
        try:
            return {
                int(row["step"]): {name: value for name, value in row.items() if name != "step" and value}
                for row in csv.DictReader(io.StringIO(read_text(self.path, remedy), newline=""))
            }
        except (KeyError, ValueError, TypeError, csv.Error) as error:
            raise InputError(self.path, "is no table of steps", remedy) from error


def wandb_logger(
    save_dir: str | Path, project: str = "synthex", mode: str | None = None, group: str | None = None, **options: Any
) -> Logger:
    """Weights & Biases, offline unless ``mode`` or ``WANDB_MODE`` asks for more: nothing leaks by accident.

    A run that is resumed goes on under its id, which lies in ``wandb_id.txt``. What the client adds by itself (command
    line, host, installed packages, console, state of the checkout) is left out: names of folders may be patients'.

    Args:
        save_dir: Folder of the run's files.
        project: Name of the project there.
        mode: ``online``, ``offline`` or ``disabled``; None takes ``WANDB_MODE``, else ``offline`` (neither an earlier
            `wandb login` nor ``WANDB_API_KEY`` asks for anything).
        group: Runs of one study or sweep have one.
        options: Further arguments of Lightning's WandbLogger.

    Raises:
        MissingExtraError: wandb is not installed.
    """
    wandb = optional_import("wandb", "wandb")
    from pytorch_lightning.loggers import WandbLogger

    mode = mode or os.environ.get("WANDB_MODE") or "offline"
    folder = Path(save_dir)
    folder.mkdir(parents=True, exist_ok=True)
    private = wandb.Settings(
        console="off", disable_git=True, save_code=False, x_disable_meta=True, x_save_requirements=False,
        x_disable_machine_info=True, host="host", username="user", silent=True,
    )  # fmt: skip
    given = {"settings": private, "group": group, "id": _wandb_id(folder), "name": folder.name} | options
    return WandbLogger(save_dir=str(folder), project=project, mode=mode, **given)


@rank_zero_only
def _wandb_id(folder: Path) -> str:
    """The id that this run has been given once."""
    path = folder / WANDB_ID_FILE
    if not path.is_file():
        write_text(path, uuid.uuid4().hex[:16])
    return path.read_text(encoding="utf-8").strip()
