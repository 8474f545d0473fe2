"""Where models lie, before anything is opened: this module imports nothing heavy."""

from pathlib import Path

from synthex.core import InputError, nearest

MODEL_FILE = "model.json"
GIVE = "give the folder of a training run, a checkpoint in one, a package, or the name of a model"


def zoo_models() -> dict[str, Path]:
    """Models that came with this installation, by name."""
    package = Path(__file__).parents[1] / "models"
    # In an editable install models/ lies at the top of the checkout.
    folder = package if package.is_dir() else Path(__file__).parents[3] / "models"
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MODEL_FILE}"))}


def is_address(source: str | Path) -> bool:
    """Whether a model's name is an address on a network, as :mod:`synthex.runs.remote` fetches it."""
    return str(source).startswith(("hf://", "https://", "http://"))


def model_path(source: str | Path) -> Path:
    """The file or folder that a path, or the name of a model, means.

    Raises:
        InputError: There is none.
    """
    path = Path(source).expanduser()
    if path.exists():
        return path
    zoo = zoo_models()
    if str(source) not in zoo:
        known = f"; {nearest(str(source), list(zoo))}" if zoo else ""
        raise InputError(path, f"there is no such file, folder or model{known}", GIVE)
    return zoo[str(source)]
