"""``synthex simulate``: simulated radiographs with their labels, on disk."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch.utils.data import DataLoader, Dataset

from synthex.cli.predict import LOADING, MAKE_CASES
from synthex.config.build import build_reader, build_task, map_paths, prepare
from synthex.config.compose import plain
from synthex.config.replay import open_replay
from synthex.config.settings import choose
from synthex.config.sources import PEOPLE, build_sources
from synthex.config.subjects import fingerprints, from_files
from synthex.core import (
    AnatomySource,
    ConfigError,
    InputError,
    Reader,
    Sample,
    Vocabulary,
    derive_seed,
    write_json,
)
from synthex.core.terminal import console, quiet_libraries, track
from synthex.data import (
    REQUEST_FILE,
    SPLITS,
    InOrder,
    Shard,
    Staging,
    find_shards,
    finish_shard,
    shard_request,
    write_folder,
    write_hdf5,
)
from synthex.data.real import write_tool_folders
from synthex.data.real.tool_export import check_one_structure
from synthex.exchange.names import write_names
from synthex.learning import limit_worker_threads

DONE_FILE = "done.json"
FORMATS = ("hdf5", "folder", "both", "tool_folders")


class _Stage(Dataset[int]):
    """Simulates a case and stages it, in whatever process asks; returns its index."""

    def __init__(self, reader: Reader, staging: Staging, indices: list[int]) -> None:
        self.reader, self.staging, self.indices = reader, staging, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> int:
        index = self.indices[item]
        self.staging.add(index, self.reader[index])
        return index


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
    if cfg.format == "tool_folders":
        check_one_structure(task.vocabulary)
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
    for path in staging.folder.rglob(".*.part.*"):  # what a killed run was writing
        path.unlink(missing_ok=True)
    missing = staging.missing(indices)
    if len(missing) < len(indices):
        console.print(f"{staging.folder}: going on after {len(indices) - len(missing)} of {len(indices)} radiographs")
    if len(missing) >= len(source.subject_ids()):  # all of them will be needed: not in every worker
        prepare(reader)
    loader = DataLoader(
        _Stage(reader, staging, missing),
        batch_size=None,
        num_workers=int(cfg.workers),
        worker_init_fn=limit_worker_threads,
    )
    for _ in track(loader, "simulating", total=len(missing)):
        pass
    if shard is not None:
        finish_shard(staging, shard, wanted, task.vocabulary)
        console.print(f"{len(indices)} radiographs: {staging.folder}, shard {shard} of {output}", soft_wrap=True)
        return
    write_export(output, cfg.format, lambda: staging.samples(count), task.vocabulary, count)
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


def write_export(
    output: Path, form: str, samples: Callable[[], Iterable[Sample]], vocabulary: Vocabulary, count: int
) -> None:
    """Write all radiographs in the format that was asked for, and last of all that they are complete."""
    written: list[Path] = []
    if form in ("hdf5", "both"):
        written += write_hdf5(output, samples(), vocabulary)
    if form in ("folder", "both"):
        written.append(write_folder(output, samples(), vocabulary))
    if form == "tool_folders":
        written.append(write_tool_folders(output, samples(), vocabulary))
    write_json(output / DONE_FILE, {"count": count})
    console.print(f"{count} radiographs: " + ", ".join(str(path) for path in written), soft_wrap=True)


def request(cfg: DictConfig, source: AnatomySource, seed: int, count: int) -> dict[str, Any]:
    """What is exported, complete but for the user's folders: exports are passed on."""
    data = {key: value for key, value in plain(cfg.data).items() if key not in (*LOADING, "normalization")}
    for key in (*PEOPLE, "label_names"):
        # The names of known numberings are no folders of anybody's.
        if data.get(key) is not None and Path(data[key]).expanduser().exists():
            data[key] = short_hash(str(Path(data[key]).expanduser().resolve()))
    replayed = {key: value for key, value in plain(cfg.get("replay") or {}).items() if key != "root"}
    if from_files(cfg) or replayed:
        data["subjects"] = short_hash(json.dumps(fingerprints(source), sort_keys=True))
    found = {key: plain(cfg[key]) for key in MAKE_CASES} | {"data": data, "seed": seed}
    # What a file holds, not where it lies.
    found["task"] = map_paths(
        found["task"], lambda path: short_hash(path.read_bytes().hex() if path.is_file() else str(path.resolve()))
    )
    if replayed:
        found["replay"] = replayed
    return found | {"split": cfg.split, "count": count, "format": cfg.format}


def short_hash(text: str) -> str:
    """A hash that is equal where ``text`` is, and does not give it away."""
    return f"{derive_seed(text):032x}"[:16]
