"""``synthex simulate``: simulated radiographs with their labels, on disk."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.config.build import build_reader, build_task
from synthex.config.cases import request
from synthex.config.replay import open_replay
from synthex.config.settings import choose
from synthex.config.sources import build_sources
from synthex.core import (
    ConfigError,
    InputError,
)
from synthex.core.terminal import console, quiet_libraries
from synthex.data import (
    REQUEST_FILE,
    SPLITS,
    InOrder,
    Shard,
    Staging,
    find_shards,
    finish_shard,
    shard_request,
)
from synthex.data.formats import DONE_FILE, FORMATS, check_format, clear_partial, complete, write_formats
from synthex.exchange.names import write_names
from synthex.runs.preparing import prepare
from synthex.runs.staging import stage_cases


def main(cfg: DictConfig) -> None:
    """Simulate ``cfg.count`` cases into ``cfg.output``, or one shard of them; call again to finish what was cut."""
    quiet_libraries()
    choose("split", cfg.split, SPLITS)
    choose("format", cfg.format, FORMATS)
    if cfg.data.kind != "synthetic":
        raise ConfigError("simulate needs data=synthetic; data=on_disk has nothing to simulate")
    if cfg.translator is not None:
        raise ConfigError("translator=: simulate first, then `synthex translate apply` translates the folder")
    replayed = open_replay(cfg)
    count = _count(cfg, replayed)
    shard = None if cfg.shard is None else Shard.parse(str(cfg.shard))
    indices = range(count) if shard is None else shard.indices(count)
    task = build_task(cfg)
    check_format(cfg.format, task.vocabulary)
    source, views = (build_sources(cfg)[cfg.split], None) if replayed is None else replayed
    seed = int(cfg.seed) if cfg.split == "train" else int(cfg.data.eval_seed)
    reader = build_reader(cfg, task, source, cfg.split, count, seed, views)
    write_names(cfg.names, [reader])
    output = Path(cfg.output).expanduser()
    wanted = request(cfg, source, seed, count)
    done = output / DONE_FILE
    if shard is None and find_shards(output) and not done.exists():
        remedy = f"make one of them with `synthex data merge {output}`, or give shard=i/n"
        raise InputError(output, "holds an export in shards", remedy)
    if shard is None or (output / REQUEST_FILE).exists():
        staging = Staging(output, wanted)  # refuses what is there of another export
    if shard is not None and not done.exists():
        staging = Staging(shard.folder(output), shard_request(wanted, shard))
    if done.exists():
        staging.clear()  # a run killed here left it
        console.print(f"{output} is already complete ({count} radiographs)", soft_wrap=True)
        return
    clear_partial(staging.folder)
    missing = staging.missing(indices)
    if len(missing) < len(indices):
        console.print(f"{staging.folder}: going on after {len(indices) - len(missing)} of {len(indices)} radiographs")
    if len(missing) >= len(source.subject_ids()):  # all of them will be needed: not in every worker
        prepare(reader)
    stage_cases(reader, staging, missing, int(cfg.workers))
    if shard is not None:
        finish_shard(staging, shard, wanted, task.vocabulary)
        console.print(f"{len(indices)} radiographs: {staging.folder}, shard {shard} of {output}", soft_wrap=True)
        return
    written = write_formats(output, cfg.format, lambda: staging.samples(count), task.vocabulary)
    console.print(complete(output, count, written), soft_wrap=True)
    staging.clear()


def _count(cfg: DictConfig, replayed: tuple[InOrder, Any] | None) -> int:
    """Radiographs to simulate; null: as many as are replayed.

    Raises:
        ConfigError: Nothing is replayed, and no number is given.
    """
    if cfg.count is not None:
        return int(cfg.count)
    if replayed is None:
        raise ConfigError("count=null means as many as are replayed; give a number of radiographs")
    return len(replayed[0].order)
