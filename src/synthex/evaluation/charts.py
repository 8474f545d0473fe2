"""The report's charts."""

from collections.abc import Mapping

import numpy as np

from synthex.evaluation.markup import method_class
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.scores import Scores
from synthex.evaluation.svg import Axis, Series, box_chart, line_chart, nice_limit
from synthex.evaluation.tables import number


def curve_chart(evaluation: Evaluation) -> str:
    """The activated-fraction curve: mean error against the share of landmarks accepted."""
    curve = evaluation.scores.curve(evaluation.protocol.confidence_cuts)
    summary = evaluation.summary
    labels = tuple(
        f"cut {cut:g}: {number(rate, percent=True)} accepted, {number(error)} mm, {number(false, percent=True)} false"
        for cut, rate, error, false in zip(
            curve.cuts, curve.detection_rate, curve.error_mm_mean, curve.false_detection_rate, strict=True
        )
    )
    series = [Series("model", curve.detection_rate, curve.error_mm_mean, "model", True, labels)]
    heights = [curve.error_mm_mean]
    if summary["landmark_error_mm_mean"] is not None:
        rate, error = np.array([summary["detection_rate"]]), np.array([summary["landmark_error_mm_mean"]])
        text = f"the model's own decision: {100 * rate[0]:.1f} % detected, {error[0]:.2f} mm"
        series.append(Series("own decision", rate, error, "point", True, (text,)))
        heights.append(error)
    return line_chart(
        series,
        Axis("share of visible landmarks accepted", 0.0, 1.0, percent=True),
        Axis("mean error of the accepted, mm", 0.0, nice_limit(1.08 * _largest(heights))),
        "Mean error against the share of landmarks accepted",
    )


def cut_chart(evaluation: Evaluation) -> str:
    """Detections and false detections against the confidence cut: where to cut, and what it costs."""
    curve = evaluation.scores.curve(evaluation.protocol.confidence_cuts)
    series = [Series("visible landmarks accepted", curve.cuts, curve.detection_rate, "model", True)]
    if evaluation.scores.absent.any():
        series.append(Series("absent landmarks accepted", curve.cuts, curve.false_detection_rate, "baseline", True))
    return line_chart(
        series,
        Axis("confidence cut", 0.0, 1.0),
        Axis("share accepted", 0.0, 1.0, percent=True),
        "Share of landmarks accepted against the confidence cut",
    )


def distribution_chart(evaluation: Evaluation) -> str:
    """Share of visible landmarks detected within each error: overall, by landmark, and for the baseline."""
    scores = evaluation.scores
    top = nice_limit(1.3 * _percentile(scores.hit_error_mm, 99.0))
    grid = np.linspace(0, top, 121)
    series = [Series(name, grid, _within(scores, grid, index), "thin") for index, name in enumerate(scores.landmarks)]
    if evaluation.baseline is not None:
        series.append(Series("baseline", grid, _within(evaluation.baseline, grid), "baseline"))
    series.append(Series("all landmarks", grid, _within(scores, grid), "model"))
    return line_chart(
        series,
        Axis("error, mm at the detector", 0.0, top),
        Axis("share of visible landmarks", 0.0, 1.0, percent=True),
        "Share of landmarks within a given error",
    )


def error_boxes(evaluation: Evaluation) -> str:
    """Quartiles and tails of the error of each landmark."""
    errors = evaluation.scores.hit_error_mm
    groups = [(name, errors[:, index]) for index, name in enumerate(evaluation.scores.landmarks)]
    tails = [np.percentile(kept, 95) for _, values in groups if len(kept := values[np.isfinite(values)])]
    top = nice_limit(max(tails, default=1.0))
    return box_chart(groups, Axis("error, mm at the detector", 0.0, top), "Error by landmark")


def dice_chart(evaluation: Evaluation) -> str:
    """Share of the masks that reach each Dice: overall, by structure, and for the baseline."""
    scores = evaluation.scores
    series = [
        Series(name, _GRID, _reaching(scores.dice[:, index : index + 1]), "thin")
        for index, name in enumerate(scores.structures)
    ]
    if evaluation.baseline is not None:
        series.append(Series("baseline", _GRID, _reaching(evaluation.baseline.dice), "baseline"))
    series.append(Series("all structures", _GRID, _reaching(scores.dice), "model"))
    return _dice_lines(series)


def methods_dice_chart(evaluations: Mapping[str, Evaluation], structure: str = "") -> str:
    """Share of the masks (of one structure, or of all) that reach each Dice: a line a method, its baseline dashed."""

    def reaching(scores: Scores) -> np.ndarray:
        return _reaching(scores.dice[:, scores.structures.index(structure)] if structure else scores.dice)

    series = []
    for index, (name, one) in enumerate(evaluations.items()):
        if one.baseline is not None:
            css = f"{method_class(index)} dashed"
            series.append(Series(f"baseline of {name}", _GRID, reaching(one.baseline), css))
        series.append(Series(name, _GRID, reaching(one.scores), method_class(index)))
    return _dice_lines(series)


def methods_distribution_chart(evaluations: Mapping[str, Evaluation]) -> str:
    """Share of visible landmarks detected within each error: a line a method, its baseline dashed."""
    top = nice_limit(1.3 * max(_percentile(one.scores.hit_error_mm, 99.0) for one in evaluations.values()))
    grid = np.linspace(0, top, 121)
    series = []
    for index, (name, one) in enumerate(evaluations.items()):
        if one.baseline is not None:
            css = f"{method_class(index)} dashed"
            series.append(Series(f"baseline of {name}", grid, _within(one.baseline, grid), css))
        series.append(Series(name, grid, _within(one.scores, grid), method_class(index)))
    return line_chart(
        series,
        Axis("error, mm at the detector", 0.0, top),
        Axis("share of visible landmarks", 0.0, 1.0, percent=True),
        "Share of landmarks within a given error, by method",
    )


def methods_curve_chart(evaluations: Mapping[str, Evaluation]) -> str:
    """Mean error against the share of landmarks accepted: a line a method."""
    series = []
    for index, (name, one) in enumerate(evaluations.items()):
        curve = one.scores.curve(one.protocol.confidence_cuts)
        series.append(Series(name, curve.detection_rate, curve.error_mm_mean, method_class(index), dots=True))
    return line_chart(
        series,
        Axis("share of visible landmarks accepted", 0.0, 1.0, percent=True),
        Axis("mean error of the accepted, mm", 0.0, nice_limit(1.08 * _largest([one.y for one in series]))),
        "Mean error against the share of landmarks accepted, by method",
    )


_GRID = np.linspace(0.0, 1.0, 101)


def _reaching(dice: np.ndarray) -> np.ndarray:
    """Share of the finite values that are at least each value of the grid; NaN without any."""
    ordered = np.sort(dice[np.isfinite(dice)])
    if not len(ordered):
        return np.full(_GRID.shape, np.nan)
    return 1.0 - np.searchsorted(ordered, _GRID, side="left") / len(ordered)


def _dice_lines(series: list[Series]) -> str:
    return line_chart(
        series,
        Axis("Dice", 0.0, 1.0),
        Axis("share of masks that reach it", 0.0, 1.0, percent=True),
        "Share of masks that reach a given Dice",
    )


def _within(scores: Scores, grid: np.ndarray, index: int | None = None) -> np.ndarray:
    column = slice(None) if index is None else slice(index, index + 1)
    errors, expected = scores.hit_error_mm[:, column], int(scores.expected[:, column].sum())
    if expected == 0:
        return np.full(grid.shape, np.nan)
    ordered = np.sort(errors[np.isfinite(errors)])
    return np.searchsorted(ordered, grid, side="right") / expected


def _percentile(table: np.ndarray, percent: float) -> float:
    kept = table[np.isfinite(table)]
    return float(np.percentile(kept, percent)) if len(kept) else 1.0


def _largest(tables: list[np.ndarray]) -> float:
    kept = np.concatenate([table[np.isfinite(table)] for table in tables])
    return float(kept.max()) if len(kept) else 1.0
