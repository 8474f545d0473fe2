"""``synthex data inspect PATH``: what is understood of a CT, a label map, a folder or an archive of radiographs."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.core import ConfigError
from synthex.core.terminal import console
from synthex.data.real import is_tool_folder
from synthex.views.anatomies import inspect
from synthex.views.radiographs import inspect_reader, open_real_folder
from synthex.views.tool_folders import inspect_tool_folders
from synthex.views.unlabelled import inspect_radiographs, radiographs_at


def main(cfg: DictConfig) -> None:
    """Inspect ``cfg.path`` and write a picture to ``cfg.output``."""
    if cfg.path is None:
        raise ConfigError("nothing to inspect; say what: synthex data inspect PATH")
    output = Path(cfg.output).expanduser()
    path = Path(cfg.path).expanduser()
    reader = open_real_folder(path)
    if reader is not None:
        console.print(inspect_reader(reader, f"{type(reader).__name__}: {path.name}", output))
    elif is_tool_folder(path):
        console.print(inspect_tool_folders(path, output))
    elif files := radiographs_at(path):
        console.print(inspect_radiographs(files, f"Radiographs: {path.name}", output))
    else:
        console.print(inspect(path, output, label_names=cfg.label_names, series=cfg.series))
    console.print(f"picture: {output}")
