"""Scores as CSV files and as a table for the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from synthex.evaluation.compare_tables import differences_csv
from synthex.evaluation.csv_text import csv_text
from synthex.evaluation.mask_table import mask_score_table
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.trivial_table import headline_differences
from synthex.evaluation.wording import interval_text, number, spread_text
from synthex.metrics import FEW_SUBJECTS, MIN_BOOTSTRAP_SUBJECTS

Row = Sequence[Any]


def csv_tables(evaluation: Evaluation) -> dict[str, str]:
    """File name to content of every CSV; an empty cell is a value that does not exist.

    Of landmarks: ``landmarks.csv`` has one row a case and landmark, ``curve.csv`` one a confidence cut,
    ``per_landmark.csv`` the summary's figures by name. Of structures: ``dice.csv`` has one row a case and structure,
    with pixels and every score that the task reports, ``per_structure.csv`` the summary's figures by name. A task
    without landmarks, or without structures, has none of the ones or of the others. ``differences.csv`` holds the
    model against the trivial predictors beside it.
    """
    scores, tables = evaluation.scores, {}
    if scores.landmarks:
        keys = per_name_keys(evaluation, scores.landmarks)
        tables["landmarks.csv"] = csv_text(_LANDMARK_HEADER, _landmark_rows(evaluation))
        tables["curve.csv"] = csv_text(_CURVE_HEADER, _curve_rows(evaluation))
        tables["per_landmark.csv"] = csv_text(("landmark", *keys), _summary_rows(evaluation, scores.landmarks, keys))
    if scores.structures:
        keys = per_name_keys(evaluation, scores.structures)
        tables["dice.csv"] = csv_text((*_DICE_HEADER, *scores.reported), _dice_rows(evaluation))
        tables["per_structure.csv"] = csv_text(("structure", *keys), _summary_rows(evaluation, scores.structures, keys))
    if evaluation.against is not None:
        tables["differences.csv"] = differences_csv(evaluation.against)
    return tables


def per_name_keys(evaluation: Evaluation, names: tuple[str, ...]) -> tuple[str, ...]:
    """The summary's keys (baseline's included) that exist for any of ``names``, without the name."""
    ends = tuple(f"/{name}" for name in names)
    return tuple(dict.fromkeys(key.rpartition("/")[0] for key in evaluation.summary if key.endswith(ends)))


def terminal_table(evaluation: Evaluation) -> Group:
    """Figures by landmark and structure and, beside the baseline, overall; print it with a rich console."""
    parts: list[Table | Text] = []
    summary = evaluation.summary
    if evaluation.scores.landmarks:
        parts.append(_landmark_table(evaluation))
    if evaluation.scores.structures:
        parts.append(_structure_table(evaluation))
    if evaluation.scores.reported:
        parts.append(mask_score_table(evaluation))
    parts.append(_overall_table(evaluation))
    if evaluation.against is not None:
        differences = headline_differences(evaluation.against, evaluation.protocol)
        parts += [] if differences is None else [differences]
    if evaluation.protocol.gate is not None:
        parts.append(Text(gate_text(evaluation)))
    if note := interval_note(evaluation):
        parts.append(Text(note, style="yellow"))
    for key, text in (("cases_missing", "cases have no prediction"), ("cases_extra", "predictions have no case")):
        if summary[key]:
            parts.append(Text(f"{summary[key]} {text}", style="yellow"))
    return Group(*parts)


def gate_text(evaluation: Evaluation) -> str:
    """What the gate of the protocol drops and what that does to the figures, in one line."""
    summary = evaluation.summary

    def change(key: str, percent: bool = False) -> str:
        return f"{number(summary[key], percent=percent)} becomes {number(summary[f'gated_{key}'], percent=percent)}"

    return (
        f"Gate ({summary['gate_landmarks']} found {summary['gate_low_mm']:g} to {summary['gate_high_mm']:g} mm apart): "
        f"drops {summary['gate_dropped_cases']} of {summary['cases']} images with "
        f"{summary['gate_dropped_landmarks']} of {summary['detected_landmarks']} detected landmarks; "
        f"mean error {change('landmark_error_mm_mean')} mm, detection rate {change('detection_rate', percent=True)}. "
        "All other figures are without it."
    )


def interval_note(evaluation: Evaluation) -> str:
    """Why confidence intervals are missing or weak; empty if they are fine."""
    subjects = evaluation.summary["subjects"]
    if subjects < 2:
        return "One subject: there is no confidence interval."
    if subjects < MIN_BOOTSTRAP_SUBJECTS:
        return f"Few subjects ({subjects}): fewer than {MIN_BOOTSTRAP_SUBJECTS} have no confidence interval."
    if subjects >= FEW_SUBJECTS:
        return ""
    return (
        f"Few subjects ({subjects}): the confidence intervals are rough, and know nothing of failures in fewer than "
        f"one subject of {subjects}."
    )


_LANDMARK_HEADER = (
    "case_id",
    "subject_id",
    "landmark",
    "annotated",
    "visible",
    "present",
    "confidence",
    "truth_column_px",
    "truth_row_px",
    "guess_column_px",
    "guess_row_px",
    "error_px",
    "error_mm",
    "error_isocenter_mm",
    "error_mm_all",
)
_DICE_HEADER = (
    "case_id",
    "subject_id",
    "structure",
    "dice",
    "true_positives",
    "false_positives",
    "false_negatives",
    "true_negatives",
)
_CURVE_HEADER = (
    "confidence_cut",
    "detection_rate",
    "false_detection_rate",
    "landmark_error_mm_mean",
    "landmark_error_mm_median",
    "accepted_landmarks",
)


def _landmark_rows(evaluation: Evaluation) -> Iterable[Row]:
    scores = evaluation.scores
    error_px, error_mm = scores.error_px, scores.error_mm
    isocenter, full_mm = error_mm / scores.magnification[:, None], scores.full_error_mm
    for row, (case_id, subject_id) in enumerate(zip(scores.case_ids, scores.subject_ids, strict=True)):
        for column, name in enumerate(scores.landmarks):
            at = (row, column)
            yield (
                case_id,
                subject_id,
                name,
                int(scores.annotated[at]),
                int(scores.visible[at]),
                int(scores.present[at]),
                scores.confidence[at],
                *scores.truth_px[at],
                *scores.guess_px[at],
                error_px[at],
                error_mm[at],
                isocenter[at],
                full_mm[at],
            )


def _dice_rows(evaluation: Evaluation) -> Iterable[Row]:
    scores = evaluation.scores
    columns = [scores.dice, *(getattr(scores.counts, name) for name in _DICE_HEADER[4:])]
    columns += [scores.mask_score(name) for name in scores.reported]
    for row, (case_id, subject_id) in enumerate(zip(scores.case_ids, scores.subject_ids, strict=True)):
        for place, name in enumerate(scores.structures):
            known = scores.masks_annotated[row, place]
            yield case_id, subject_id, name, *(table[row, place] if known else None for table in columns)


def _curve_rows(evaluation: Evaluation) -> Iterable[Row]:
    curve = evaluation.scores.curve(evaluation.protocol.confidence_cuts)
    return zip(
        curve.cuts,
        curve.detection_rate,
        curve.false_detection_rate,
        curve.error_mm_mean,
        curve.error_mm_median,
        curve.accepted,
        strict=True,
    )


def _summary_rows(evaluation: Evaluation, names: tuple[str, ...], keys: tuple[str, ...]) -> Iterable[Row]:
    for name in names:
        yield (name, *(evaluation.summary.get(f"{key}/{name}") for key in keys))


def _interval(summary: Mapping[str, Any], key: str, digits: int = 2, percent: bool = False) -> str:
    return interval_text(summary[key.replace("*", "low")], summary[key.replace("*", "high")], digits, percent)


def _landmark_table(evaluation: Evaluation) -> Table:
    summary = evaluation.summary
    table = Table(title="Landmarks: error of the detected ones, mm at the detector", title_justify="left")
    table.add_column("landmark")
    for column in ("visible", "mean ± std", "median", "95th pct", "95 % CI", "detected", "false"):
        table.add_column(column, justify="right")
    for name in (*evaluation.scores.landmarks, None):
        end = "" if name is None else f"/{name}"
        if name is None:
            table.add_section()
        table.add_row(
            name or "all",
            str(summary[f"visible_landmarks{end}"]),
            spread_text(summary[f"landmark_error_mm_mean{end}"], summary[f"landmark_error_mm_std{end}"]),
            number(summary[f"landmark_error_mm_median{end}"]),
            number(summary[f"landmark_error_mm_p95{end}"]),
            _interval(summary, f"landmark_error_mm_ci95_*{end}"),
            number(summary[f"detection_rate{end}"], percent=True),
            number(summary[f"false_detection_rate{end}"], percent=True),
            style="bold" if name is None else None,
        )
    return table


def _structure_table(evaluation: Evaluation) -> Table:
    summary = evaluation.summary
    table = Table(title="Structures: Dice", title_justify="left")
    table.add_column("structure")
    for column in ("images", "mean ± std", "median", "95 % CI"):
        table.add_column(column, justify="right")
    for name in (*evaluation.scores.structures, None):
        end = "" if name is None else f"/{name}"
        if name is None:
            table.add_section()
        table.add_row(
            name or "all",
            str(summary[f"dice_cases{end}"] if name else summary["cases"]),
            spread_text(summary[f"dice_mean{end}"], summary[f"dice_std{end}"], 3),
            number(summary[f"dice_median{end}"], 3),
            _interval(summary, f"dice_ci95_*{end}", 3),
            style="bold" if name is None else None,
        )
    return table


OVERALL: tuple[tuple[str, str, int, bool, str | None], ...] = (
    ("mean error, detected (mm at the detector)", "landmark_error_mm_mean", 2, False, "landmark_error_mm_ci95_*"),
    ("median error, detected (mm)", "landmark_error_mm_median", 2, False, None),
    ("mean error, no miss dropped (mm)", "landmark_error_mm_mean_all", 2, False, "landmark_error_mm_ci95_*_all"),
    (
        "mean error at the isocentre (mm)",
        "landmark_error_isocenter_mm_mean",
        2,
        False,
        "landmark_error_isocenter_mm_ci95_*",
    ),
    ("detection rate", "detection_rate", 2, True, "detection_rate_ci95_*"),
    ("false detection rate", "false_detection_rate", 2, True, None),
    ("mean Dice", "dice_mean", 3, False, "dice_ci95_*"),
)
"""Rows of the comparison with the baseline: label, key, digits, as percent, key of the interval."""


def overall_rows(evaluation: Evaluation) -> list[tuple[str, str, str, str, str]]:
    """Label, key, model, its interval and baseline of the rows in :data:`OVERALL` that the task has.

    Where one structure ranks models its Dice comes first: a mean over unlike structures says little.
    """
    summary, rows = evaluation.summary, []
    name = evaluation.protocol.primary.removeprefix("dice_mean/")
    wanted = OVERALL
    if name in evaluation.scores.structures:
        wanted = ((f"Dice of {name}", f"dice_mean/{name}", 3, False, f"dice_ci95_*/{name}"), *OVERALL)
    for label, key, digits, percent, interval in wanted:
        scored = evaluation.scores.structures if key.startswith("dice") else evaluation.scores.landmarks
        if scored:
            model = number(summary[key], digits, percent)
            around = "" if interval is None else _interval(summary, interval, digits, percent)
            rows.append((label, key, model, around, number(summary.get(f"baseline_{key}"), digits, percent)))
    return rows


def _overall_table(evaluation: Evaluation) -> Table:
    summary = evaluation.summary
    title = f"Overall: {summary['cases']} images of {summary['subjects']} subjects"
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    table.add_column("model", justify="right")
    table.add_column("95 % CI", justify="right")
    if evaluation.baseline is not None:
        table.add_column("baseline", justify="right")
    for label, _, model, interval, baseline in overall_rows(evaluation):
        table.add_row(label, model, interval, *([baseline] if evaluation.baseline is not None else []))
    return table
