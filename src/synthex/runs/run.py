"""A run: the folder that a training writes and everything about it is read from."""

from dataclasses import dataclass
from pathlib import Path

from synthex.core import write_text

CONFIG_FILE, BASELINE_FILE, BASELINE_FOLDER = "config.yaml", "baseline.npz", "baseline"


@dataclass(frozen=True)
class Run:
    """A folder with a training.

    Attributes:
        folder: Where checkpoints, settings, curves and reports lie.
        again: How to go on after a crash, for messages.
    """

    folder: Path
    again: str = "call fit again"

    def __init__(self, folder: str | Path, again: str = again) -> None:
        object.__setattr__(self, "folder", Path(folder).expanduser())
        object.__setattr__(self, "again", again)

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / CONFIG_FILE

    @property
    def baseline(self) -> Path:
        """The trivial predictor of its training images."""
        return self.folder / BASELINE_FILE

    @property
    def weights(self) -> Path:
        """Its best checkpoint, or the last.

        Raises:
            InputError: There is none yet.
        """
        from synthex.learning import find_weights

        return find_weights(self.folder)

    def keep(self, settings: str) -> None:
        """Write its settings (YAML)."""
        write_text(self.config, settings)
