"""What can be seen to be wrong before anything is imported that takes seconds."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.core import ConfigError, InputError
from synthex.runs.zoo import MODEL_FILE, is_address, model_path, zoo_models

PATHS = frozenset(
    (
        *("ct", "meshes", "label_maps", "on_disk", "real_on_disk", "train", "val", "test", "folder"),
        *("test_ct", "test_radiographs", "initial_weights", "translator", "pictures"),
    )
)
"""Settings that name what is to be read, wherever they stand; readers (``root``) have better words of their own."""


def check_early(command: str, cfg: DictConfig) -> None:
    """Refuse paths that do not exist and encoders that nobody has.

    Raises:
        InputError: A file or folder does not exist.
        ConfigError: There is no such encoder.
    """
    if command.startswith(("benchmark", "study", "model")):
        return
    settings: Any = OmegaConf.to_container(cfg, resolve=False)  # Hydra has not said yet where the run lies
    if command == "predict" and settings["run"] is not None:
        _check_model(str(settings["run"]), asked=settings["pictures"] is not None or settings["watch"] is not None)
    for name, path in _paths(settings):
        if name == "initial_weights":
            if not is_address(path):
                model_path(path)
        elif not Path(path).expanduser().exists():
            raise InputError(path, "does not exist", f"give another {name}")
    model = settings.get("model")
    if isinstance(model, dict) and model.get("_target_") == "synthex.nn.SegmentationNetwork":
        encoder = str(model.get("encoder"))
        if not may_be_encoder(encoder):
            raise ConfigError(
                f"unknown encoder {encoder!r}; choose a name like resnet18 or efficientnet-b0, or tu-<timm name>"
            )


def _check_model(run: str, asked: bool) -> None:
    """Refuse a model that is not there, or that is asked about nothing and has no cases of its own, as runs have."""
    if is_address(run):
        return
    path = Path(run).expanduser()
    if not asked and (path / MODEL_FILE if path.exists() else zoo_models().get(run, path)).exists():
        raise ConfigError(f"say what {run} is asked about: synthex predict {run} FILE_OR_FOLDER")
    if not asked and not path.exists():
        raise InputError(run, "does not exist", "give the folder of a training run")
    model_path(run)


def _paths(node: Any, key: str = "", name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for inner, value in node.items():
            if inner == "adaptation":  # has better words of its own
                continue
            yield from _paths(value, str(inner), f"{name}.{inner}".lstrip("."))
    elif isinstance(node, list) and key == "pictures":
        for value in node:
            yield from _paths(value, key, name)
    elif key in PATHS and isinstance(node, str) and node != "???" and "${" not in node:
        yield name, node


def may_be_encoder(name: str) -> bool:
    """Whether the libraries of encoders may have one of this name: their text is searched, as importing takes seconds.

    True for every encoder that there is, and for few that there are not.
    """
    library, stem = (
        ("timm", name[3:].split(".")[0]) if name.startswith("tu-") else ("segmentation_models_pytorch", name)
    )
    spec = find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        return True
    folder = Path(spec.submodule_search_locations[0]) / ("models" if library == "timm" else "encoders")
    # In quotes, as a function, or as the beginning of a name that is numbered.
    numbered = re.escape(stem.rstrip("0123456789"))
    pattern = re.compile(rf"""["']{re.escape(stem)}["']|def {re.escape(stem)}\(|["']{numbered}\{{""")
    return any(pattern.search(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))
