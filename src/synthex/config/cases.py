"""Which cases are predicted, or exported: described so that they can be made again, and made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.config.build import (
    build_reader,
    described_real,
    map_paths,
    open_checked,
    open_real,
    open_split,
    role_of,
    simulated_split,
)
from synthex.config.compose import plain
from synthex.config.identity import config_hash
from synthex.config.settings import choose
from synthex.config.sources import PEOPLE, from_files, real_source
from synthex.config.stored import check_values, read_stored, usable
from synthex.core import AnatomySource, ConfigError, InputError, Reader, Task, derive_seed, write_text
from synthex.core.places import hidden, require_known
from synthex.data import SPLITS, Take, is_endless, simulated
from synthex.nn.closer import FACTOR
from synthex.runs import Model
from synthex.runs.prediction import predict
from synthex.runs.preparing import prepare
from synthex.runs.subjects import check_subjects, fingerprints

CASES_FILE = "cases.yaml"


MAKE_CASES = ("task", "region", "carm", "views", "simulation", "seed")
"""Settings that decide simulated cases, beside ``data``."""


LOADING = ("batch_size", "workers", "samples_per_epoch", "cases", "render", "input_size", "mirrored", "quarter_turns")
"""Settings of ``data`` that say how cases are loaded or how many, not what they are."""


def cases_config(
    cfg: DictConfig, trained: DictConfig, subjects: Mapping[str, Mapping[str, str]] | None = None
) -> DictConfig:
    """What is predicted, complete in itself, so that ``evaluate`` can make the same cases again.

    It is written beside predictions, which are passed on, so it names no folder but that of an instrument's file,
    without which the same cases cannot be made; for folders of data there are digests in what is written.

    Args:
        cfg: What ``predict`` was asked for.
        trained: Config of the run.
        subjects: Fingerprints of the run's subjects by split, where they are files.
    """
    real = described_real(cfg)
    chosen = [name for name in ("ct", "meshes", "on_disk") if cfg[name] is not None] + (["real"] if real else [])
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} are both set; give one of them")
    choose("split", cfg.split, SPLITS)
    kind = chosen[0] if chosen else "split"
    if kind == "real" and cfg.split != "test":
        raise ConfigError(f"split={cfg.split} is a split of the run; of real radiographs give real.split={cfg.split}")
    data = plain(trained.data)
    if kind in ("ct", "meshes") and data["kind"] != "synthetic":
        raise ConfigError(f"{kind}= needs a run trained with data=synthetic, which says how views are simulated")
    count = cfg.cases if cfg.cases is not None else data.get("cases", {}).get("test")
    if kind == "ct" and (data.get("series") or cfg.get("series")):
        data["series"] = cfg.get("series")
    if kind == "ct" and cfg.label_names is not None:
        data["label_names"] = cfg.label_names
    for name in LOADING:
        data.pop(name, None)
    if data["kind"] == "synthetic" and trained.get("closer"):  # there is something to see there
        data["size"] = FACTOR * int(data["size"])
    unused = SPLITS if kind in ("on_disk", "real") else tuple(split for split in SPLITS if split != cfg.split)
    if kind != "split" and data["kind"] == "synthetic":
        data |= dict.fromkeys((*PEOPLE, "mix", "mix_eval"))
    if kind in ("meshes", "on_disk", "real") and "label_names" in data:
        data["label_names"] = None
    for name in (*unused, "target"):
        if name in data:
            data[name] = None
    config = {name: plain(trained[name]) for name in MAKE_CASES if name in trained} | {"data": data}
    # Predictions of several parts of one archive do not overwrite each other.
    part = [str(real[key]) for key in ("fold", "split") if real.get(key) is not None]
    cases = {
        "kind": kind,
        "split": cfg.split,
        "folder": real["root"] if real else cfg[kind] if chosen else None,
        "count": count,
        "name": cfg.split if kind == "split" else "-".join((kind, *part)),
        "real": {key: value for key, value in real.items() if key != "root"},
        "subjects": dict(subjects[cfg.split]) if kind == "split" and subjects and cfg.split in subjects else None,
        "config": config,
    }
    return OmegaConf.create(cases)


def open_cases(cases: DictConfig, task: Task, cache_dir: str) -> Reader:
    """The reader that :func:`cases_config` describes; prepared volumes are kept in ``cache_dir``.

    Raises:
        ConfigError: The split's CTs, meshes or label maps are not those of the training.
    """
    require_known(plain(cases))
    count = None if cases.count is None else int(cases.count)
    cfg = OmegaConf.create(plain(cases.config) | {"paths": {"cache_dir": cache_dir}})
    if cases.kind == "on_disk":
        return open_checked(cases.folder, task, "on_disk")
    if cases.kind == "real":
        return open_real(OmegaConf.create(plain(cases.real) | {"root": cases.folder}), task)
    if cases.kind != "split":
        source = real_source(cfg, **{cases.kind: cases.folder})
        return prepare(build_reader(cfg, task, source, cases.kind, count, int(cfg.data.eval_seed)))
    if cfg.data.kind == "on_disk" and cfg.data.get(cases.split) is None:
        raise ConfigError(f"the run has no {cases.split} split on disk; give on_disk=<folder>")
    if cfg.data.kind == "synthetic" and role_of(cfg, cases.split) is None:
        reader: Reader = simulated_split(cfg, task, cases.split, count)
    else:
        reader = open_split(cfg, task, cases.split)
        if is_endless(reader) and count is not None:  # as of a training that simulates: its first cases
            reader = Take(reader, count)
    if cases.get("subjects") is not None:
        found = {key: value for part in simulated(reader) for key, value in fingerprints(part.anatomies).items()}
        check_subjects(found, cases.subjects, "predict all of them with ct=<folder> or meshes=<folder>")
    return prepare(reader)


def write_predictions(
    output: Path, model: Model, reader: Reader, trained: DictConfig, cases: DictConfig, baseline: Path, **options: Any
) -> Path:
    """Predict every case, and describe the cases, so that they can be made again; ``options`` as of ``predict``."""
    provenance = {
        "weights_sha256": model.version,
        "config_hash": config_hash(trained),
        "run": trained.name,
        "cases": cases.name,
    }
    workers = int(trained.data.workers)  # the run's, and its cores may be other ones
    predict(model, reader, output, provenance=provenance, baseline=baseline, workers=workers, **options)
    write_text(output / CASES_FILE, OmegaConf.to_yaml(OmegaConf.create(hidden(plain(cases), remember=True))))
    return output


def has_cases(folder: Path) -> bool:
    """Whether a set says which cases it was predicted on."""
    return (folder / CASES_FILE).exists()


def read_cases(folder: Path) -> DictConfig:
    """The description of the cases that a set was predicted on.

    Raises:
        InputError: The set has none (it was not written by ``synthex predict``).
    """
    path = folder / CASES_FILE
    if not path.exists():
        if not folder.exists():
            raise InputError(folder, "does not exist", "give a folder that `synthex predict` wrote")
        raise InputError(path, "is missing", "copy it from a set of `synthex predict`, or give on_disk=<folder>")
    cases = read_stored(path, "predict again")
    missing = [key for key in ("kind", "split", "count", "name", "config") if key not in cases]
    if missing:
        raise InputError(path, f"does not describe cases (no {', '.join(missing)})", "predict again")
    with usable(path, "predict again"):
        check_values(path, cases.config, "predict again")
    return cases


def origin(cases: Mapping[str, Any]) -> Any:
    """What two sets on the same images have in common: the folder of labelled images, or all that simulates them.

    Which part of a folder of images was predicted is left out (folds, splits): there, one case id is one image.
    """
    found: dict[str, Any] = hidden(plain(cases))
    kind, where = found["kind"], found.get("folder")
    if kind == "real":
        return kind, where, {key: value for key, value in found["real"].items() if key not in ("fold", "split")}
    if kind == "on_disk":
        return kind, where
    role = found["config"]["data"].get(found["split"]) if kind == "split" else None
    if isinstance(role, dict) and "root" in role:  # a reader of images, whatever was trained on
        return "real", role["root"], {key: value for key, value in role.items() if key not in ("root", "fold", "split")}
    return kind, where, found["split"], found["config"]


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
