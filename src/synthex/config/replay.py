"""Simulating what the cameras of real radiographs saw of the bodies before them."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from synthex.anatomy.cache import PreparedAnatomies
from synthex.anatomy.scanner_table import WithoutTable
from synthex.core import ConfigError
from synthex.data import InOrder, Replayable
from synthex.geometry import FixedCameras


def open_replay(cfg: DictConfig) -> tuple[InOrder, FixedCameras] | None:
    """Subject and camera of every radiograph of ``cfg.replay``; None where nothing is replayed.

    Raises:
        ConfigError: Its root is not said, or cameras and CTs of such radiographs are not known.
    """
    node = cfg.get("replay")
    if not node:
        return None
    if OmegaConf.is_missing(node, "root") or node.root is None:
        raise ConfigError("replay.root is not set; say where the radiographs and their CTs are: replay.root=<file>")
    others = [name for name in ("ct", "meshes", "label_maps", "mix") if cfg.data.get(name) is not None]
    if others:
        raise ConfigError(f"replay and data.{others[0]} both say who is X-rayed; give one")
    reader = instantiate(node)
    if not isinstance(reader, Replayable):
        raise ConfigError(f"replay: cameras and CTs of a {type(reader).__name__} are not known; DeepFluoro has them")
    anatomies = reader.anatomies()
    prepared = PreparedAnatomies(
        WithoutTable(anatomies) if bool(cfg.data.table_removed) else anatomies,
        Path(cfg.paths.cache_dir).expanduser(),
        float(cfg.data.spacing_mm),
        float(cfg.data.continued_mm),
    )
    return InOrder(prepared, reader.subjects()), FixedCameras(reader.cameras())
