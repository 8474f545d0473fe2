"""Which processes a training has: this one, those of its other devices, and those of other nodes."""

import contextlib
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from synthex.core import ConfigError
from synthex.core.parent import launched

if TYPE_CHECKING:  # importing torch takes seconds, and most commands get by without this module's part of it
    from synthex.learning import Company, Rank

COMMAND = (sys.executable, "-m", "synthex.cli.rank")

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


def is_other_node(cfg: DictConfig) -> bool:
    """Whether this machine only helps another one with its training."""
    return not launched() and int(cfg.trainer.get("num_nodes") or 1) > 1 and node_number() > 0


def first_rank(cfg: DictConfig) -> "Rank | None":
    """The place of this node's first process in a training of several; None for a training of one.

    Raises:
        ConfigError: The settings or the environment do not allow it.
    """
    trainer = cfg.trainer
    nodes, devices = int(trainer.get("num_nodes") or 1), count_devices(cfg)
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

    _check(cfg)
    if launched():
        return Rank.from_environment()
    if nodes == 1:
        return Rank(devices)
    node = node_number()
    if node >= nodes:
        raise ConfigError(f"NODE_RANK={node} with trainer.num_nodes={nodes}: nodes are numbered from 0")
    address, port = _meeting_point()
    return Rank(devices, nodes, node, 0, address, port)


def count_devices(cfg: DictConfig) -> int:
    """Processes that ``trainer.devices`` means on this machine.

    Raises:
        ConfigError: It is no number of devices.
    """
    devices: Any = cfg.trainer.get("devices", 1)
    if OmegaConf.is_list(devices):
        return len(devices)
    if devices is None or str(devices) in ("auto", "-1"):
        if cfg.trainer.accelerator == "cpu":
            return 1
        import torch

        return max(1, torch.cuda.device_count())
    if not re.fullmatch(r"[1-9]\d*", str(devices)):
        raise ConfigError(f"trainer.devices={devices}: give a number of devices, a list of GPUs like [0,1], or auto")
    return int(devices)


def with_devices(cfg: DictConfig) -> DictConfig:
    """The settings with the number of devices that ``auto`` means here, which another machine could not know."""
    rank = None if OmegaConf.is_list(cfg.trainer.get("devices")) else first_rank(cfg)
    if rank is None:
        return cfg
    known = {"devices": rank.devices} | ({"num_nodes": rank.nodes} if launched() else {})
    settled = OmegaConf.merge(cfg, {"trainer": known})
    assert isinstance(settled, DictConfig)
    return settled


def trainer_options(cfg: DictConfig, rank: "Rank | None") -> dict[str, Any]:
    """Arguments of Lightning's trainer that follow from the number of processes."""
    strategy = cfg.trainer.get("strategy", "auto")
    if rank is None:  # with one device there is nothing to share, and no process group to be left behind
        return {"strategy": "auto"} if isinstance(strategy, str) and strategy.startswith("ddp") else {}
    from pytorch_lightning.plugins.environments import LightningEnvironment

    options: dict[str, Any] = {"num_nodes": rank.nodes, "plugins": [LightningEnvironment()]}
    if not OmegaConf.is_list(cfg.trainer.get("devices")):
        options["devices"] = rank.devices
    if strategy == "auto":
        options["strategy"] = "ddp"
    return options


def team_of(cfg: DictConfig, run: Path, checkpoint: Path | None) -> "contextlib.AbstractContextManager[Company | None]":
    """All processes of a training, for the block in which the first one trains; None where it is alone."""
    rank = first_rank(cfg)
    if rank is None:
        return contextlib.nullcontext()
    from synthex.learning import Team

    request = {
        "config": OmegaConf.to_container(cfg, resolve=True),
        "run": str(run.resolve()),
        "checkpoint": None if checkpoint is None else str(checkpoint.resolve()),
        "path": sys.path,
    }
    return Team(rank, COMMAND, json.dumps(request))


def follow() -> int:
    """Train along with the first process that torchrun has started; returns the exit code."""
    from synthex.cli.rank import main

    return main()


def help_other_node(cfg: DictConfig, *, sweep: bool = False) -> int:
    """Do this node's part of a training that the first node leads; returns the exit code.

    Raises:
        ConfigError: The settings or the environment do not allow it.
    """
    from synthex.learning import start_ranks

    rank = first_rank(cfg)
    if sweep or rank is None:
        raise ConfigError(NO_SWEEP)
    processes = start_ranks(replace(rank, local=-1), COMMAND)
    return max((abs(process.wait()) for process in processes), default=0)


def _check(cfg: DictConfig) -> None:
    trainer = cfg.trainer
    strategy = trainer.get("strategy", "auto")
    name = strategy if isinstance(strategy, str) else str(strategy.get("_target_", "") if strategy else "")
    if re.search("spawn|fork|notebook", name):
        raise ConfigError(f"trainer.strategy={name}: processes are started by synthex itself; use ddp")
    if trainer.get("sync_batchnorm") and (trainer.accelerator == "cpu" or not _has_gpu()):
        raise ConfigError(
            "trainer.sync_batchnorm=true: PyTorch synchronises batch statistics on GPUs only; set it to false"
        )
    if "fsdp" in name.lower() and (cfg.get("callbacks") or {}).get("ema") is not None:
        raise ConfigError(
            "callbacks.ema keeps a whole copy of the weights, which trainer=fsdp splits; use callbacks=default"
        )
    if cfg.get("adaptation") is not None:
        raise ConfigError("adaptation trains in one process: its alternating optimisers are not tested over several")
    if not launched() and ("LOCAL_RANK" in os.environ or int(os.environ.get("SLURM_LOCALID", "0")) > 0):
        raise ConfigError(
            "several processes of `synthex train` were started on this machine (srun with several tasks a node, say); "
            "start one a node, it starts those of its other devices (trainer.devices) itself, or start all by torchrun"
        )
    if (launched() or int(trainer.get("num_nodes") or 1) > 1) and _sweeping():
        raise ConfigError(NO_SWEEP)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _sweeping() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


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
