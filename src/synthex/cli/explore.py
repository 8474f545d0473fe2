"""``synthex explore``: the C-arm on the screen."""

import secrets
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from synthex.config.build import build_task
from synthex.config.compose import compose, options, plain
from synthex.config.sources import PEOPLE, build_sources
from synthex.core import ConfigError, nearest, optional_import
from synthex.core.terminal import console, quiet_libraries
from synthex.explore import HOST, Explorer, Scenes, Subjects, make_app
from synthex.runs import load
from synthex.runs.package import find_model

INSTRUMENTS = ("continuum_manipulator", "drill", "k_wire", "guide_wire", "cannulated_screw")
"""Scenes that the page offers without being asked: those that have a tip to find."""


def main(cfg: DictConfig) -> None:
    """Serve the page until it is stopped."""
    quiet_libraries()
    uvicorn = optional_import("uvicorn", "explore")
    model = None
    if cfg.run is not None:
        find_model(str(cfg.run))  # says what is wrong with it before the page opens
        model = partial(load, str(cfg.run))
    token = secrets.token_urlsafe(24)
    name = "" if cfg.run is None else Path(str(cfg.run)).name
    explorer = Explorer(Scenes(scene_makers(cfg)), model, name, int(cfg.size), int(cfg.subjects))
    app = make_app(explorer, token)
    config = uvicorn.Config(app, host=HOST, port=int(cfg.port), log_level="warning", lifespan="off")
    socket = config.bind_socket()
    address = f"http://{HOST}:{socket.getsockname()[1]}/{token}/"
    console.print(f"the C-arm is at {address}", soft_wrap=True)
    console.print("only this machine can reach it, and only with this address; Ctrl-C ends it")
    if cfg.open:
        webbrowser.open(address)
    uvicorn.Server(config).run(sockets=[socket])


def scene_makers(cfg: DictConfig) -> dict[str, Callable[[], Subjects]]:
    """What the page offers: the scenes of ``cfg.scenes``, or the task's own of a folder of people, or all we have.

    Raises:
        ConfigError: A scene that is none.
    """
    hydra = HydraConfig.get()
    given = list(hydra.overrides.task)
    wanted = plain(cfg.scenes)
    if wanted is None:
        task = str(hydra.runtime.choices["task"])
        folder = any(cfg.data.get(kind) is not None for kind in PEOPLE)
        tools = [f"tool_detection/{name}" for name in INSTRUMENTS]
        wanted = [task] if folder else [task, *(name for name in ("hip_landmarks", *tools, "lesion_segmentation"))]
        wanted = list(dict.fromkeys(wanted))
    if not isinstance(wanted, list) or not wanted:
        raise ConfigError(f"scenes={cfg.scenes}: give a list, such as [hip_landmarks,tool_detection/drill]")
    known = options("task")
    for name in wanted:
        task, _, instrument = str(name).partition("/")
        if task not in known:
            raise ConfigError(f"scenes: there is no task {task!r}; {nearest(task, known)}")
        if instrument and instrument not in options("instrument"):
            raise ConfigError(
                f"scenes: there is no instrument {instrument!r}; {nearest(instrument, options('instrument'))}"
            )
    return {str(name): partial(_subjects, str(name), given) for name in wanted}


def _subjects(name: str, given: list[str]) -> Subjects:
    task, _, instrument = name.partition("/")
    chosen = [f"task={task}"] + ([f"instrument@task.instrument={instrument}"] if instrument else [])
    cfg = compose("explore", [*(one for one in given if not one.startswith("task=")), *chosen])
    folder = any(cfg.data.get(kind) is not None for kind in PEOPLE)
    return Subjects(build_sources(cfg)["train" if folder else "test"], build_task(cfg))
