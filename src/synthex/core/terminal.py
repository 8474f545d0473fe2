"""What a person sees in the terminal: one console, progress bars, log set-up."""

import logging
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from synthex.core.files import write_json

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
        task = bar.add_task(text, total=len(items) if total is None and isinstance(items, Sized) else total)
        for item in items:
            yield item
            bar.advance(task)
    if not console.is_terminal:
        console.print(f"{text}: done")


def say(line: str) -> None:
    """One line with the time, as in the log of a training."""
    console.print(f"{time.strftime('%H:%M:%S')}  {line}", soft_wrap=True, markup=False)


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


Row = Mapping[str, Any]


def machine() -> str:
    """Processor and cores, without names of hosts."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores"


def print_rows(title: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Print the named columns as a table."""
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(columns.values()):
        table.add_column(heading, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(shown(row.get(key)) for key in columns))
    console.print(table)


def shown(value: Any) -> str:
    """A cell: three significant digits, or a dash for what was not measured."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows, every key, as a JSON list."""
    write_json(path, [dict(row) for row in rows])
