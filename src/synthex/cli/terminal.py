"""What a person sees in the terminal: one console, progress bars, log set-up."""

import logging
import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(highlight=False)

T = TypeVar("T")


def quiet_libraries() -> None:
    """Keep other libraries' advertisements out of our output."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    # Lightning announces every device it did not find; what a user needs to know, `synthex train` says itself.
    for name in ("numba", "matplotlib", "PIL", "pytorch_lightning", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its client announces every retry; what came of them, whoever asked for a file says.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    # The table of debug=profile is asked for.
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)


def track(items: Iterable[T], text: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar; in a log file, a line at the start and one at the end."""
    with progress() as bar:
        task = bar.add_task(text, total=total if total is not None else len(items))  # type: ignore[arg-type]
        for item in items:
            yield item
            bar.advance(task)
    if not console.is_terminal:
        console.print(f"{text}: done")


def progress() -> Progress:
    """A progress bar in the house's form; invisible when the output is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
