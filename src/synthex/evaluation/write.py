"""One folder with everything an evaluation has to say."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthex.core import ConfigError, InputError, atomic_path, check_name, write_json, write_text
from synthex.evaluation.compare_tables import comparison_csv, comparison_latex
from synthex.evaluation.comparison_table import ComparisonTable
from synthex.evaluation.overlays import draw_overlay
from synthex.evaluation.report import render_report
from synthex.evaluation.report_methods import render_methods_report
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.tables import csv_tables

_OURS = re.compile(r"(best|median|worst)-\d+_.*\.png")
_METHOD = re.compile(r"[\w+][\w.+-]*")


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
    folder: str | Path,
    evaluation: Evaluation,
    title: str = "",
    details: Mapping[str, Any] | None = None,
    radiographs: Mapping[str, bytes] | None = None,
) -> EvaluationPaths:
    """Write ``summary.json``, the CSV tables, ``overlays/*.png`` and ``report.html``, each atomically.

    Args:
        folder: Created if missing; an older evaluation in it is replaced.
        evaluation: What was found.
        title: Headline of the report; the task's name if empty.
        details: Extra JSON values for the report's provenance (dataset, command, …).
        radiographs: PNG files by caption for the report: answers to radiographs without ground truth.

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
    for picture in evaluation.pictures:
        check_name(folder, picture.case_id)
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
    write_text(folder / "report.html", render_report(evaluation, images, title, details, radiographs))
    write_json(folder / "summary.json", dict(evaluation.summary))
    return EvaluationPaths(
        folder / "summary.json",
        folder / "report.html",
        tuple(tables),
        tuple(folder / "overlays" / name for name in images),
    )


@dataclass(frozen=True)
class ComparisonPaths:
    """Files of a comparison of methods.

    Attributes:
        comparison: ``comparison.json``, written last: where it is, everything is.
        report: ``report.html``.
        tables: ``comparison_methods.csv``, ``comparison_differences.csv`` and ``comparison.tex``.
        methods: The files of each method alone, in a folder of its name.
    """

    comparison: Path
    report: Path
    tables: tuple[Path, ...]
    methods: Mapping[str, EvaluationPaths]


def write_comparison(
    folder: str | Path,
    evaluations: Mapping[str, Evaluation],
    comparison: ComparisonTable,
    title: str = "",
    details: Mapping[str, Any] | None = None,
) -> ComparisonPaths:
    """Write the tables and the report of several methods, and an evaluation of each in a folder of its name.

    Args:
        folder: Created if missing; an older comparison in it is replaced.
        evaluations: Method to what was found, on the same cases.
        comparison: Of these methods.
        title: Headline of the report; the task's name if empty.
        details: Extra JSON values for the report's provenance.

    Raises:
        InputError: The folder cannot be written.
        ConfigError: The name of a method cannot be that of a folder.
    """
    folder = Path(folder)
    check_method_names(evaluations)
    _remove(folder, "comparison.json")
    methods = {
        name: write_evaluation(folder / name, one, f"{name}: {one.protocol.task.replace('_', ' ')}", details)
        for name, one in evaluations.items()
    }
    texts = {**comparison_csv(comparison), "comparison.tex": comparison_latex(comparison)}
    for name, text in texts.items():
        write_text(folder / name, text)
    write_text(folder / "report.html", render_methods_report(evaluations, comparison, title, details))
    write_json(folder / "comparison.json", comparison.to_json())
    return ComparisonPaths(
        folder / "comparison.json", folder / "report.html", tuple(folder / name for name in texts), methods
    )


def check_method_names(names: Iterable[str]) -> None:
    """Names of methods are those of folders and of columns.

    Raises:
        ConfigError: One of them is not letters, digits and ``_ + - .``, or is a file's of the comparison.
    """
    for name in names:
        if not _METHOD.fullmatch(name) or name in ("report.html", "comparison.json", "comparison.tex"):
            raise ConfigError(f"a method cannot be called {name!r}; use letters, digits and _ + - .")


def _remove(folder: Path, name: str) -> None:
    try:
        (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be written ({error.strerror or error})", "check permissions") from error
