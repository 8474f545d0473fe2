"""``synthex model summary``: parameters and operations of the networks of conf/model, or of one."""

from dataclasses import asdict
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex.config.build import build_task
from synthex.config.compose import compose, options
from synthex.config.settings import input_size
from synthex.core import Task
from synthex.core.terminal import Row, console, print_rows, quiet_libraries, write_rows
from synthex.nn.complexity import complexity

COLUMNS = {
    "model": "model",
    "input": "input",
    "parameters_m": "parameters, M",
    "trainable_m": "trainable, M",
    "gflops": "GFLOPs",
    "input_stride": "stride in",
    "output_stride": "stride out",
}

CHOOSERS = ("model", "experiment")
"""Groups that choose a network: with one of them, or a setting of the network, only this is shown."""


def main(cfg: DictConfig) -> None:
    """Print the table, and write its rows to ``cfg.json``."""
    quiet_libraries()
    task = build_task(cfg)
    rows = [{"model": name, **measure(one, task)} for name, one in chosen(cfg).items()]
    structures, landmarks = len(task.vocabulary.structures), len(task.vocabulary.landmarks)
    print_rows(
        f"task {task.name}: {structures} structures, {landmarks} landmarks", COLUMNS, [readable(one) for one in rows]
    )
    console.print("GFLOPs: of one image forward; a multiplication and its addition are two operations")
    if cfg.json is not None:
        write_rows(Path(cfg.json).expanduser(), rows)


def chosen(cfg: DictConfig) -> dict[str, DictConfig]:
    """The configs to show, by the name of their model: the one that the command line chose, or all."""
    given = list(HydraConfig.get().overrides.task)
    if any(override.lstrip("+~").split("=")[0].split(".")[0] in CHOOSERS for override in given):
        return {str(HydraConfig.get().runtime.choices["model"]): cfg}
    return {name: compose("model_summary", [*given, f"model={name}"]) for name in options("model")}


def measure(cfg: DictConfig, task: Task) -> Row:
    """Size and cost of the network of a config, for the images of its data."""
    counts = {"structures": len(task.vocabulary.structures), "landmarks": len(task.vocabulary.landmarks)}
    # Pretrained weights change no count, and fetching them takes a network.
    plain = {"encoder_weights": None} if "encoder_weights" in cfg.model else {}
    with torch.device("meta"):  # shapes without values: nothing is computed
        network = instantiate(cfg.model, **counts, **plain).to("meta")  # some constructors choose the CPU
    side = input_size(cfg.data)
    height, width = network.input_size(side, side)
    found = complexity(network, height, width)
    return {
        "network": type(network).__name__,
        "input": f"{height} x {width}",
        **asdict(found),
    }


def readable(found: Row) -> Row:
    """A row with millions of parameters and thousands of millions of operations, to the second decimal."""
    shown = {f"{name}_m": f"{found[name] / 1e6:.2f}" for name in ("parameters", "trainable")}
    shown |= {"gflops": f"{found['flops'] / 1e9:.2f}", "output_stride": f"{found['output_stride']:g}"}
    return {**found, **shown}
