"""``synthex predict``: a trained run applied to cases, as a prediction set."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.config.build import (
    build_reader,
    build_task,
    described_real,
    has_split,
    open_checked,
    open_real,
    open_split,
    prepare,
    role_of,
    simulated_split,
)
from synthex.config.compose import plain
from synthex.config.identity import config_hash
from synthex.config.settings import choose, input_size
from synthex.config.sources import PEOPLE, real_source
from synthex.config.stored import check_values, read_stored, usable
from synthex.config.subjects import check_subjects, fingerprints, read_subjects
from synthex.core import ConfigError, InputError, Reader, Task, write_text
from synthex.core.places import hidden, require_known
from synthex.core.terminal import console, quiet_libraries
from synthex.data import SPLITS, LearningDataset, Take, is_endless, simulated
from synthex.exchange.names import write_names
from synthex.learning import find_weights, load_network_weights
from synthex.metrics.threshold import best_threshold
from synthex.runs import Model, mirror_averaged, with_prior, with_read_out
from synthex.runs.prediction import predict, predictions
from synthex.runs.run import BASELINE_FILE, CONFIG_FILE

CASES_FILE = "cases.yaml"

RESTORE = "restore it from a copy, or train again"

MAKE_CASES = ("task", "region", "carm", "views", "simulation", "seed")
"""Settings that decide simulated cases, beside ``data``."""

LOADING = ("batch_size", "workers", "samples_per_epoch", "cases", "render", "input_size", "mirrored", "quarter_turns")
"""Settings of ``data`` that say how cases are loaded or how many, not what they are."""


def main(cfg: DictConfig) -> None:
    """Predict the cases that ``cfg`` names with the run ``cfg.run``."""
    quiet_libraries()
    run, weights = locate_run(Path(cfg.run).expanduser())
    trained = load_config(run)
    with usable(run / CONFIG_FILE, RESTORE):
        cases = cases_config(cfg, trained, read_subjects(run))
    output = Path(cfg.output).expanduser() if cfg.output else run / "predictions" / cases.name
    if cfg.mirror_averaged is not None:
        trained = OmegaConf.create(plain(trained) | {"mirror_averaged": bool(cfg.mirror_averaged)})
    if cfg.prior is not None:
        trained = OmegaConf.create(with_prior(plain(trained), bool(cfg.prior)))
    if cfg.read_out is not None:
        trained = OmegaConf.create(with_read_out(plain(trained), str(cfg.read_out)))
    with usable(run / CONFIG_FILE, RESTORE):
        task = build_task(trained)
        model = load_model(trained, task, weights)
        reader = open_cases(cases, task, cfg.paths.cache_dir)
        write_names(cfg.names, [reader])
    if cfg.lesion_above is not None:
        trained = with_threshold(cfg, trained, task, model, run)
        model = replace(model, task=build_task(trained))
    write_predictions(
        output,
        model,
        reader,
        trained,
        cases,
        run / BASELINE_FILE,
        device=str(cfg.device),
        batch_size=int(cfg.batch_size),
        probabilities=None if cfg.probabilities is None else bool(cfg.probabilities),
    )
    console.print(f"{len(reader)} predictions: {output}")


def with_threshold(cfg: DictConfig, trained: DictConfig, task: Task, model: Model, run: Path) -> DictConfig:
    """The run's settings with the threshold of lesions that ``cfg.lesion_above`` says, or has chosen.

    ``validation``: the one with the best mean Dice on the run's own validation images, or on its training images where
    it has none: never on what is predicted.

    Raises:
        ConfigError: The task has no such threshold, or none of its own images has a lesion.
    """
    if "lesion_above" not in trained.task:
        raise ConfigError(f"lesion_above={cfg.lesion_above}: the task {task.name} has no such threshold; leave it out")
    above: Any = cfg.lesion_above
    if above == "validation":
        split = "val" if has_split(trained, "val") else "train"
        count = trained.data.get("cases", {}).get(split)
        asked = {"split": split, "real": None, "ct": None, "meshes": None, "on_disk": None, "cases": count}
        wanted = cases_config(OmegaConf.create(plain(cfg) | asked), trained, read_subjects(run))
        own = open_cases(wanted, task, cfg.paths.cache_dir)
        images = LearningDataset(own, model.size, normalization=model.normalization, input_size=model.input_size)
        found = predictions(model.network, task, images, str(cfg.device), int(cfg.batch_size), 0)
        pairs = (
            (one.probabilities[0], own[index].masks[0])
            for index, one in enumerate(found)
            if one.probabilities is not None
        )
        try:
            above = best_threshold(pairs)
        except ValueError as error:
            raise ConfigError(f"lesion_above=validation: {error} among the run's own {split} images") from error
        console.print(f"lesion_above={above:g}, by {len(own)} images of the run's own split {split}")
    settled = plain(trained)
    settled["task"] = {**settled["task"], "lesion_above": above}
    return OmegaConf.create(settled)


def locate_run(path: Path) -> tuple[Path, Path]:
    """The run folder and the weights file that ``path`` (either of the two) means.

    Raises:
        InputError: There is no run, or it has no weights yet.
    """
    if not path.exists():
        raise InputError(path, "does not exist", "give the folder of a training run")
    run = path if path.is_dir() else next((p for p in path.parents if (p / CONFIG_FILE).exists()), path.parent)
    if not (run / CONFIG_FILE).exists():
        raise InputError(
            path, f"is not in a training run (no {CONFIG_FILE})", "give a folder that `synthex train` wrote"
        )
    return run, find_weights(run) if path.is_dir() else path


def load_config(run: Path) -> DictConfig:
    """The resolved config a run was trained with.

    Raises:
        InputError: It is damaged, or names code that is not trusted.
    """
    cfg = read_stored(run / CONFIG_FILE, RESTORE)
    missing = [key for key in ("task", "model", "data", "seed", "paths") if key not in cfg]
    if missing:
        raise InputError(run / CONFIG_FILE, f"is not a run's config (no {', '.join(missing)})", "train again")
    wrong = [key for key in ("task", "model", "data", "paths") if not isinstance(cfg[key], DictConfig)]
    if wrong:
        raise InputError(run / CONFIG_FILE, f"is damaged ({wrong[0]} holds no settings)", RESTORE)
    check_values(run / CONFIG_FILE, cfg, RESTORE)
    return cfg


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


def load_model(trained: DictConfig, task: Task, weights: Path) -> Model:
    """The run's network with its trained weights, ready to predict."""
    # The weights are about to be replaced; pretrained ones would be fetched for nothing.
    settings = OmegaConf.merge(trained.model, {"encoder_weights": None}) if "encoder_weights" in trained.model else None
    network = instantiate(
        settings or trained.model,
        structures=len(task.vocabulary.structures),
        landmarks=len(task.vocabulary.landmarks),
    )
    load_network_weights(weights, network, task=task.name)
    network = network.eval()
    if trained.get("mirror_averaged", False):
        network = mirror_averaged(network, task.vocabulary)
    data = trained.data
    return Model(
        task=task,
        network=network,
        size=int(data.size),
        normalization=data.normalization,
        input_size=input_size(data),
        name=str(trained.get("name")),
        version=hashlib.sha256(weights.read_bytes()).hexdigest()[:16],
    )


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
