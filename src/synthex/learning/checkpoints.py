"""Reading checkpoints: finding the one to resume from, and taking a network's weights out of one."""

import logging
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthex.core import ConfigError, InputError, UserError
from synthex.core.limits import check_weights_archive

log = logging.getLogger(__name__)

CHECKPOINT_KEY = "synthex"
"""Where a checkpoint says whose it is: ``task`` and whatever else the run wants to keep."""
EMA_KEY = "synthex_ema"
"""Where a checkpoint keeps the running average of the network's weights."""
CHECKPOINT_FOLDER = "checkpoints"
STEP_NAME = re.compile(r"step=(\d+)\.ckpt")
_NETWORK_PREFIX = "network."


def step_checkpoints(folder: Path) -> list[Path]:
    """The resumable checkpoints in ``folder``, newest first."""
    named = [(int(match[1]), path) for path in folder.glob("step=*.ckpt") if (match := STEP_NAME.fullmatch(path.name))]
    return [path for _, path in sorted(named, reverse=True)]


def find_resume_checkpoint(run_dir: str | Path, task: str | None = None) -> Path | None:
    """The newest complete checkpoint of a run, or None where there is none.

    A damaged checkpoint (crash of the machine, full disk) is passed over with a warning.

    Args:
        run_dir: Folder of the run; checkpoints are in its ``checkpoints`` folder.
        task: Refuse checkpoints of another task.

    Raises:
        ConfigError: The checkpoint belongs to another task.
    """
    for path in step_checkpoints(Path(run_dir) / CHECKPOINT_FOLDER):
        try:
            checkpoint = read_checkpoint(path)
        except InputError as error:
            log.warning("%s", error)
            continue
        check_task(checkpoint, task, str(path))
        return path
    return None


def find_weights(run_dir: str | Path) -> Path:
    """The checkpoint to predict with: the best by validation, else the newest.

    Raises:
        InputError: The run has none.
    """
    folder = Path(run_dir) / CHECKPOINT_FOLDER
    for path in (folder / "best.ckpt", *step_checkpoints(folder)):
        if path.is_file():
            return path
    raise InputError(folder, "holds no checkpoint", "train first, or give the folder of a run that has trained")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint's content on the CPU, every byte checked; nothing in the file is executed.

    Raises:
        InputError: The file is missing, cut short, damaged or not a checkpoint.
    """
    path = Path(path)
    remedy = "use another checkpoint or start afresh"
    if not path.exists():
        raise InputError(path, "no such checkpoint", "check the path")
    try:
        check_weights_archive(path, remedy)
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        checkpoint = torch.load(path, map_location="cpu", weights_only=True) if damaged is None else None
    except UserError:
        raise
    # A damaged pickle raises whatever its instructions come to (KeyError, TypeError, IndexError, AttributeError, …).
    except Exception as error:
        raise InputError(path, f"is not a complete checkpoint ({type(error).__name__})", remedy) from error
    if not isinstance(checkpoint, dict) or not all(
        isinstance(checkpoint.get(key, {}), dict) for key in (CHECKPOINT_KEY, EMA_KEY)
    ):
        raise InputError(path, "is not a complete checkpoint", remedy)
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise InputError(path, "is not a complete checkpoint", remedy)
    return checkpoint


def check_task(checkpoint: Mapping[str, Any], task: str | None, name: str) -> None:
    """Raise ConfigError when the checkpoint called ``name`` was made for another task than ``task``."""
    stored = (checkpoint.get(CHECKPOINT_KEY) or {}).get("task")
    if task is not None and stored is not None and stored != task:
        raise ConfigError(f"{name} was trained for task {stored!r}, not {task!r}; choose another checkpoint or task")


def load_network_weights(path: str | Path, network: nn.Module, task: str | None = None) -> dict[str, Any]:
    """Fill ``network`` with a checkpoint's weights: the running average if there is one.

    Args:
        path: A checkpoint of a run.
        network: The network of the run; its weights are replaced.
        task: Refuse the checkpoint of another task.

    Returns:
        What the run stored about itself.

    Raises:
        InputError: The file is damaged, or its weights do not fit the network.
        ConfigError: It belongs to another task.
    """
    checkpoint = read_checkpoint(path)
    check_task(checkpoint, task, str(path))
    weights = checkpoint.get(EMA_KEY) or {
        name.removeprefix(_NETWORK_PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(_NETWORK_PREFIX)
    }
    own = network.state_dict()
    wrong = sorted(own.keys() ^ weights.keys()) or [
        key for key in own if own[key].shape != getattr(weights[key], "shape", None)
    ]
    if wrong:
        raise InputError(
            path,
            f"holds the weights of another network ({len(wrong)} entries differ, first {wrong[0]})",
            "build the network from the run's own config",
        )
    network.load_state_dict(weights)
    return dict(checkpoint.get(CHECKPOINT_KEY) or {})
