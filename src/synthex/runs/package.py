"""Where models lie: runs with their checkpoints, and packages, which are what is passed on.

A package is a folder of

- ``model.json``: the settings of the task and the network, what images are prepared to, and the digest of the weights;
- ``weights.safetensors``: the weights, in half precision, in a format that can hold nothing but arrays;
- ``card.md``: what the model was trained on, what it is for and not, and how well it does;
- ``licence.txt``: under what terms it may be used.

It holds no code and no path, so it can be opened whoever made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import synthex
from synthex.core import ConfigError, InputError, Task, atomic_path, check_stored, write_json, write_text
from synthex.core.documents import read_json, read_text, read_yaml
from synthex.core.limits import MAX_SIDE
from synthex.learning import find_weights, load_network_weights
from synthex.nn import uninitialised
from synthex.runs.package_files import (
    CARD_FILE,
    LICENCE_FILE,
    WEIGHTS_FILE,
    digest,
    listed_digests,
)
from synthex.runs.package_files import REMEDY as _EXPORT
from synthex.runs.remote import fetch
from synthex.runs.run import CONFIG_FILE
from synthex.runs.zoo import GIVE, MODEL_FILE, is_address, model_path

PACKAGE_FORMAT = 1

_NEEDED = ("task", "model", "data")
_RETRAIN = "restore it from a copy, or train again"

NO_LICENCE = "not stated"


@dataclass(frozen=True, eq=False)
class ModelFiles:
    """A trained network on disk, and the settings to build it with.

    Attributes:
        settings: The file with the settings.
        config: Its content: ``task``, ``model``, ``data`` and what else a run keeps.
        weights: The file with the weights.
    """

    settings: Path
    config: Mapping[str, Any]
    weights: Path

    @property
    def name(self) -> str:
        """Of the run or package."""
        return str(self.config.get("name") or self.settings.parent.name)

    @property
    def data(self) -> Mapping[str, Any]:
        """How images are prepared."""
        found: Mapping[str, Any] = self.config["data"]
        return found

    @property
    def licence(self) -> str:
        """Under what terms it may be used, in a few words; the full ones stand in a package's ``licence.txt``."""
        return str(self.config.get("licence") or NO_LICENCE)

    @property
    def terms(self) -> str | None:
        """The text of ``licence.txt``; None where there is none."""
        path = self.settings.parent / LICENCE_FILE
        return read_text(path, _EXPORT) if path.is_file() else None

    @property
    def card(self) -> str | None:
        """The text of ``card.md``; None where there is none."""
        path = self.settings.parent / CARD_FILE
        return read_text(path, _EXPORT) if path.is_file() else None

    @property
    def mirror_averaged(self) -> bool:
        """Whether answers are averaged over the mirror image."""
        return bool(self.config.get("mirror_averaged", False))

    @property
    def pose_averaged(self) -> bool:
        """Whether answers are averaged over small turns and scales."""
        return bool(self.config.get("pose_averaged", False))

    @property
    def closer(self) -> Any:
        """Landmarks that are looked at again, closer, as the file says (:func:`synthex.runs.looking_closer`)."""
        return self.config.get("closer") or []

    @property
    def version(self) -> str:
        """First 16 digits of the SHA-256 of the weights' file."""
        return digest(self.weights)[:16]

    def task(self) -> Task:
        """The task.

        Raises:
            InputError: The settings cannot be used.
        """
        task = self._make("task")
        if not isinstance(task, Task):
            raise InputError(self.settings, f"task makes a {type(task).__name__}, not a task", _RETRAIN)
        return task

    def network(self, task: Task) -> torch.nn.Module:
        """The network with its weights.

        Raises:
            InputError: The settings cannot be used, or the weights are damaged or another network's.
        """
        counts = {"structures": len(task.vocabulary.structures), "landmarks": len(task.vocabulary.landmarks)}
        # The weights are about to be replaced; pretrained ones would be fetched for nothing.
        own = {"encoder_weights": None} if "encoder_weights" in self.config["model"] else {}
        with uninitialised():
            network: torch.nn.Module = self._make("model", **counts, **own)
        self.fill(network, task)
        return network.eval()

    def fill(self, network: torch.nn.Module, task: Task) -> None:
        """Replace a network's weights by the model's.

        Raises:
            InputError: They are damaged, or another network's.
            ConfigError: They were trained for another task.
        """
        if self.weights.name != WEIGHTS_FILE:
            load_network_weights(self.weights, network, task=task.name)
            return
        own = self.task().name
        if own != task.name:
            raise ConfigError(f"{self.name} was trained for task {own!r}, not {task.name!r}; choose another model")
        _fill(network, self.weights)

    def _make(self, key: str, **more: Any) -> Any:
        try:
            return instantiate(dict(self.config[key]), **more, _convert_="all")
        except Exception as error:
            cause = error.__cause__ or error
            if isinstance(cause, synthex.core.UserError):
                raise cause from error
            reason = " ".join(f"{type(cause).__name__}: {cause}".split())[:200]
            raise InputError(self.settings, f"{key} cannot be made ({reason})", _RETRAIN) from error


def find_model(source: str | Path) -> ModelFiles:
    """The files of a model: see :func:`synthex.runs.load`.

    Raises:
        InputError: There is none, or its settings are damaged or name code that is not trusted.
    """
    if is_address(source):
        return _package(fetch(str(source)))
    path = model_path(source)
    if (path / MODEL_FILE).exists():
        return _package(path)
    run = path if path.is_dir() else next((one for one in path.parents if (one / CONFIG_FILE).exists()), path.parent)
    if not (run / CONFIG_FILE).exists():
        raise InputError(path, f"is no model (neither {MODEL_FILE} nor {CONFIG_FILE} in it)", GIVE)
    weights = find_weights(run) if path.is_dir() else path
    settings = run / CONFIG_FILE
    return ModelFiles(settings, _checked(settings, read_yaml(settings, _RETRAIN), _RETRAIN), weights)


def summary(card: str) -> str:
    """What a model is, in a line: the first heading of its card, without its name."""
    heading = next((line for line in card.splitlines() if line.startswith("# ")), "")
    return heading.removeprefix("# ").partition(": ")[2].strip()


def write_package(
    source: str | Path, folder: str | Path, card: str, licence: str | None = None, terms: str | None = None
) -> Path:
    """Make a package of a model.

    Args:
        source: A run, checkpoint or package.
        folder: The package, made or overwritten.
        card: Markdown: what the model is; its first heading is ``# NAME: in a line``.
        licence: Its licence, an SPDX identifier or a few words; None: the source's, or that none is stated.
        terms: What is to be said of it in full; None: the source's, or ``licence`` alone.

    Raises:
        InputError: The model is damaged, or it is made with files of the user's, which a package cannot name.
    """
    files = find_model(source)
    own = [value for value in _texts(files.config["task"]) if Path(value).is_absolute()]
    if own:
        raise InputError(files.settings, "task names a file of yours, which a package does not hold", "describe it")
    network = files.network(files.task())
    half = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    folder = Path(folder)
    terms = terms or (files.terms if licence is None else None)
    licence = files.licence if licence is None else licence
    write_text(folder / CARD_FILE, card)
    write_text(folder / LICENCE_FILE, terms or f"Licence of these weights: {licence}\n")
    with atomic_path(folder / WEIGHTS_FILE) as path:
        save_file({name: value.contiguous() for name, value in half.items()}, path)
        path.chmod(0o644)  # the library makes it for its user alone
    data = {key: files.data.get(key) for key in ("size", "input_size", "normalization")}
    content = {
        "format": PACKAGE_FORMAT,
        "name": folder.name,
        "task": dict(files.config["task"]),
        "model": dict(files.config["model"]) | {"encoder_weights": None},
        "data": data,
        "mirror_averaged": files.mirror_averaged,
        "pose_averaged": files.pose_averaged,
        "closer": files.closer,
        "licence": licence,
        "weights_sha256": digest(folder / WEIGHTS_FILE),
        "sha256": {name: digest(folder / name) for name in (CARD_FILE, LICENCE_FILE)},
        "made_with": f"synthex {synthex.__version__}",
    }
    write_json(folder / MODEL_FILE, content)
    return folder


def _package(folder: Path) -> ModelFiles:
    settings = folder / MODEL_FILE
    config = _checked(settings, read_json(settings, _EXPORT), _EXPORT)
    if config.get("format") != PACKAGE_FORMAT:
        raise InputError(settings, f"has format {config.get('format')!r}, this synthex reads {PACKAGE_FORMAT}", _EXPORT)
    weights, wanted = folder / WEIGHTS_FILE, listed_digests(settings, config)[WEIGHTS_FILE]
    if not weights.is_file():
        raise InputError(weights, "is missing", _EXPORT)
    # The card and the licence are for people, who may edit them; what comes over a network is checked whole.
    if digest(weights) != wanted:
        raise InputError(weights, f"is not the file that {MODEL_FILE} was written with", _EXPORT)
    return ModelFiles(settings, config, folder / WEIGHTS_FILE)


def _checked(path: Path, config: Any, remedy: str) -> Mapping[str, Any]:
    """The settings of a model, which name only code that is trusted."""
    if not isinstance(config, dict):
        raise InputError(path, "is damaged (no settings in it)", remedy)
    missing = [key for key in _NEEDED if not isinstance(config.get(key), dict)]
    if missing:
        raise InputError(path, f"is no model's settings (no {', '.join(missing)})", remedy)
    size = config["data"].get("size")
    if not isinstance(size, int) or not 1 <= size <= MAX_SIDE or config["data"].get("normalization") is None:
        raise InputError(path, "does not say how images are prepared (data.size, data.normalization)", remedy)
    check_stored(path, config)
    return config


def _fill(network: torch.nn.Module, weights: Path) -> None:
    try:
        network.load_state_dict(load_file(weights))  # half precision becomes what the network has
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(weights, f"does not hold this network's weights ({reason})", _EXPORT) from error


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict | list):
        return [text for value in (node.values() if isinstance(node, dict) else node) for text in _texts(value)]
    return [node] if isinstance(node, str) else []
