"""``synthex data merge PATH``: one export of the shards that several machines simulated."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.core import ConfigError
from synthex.core.terminal import console, quiet_libraries
from synthex.data import Staging, find_shards, open_shards
from synthex.data.formats import DONE_FILE, clear_partial, complete, write_formats


def main(cfg: DictConfig) -> None:
    """Check the shards in ``cfg.path`` and merge them there; call again to finish what was cut."""
    quiet_libraries()
    if cfg.path is None:
        raise ConfigError("nothing to merge; say where the shards are: synthex data merge PATH")
    folder = Path(cfg.path).expanduser()
    if (folder / DONE_FILE).exists() and not find_shards(folder):
        console.print(f"{folder} is already complete", soft_wrap=True)
        return
    parts = open_shards(folder)
    whole = Staging(folder, parts.request)
    clear_partial(folder)
    written = write_formats(folder, str(parts.request["format"]), parts.samples, parts.vocabulary)
    console.print(complete(folder, len(parts.files), written), soft_wrap=True)
    whole.clear()
    if not cfg.keep:
        parts.remove()
