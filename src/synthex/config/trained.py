"""A trained run as the composition root takes it up again: its folder, its settings, its network."""

import hashlib
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.config.compose import plain
from synthex.config.settings import input_size
from synthex.config.stored import check_values, read_stored
from synthex.core import InputError, Task
from synthex.learning import find_weights, load_network_weights
from synthex.runs import Model, averaged, looking_closer
from synthex.runs.run import CONFIG_FILE

RESTORE = "restore it from a copy, or train again"


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
    mirrored, posed = (bool(trained.get(name, False)) for name in ("mirror_averaged", "pose_averaged"))
    data = trained.data
    model = Model(
        task=task,
        network=averaged(network, task.vocabulary, mirrored=mirrored, posed=posed),
        size=int(data.size),
        normalization=data.normalization,
        input_size=input_size(data),
        name=str(trained.get("name")),
        version=hashlib.sha256(weights.read_bytes()).hexdigest()[:16],
    )
    return looking_closer(model, plain(trained.get("closer") or []))
