"""``synthex models``: the models that came with this installation."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.core.terminal import Row, console, print_rows, write_rows
from synthex.runs import find_model, summary, zoo_models

COLUMNS = {"name": "name", "task": "task", "mb": "MB", "licence": "licence", "what": "what it is"}


def main(cfg: DictConfig) -> None:
    """Print the table, and write its rows to ``cfg.json``."""
    rows = [row(name, folder) for name, folder in zoo_models().items()]
    print_rows("models", COLUMNS, rows)
    console.print("synthex predict NAME picture.png; what each saw, is for and cannot do: card.md in its folder")
    if cfg.json is not None:
        write_rows(Path(cfg.json).expanduser(), rows)


def row(name: str, folder: Path) -> Row:
    """One model: name, task, size of its files in MB, licence and a line."""
    files = find_model(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    task = str(files.config["task"]["_target_"]).split(".")[-2]
    return {
        "name": name,
        "task": task,
        "mb": f"{size / 1e6:.1f}",
        "licence": files.licence,
        "what": summary(files.card or ""),
    }
