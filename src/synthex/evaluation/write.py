"""One folder with everything an evaluation has to say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthex.core import InputError, atomic_path, write_json, write_text
from synthex.evaluation.overlays import draw_overlay
from synthex.evaluation.report import render_report
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.tables import csv_tables

_OURS = re.compile(r"(best|median|worst)-\d+_.*\.png")


@dataclass(frozen=True)
class EvaluationPaths:
    """Files of one evaluation.

    Attributes:
        summary: ``summary.json``, written last: where it is, everything is.
        report: ``report.html``.
        tables: The CSV files.
        overlays: PNG pictures.
    """

    summary: Path
    report: Path
    tables: tuple[Path, ...]
    overlays: tuple[Path, ...]


def write_evaluation(
    folder: str | Path, evaluation: Evaluation, title: str = "", details: Mapping[str, Any] | None = None
) -> EvaluationPaths:
    """Write ``summary.json``, the CSV tables, ``overlays/*.png`` and ``report.html``, each atomically.

    Args:
        folder: Created if missing; an older evaluation in it is replaced.
        evaluation: What was found.
        title: Headline of the report; the task's name if empty.
        details: Extra JSON values for the report's provenance (dataset, command, …).

    Raises:
        InputError: The folder cannot be written.
    """
    folder = Path(folder)
    _remove(folder, "summary.json")
    tables = []
    for name, text in csv_tables(evaluation).items():
        write_text(folder / name, text)
        tables.append(folder / name)
    unit = "mm" if evaluation.scores.landmarks else "1 - Dice"
    images = {
        f"{picture.rank}_{picture.case_id}.png": draw_overlay(picture, evaluation.scores.landmarks, unit)
        for picture in evaluation.pictures
    }
    for name, content in images.items():
        with atomic_path(folder / "overlays" / name) as path:
            path.write_bytes(content)
    for stale in (folder / "overlays").glob("*.png"):
        if stale.name not in images and _OURS.fullmatch(stale.name):
            _remove(folder, f"overlays/{stale.name}")
    write_text(folder / "report.html", render_report(evaluation, images, title, details))
    write_json(folder / "summary.json", dict(evaluation.summary))
    return EvaluationPaths(
        folder / "summary.json",
        folder / "report.html",
        tuple(tables),
        tuple(folder / "overlays" / name for name in images),
    )


def _remove(folder: Path, name: str) -> None:
    try:
        (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be written ({error.strerror or error})", "check permissions") from error
