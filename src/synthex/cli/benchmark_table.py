"""Rows of figures: on the terminal and as a file."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from synthex.cli.terminal import console
from synthex.core import write_json

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
