"""An export as files in the formats that can be asked for, complete or not there."""

from collections.abc import Callable, Iterable
from pathlib import Path

from synthex.core import Sample, Vocabulary, write_json
from synthex.data.export import write_folder, write_hdf5
from synthex.data.real.tool_export import check_one_structure, write_tool_folders

DONE_FILE = "done.json"
FORMATS = ("hdf5", "folder", "both", "tool_folders")


def check_format(form: str, vocabulary: Vocabulary) -> None:
    """Check that a format can hold what is labelled.

    Raises:
        ConfigError: It cannot.
    """
    if form == "tool_folders":
        check_one_structure(vocabulary)


def clear_partial(folder: Path) -> None:
    """Remove files that a killed process was writing."""
    for path in folder.rglob(".*.part.*"):
        path.unlink(missing_ok=True)


def write_formats(
    folder: Path, form: str, samples: Callable[[], Iterable[Sample]], vocabulary: Vocabulary
) -> list[Path]:
    """Write all radiographs in one of :data:`FORMATS`; returns the files and folders."""
    written: list[Path] = []
    if form in ("hdf5", "both"):
        written += write_hdf5(folder, samples(), vocabulary)
    if form in ("folder", "both"):
        written.append(write_folder(folder, samples(), vocabulary))
    if form == "tool_folders":
        written.append(write_tool_folders(folder, samples(), vocabulary))
    return written


def complete(folder: Path, count: int, written: Iterable[Path]) -> str:
    """Note that an export is complete, the last thing that is written of it; returns a line about it."""
    write_json(folder / DONE_FILE, {"count": count})
    return f"{count} radiographs: " + ", ".join(str(path) for path in written)
