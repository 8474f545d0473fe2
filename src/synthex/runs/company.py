"""Which processes a training has: this one, those of its other devices, and those of other nodes."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthex.core import ConfigError
from synthex.core.parent import launched

if TYPE_CHECKING:  # importing torch takes seconds, and most commands get by without this module's part of it
    from synthex.learning import Company, Rank

Settings = Mapping[str, Any]
"""Resolved settings of a training, of which ``trainer`` says how many processes it has."""

NO_SWEEP = "torchrun, or trainer.num_nodes above 1, with --multirun: start each job by itself"


def node_number() -> int:
    """Number of this machine, as the user, or Slurm, says."""
    found = os.environ.get("NODE_RANK", os.environ.get("SLURM_NODEID", "0"))
    if not found.isdigit():
        raise ConfigError(f"NODE_RANK={found}: give this node's number, 0 for the first")
    return int(found)


def follows() -> bool:
    """Whether torchrun started this process only to train along with the first."""
    return launched() and int(os.environ["RANK"]) > 0


def is_other_node(settings: Settings) -> bool:
    """Whether this machine only helps another one with its training."""
    return not launched() and int(settings["trainer"].get("num_nodes") or 1) > 1 and node_number() > 0


def first_rank(settings: Settings, *, sweeping: bool = False) -> "Rank | None":
    """The place of this node's first process in a training of several; None for a training of one.

    Args:
        settings: Of the training.
        sweeping: Whether it is one of a sweep in this process.

    Raises:
        ConfigError: The settings or the environment do not allow it.
    """
    nodes, devices = int(settings["trainer"].get("num_nodes") or 1), count_devices(settings["trainer"])
    if launched():
        world, local = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
        if devices * nodes not in (1, world):
            raise ConfigError(
                f"torchrun has started {world} processes, trainer.devices and trainer.num_nodes say {devices * nodes}; "
                "leave them out"
            )
        nodes, devices = world // local, local
    if nodes * devices == 1:
        return None
    from synthex.learning import Rank

    _check(settings, sweeping)
    if launched():
        return Rank.from_environment()
    if nodes == 1:
        return Rank(devices)
    node = node_number()
    if node >= nodes:
        raise ConfigError(f"NODE_RANK={node} with trainer.num_nodes={nodes}: nodes are numbered from 0")
    address, port = _meeting_point()
    return Rank(devices, nodes, node, 0, address, port)


def count_devices(trainer: Settings) -> int:
    """Processes that ``trainer.devices`` means on this machine.

    Raises:
        ConfigError: It is no number of devices.
    """
    devices: Any = trainer.get("devices", 1)
    if _is_list(devices):
        return len(devices)
    if devices is None or str(devices) in ("auto", "-1"):
        if trainer["accelerator"] == "cpu":
            return 1
        import torch

        return max(1, torch.cuda.device_count())
    if not re.fullmatch(r"[1-9]\d*", str(devices)):
        raise ConfigError(f"trainer.devices={devices}: give a number of devices, a list of GPUs like [0,1], or auto")
    return int(devices)


def known_devices(settings: Settings, *, sweeping: bool = False) -> dict[str, int]:
    """Settings of the trainer with the numbers that ``auto`` means here, which another machine could not know."""
    rank = None if _is_list(settings["trainer"].get("devices")) else first_rank(settings, sweeping=sweeping)
    if rank is None:
        return {}
    return {"devices": rank.devices} | ({"num_nodes": rank.nodes} if launched() else {})


def trainer_options(trainer: Settings, rank: "Rank | None") -> dict[str, Any]:
    """Arguments of Lightning's trainer that follow from the number of processes."""
    strategy = trainer.get("strategy", "auto")
    if rank is None:  # with one device there is nothing to share, and no process group to be left behind
        return {"strategy": "auto"} if isinstance(strategy, str) and strategy.startswith("ddp") else {}
    from pytorch_lightning.plugins.environments import LightningEnvironment

    options: dict[str, Any] = {"num_nodes": rank.nodes, "plugins": [LightningEnvironment()]}
    if not _is_list(trainer.get("devices")):
        options["devices"] = rank.devices
    if strategy == "auto":
        options["strategy"] = "ddp"
    return options


def team_of(
    settings: Settings, command: Sequence[str], run: Path, checkpoint: Path | None, *, sweeping: bool = False
) -> "contextlib.AbstractContextManager[Company | None]":
    """All processes of a training, for the block in which the first one trains; None where it is alone.

    Args:
        settings: Of the training, which the others get as JSON.
        command: What starts another process.
        run: Folder of the run.
        checkpoint: What is gone on from.
        sweeping: Whether the training is one of a sweep in this process.
    """
    rank = first_rank(settings, sweeping=sweeping)
    if rank is None:
        return contextlib.nullcontext()
    from synthex.learning import Team

    request = {
        "config": settings,
        "run": str(run.resolve()),
        "checkpoint": None if checkpoint is None else str(checkpoint.resolve()),
        "path": sys.path,
    }
    return Team(rank, tuple(command), json.dumps(request))


def help_other_node(settings: Settings, command: Sequence[str], *, sweep: bool = False) -> int:
    """Do this node's part of a training that the first node leads; returns the exit code.

    Raises:
        ConfigError: The settings or the environment do not allow it.
    """
    from synthex.learning import start_ranks

    rank = first_rank(settings)
    if sweep or rank is None:
        raise ConfigError(NO_SWEEP)
    processes = start_ranks(replace(rank, local=-1), tuple(command))
    return max((abs(process.wait()) for process in processes), default=0)


def _is_list(devices: Any) -> bool:
    return isinstance(devices, Sequence) and not isinstance(devices, str)


def _check(settings: Settings, sweeping: bool) -> None:
    trainer = settings["trainer"]
    strategy = trainer.get("strategy", "auto")
    name = strategy if isinstance(strategy, str) else str(strategy.get("_target_", "") if strategy else "")
    if re.search("spawn|fork|notebook", name):
        raise ConfigError(f"trainer.strategy={name}: processes are started by synthex itself; use ddp")
    if trainer.get("sync_batchnorm") and (trainer["accelerator"] == "cpu" or not _has_gpu()):
        raise ConfigError(
            "trainer.sync_batchnorm=true: PyTorch synchronises batch statistics on GPUs only; set it to false"
        )
    if "fsdp" in name.lower() and (settings.get("callbacks") or {}).get("ema") is not None:
        raise ConfigError(
            "callbacks.ema keeps a whole copy of the weights, which trainer=fsdp splits; use callbacks=default"
        )
    if settings.get("adaptation") is not None:
        raise ConfigError("adaptation trains in one process: its alternating optimisers are not tested over several")
    if not launched() and ("LOCAL_RANK" in os.environ or int(os.environ.get("SLURM_LOCALID", "0")) > 0):
        raise ConfigError(
            "several processes of `synthex train` were started on this machine (srun with several tasks a node, say); "
            "start one a node, it starts those of its other devices (trainer.devices) itself, or start all by torchrun"
        )
    if (launched() or int(trainer.get("num_nodes") or 1) > 1) and sweeping:
        raise ConfigError(NO_SWEEP)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _meeting_point() -> tuple[str, int]:
    """Address and port of the first node, as the user or Slurm says.

    Raises:
        ConfigError: Neither does.
    """
    address, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    names, job = os.environ.get("SLURM_JOB_NODELIST"), os.environ.get("SLURM_JOB_ID", "")
    if address is None and names:
        from pytorch_lightning.plugins.environments import SLURMEnvironment

        address = SLURMEnvironment.resolve_root_node_address(names)
    if port is None and job.isdigit():
        port = str(15_000 + int(job) % 10_000)  # our choice: the same on all nodes, other jobs have others
    if not address or not (port or "").isdigit():
        raise ConfigError(
            "trainer.num_nodes above 1: say on every node where the first one is and which this one is: MASTER_ADDR "
            "(its name), MASTER_PORT (a free port of it) and NODE_RANK (0, 1, ...)"
        )
    return address, int(port or 0)
