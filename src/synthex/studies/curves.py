"""Curves of a study as PNG files: one quantity against an axis of numbers."""

import io
import math
from collections.abc import Sequence

import numpy as np

from synthex.studies.collect import Found
from synthex.studies.schema import Curve, Study
from synthex.studies.tables import label_of

_MARKERS = "osD^vP*X"


def draw_curves(study: Study, found: Sequence[Found]) -> dict[str, bytes]:
    """File name to PNG of every curve on every test set that has finished cells at two places at least.

    Points are means over seeds with their standard deviation; with one seed, the mean over all cases with its 95 %
    interval where there is one. Values of the axis that are no numbers stand at the right, past the last.
    """
    files = {}
    for test in dict.fromkeys(one.test for one in found):
        for curve in study.layout.curves:
            mine = [one for one in found if one.test == test and one.figure == curve.figure and one.count]
            if len({one.values[curve.x] for one in mine}) > 1:
                name = f"{curve.figure.replace('/', '-')}_by_{curve.x}_{test}.png"
                files[name] = _draw(study, curve, mine, test)
    return files


def axis_position(value: str) -> float | None:
    """A value of an axis as a number; None where it is none."""
    try:
        position = float(value)
    except ValueError:
        return None
    return position if math.isfinite(position) else None


def _draw(study: Study, curve: Curve, found: Sequence[Found], test: str) -> bytes:
    # Imported here, and without pyplot, which would look for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    places, logarithmic = _places(list(study.axes[curve.x]))
    figure = Figure(figsize=(5.6, 3.6), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    others = [axis for axis in study.axes if axis != curve.x]
    names = dict.fromkeys(tuple(one.values[axis] for axis in others) for one in found)
    for index, name in enumerate(names):
        line = sorted(
            (one for one in found if tuple(one.values[axis] for axis in others) == name),
            key=lambda one: places[one.values[curve.x]],
        )
        x = [places[one.values[curve.x]] for one in line]
        points = [_point(one) for one in line]
        axes.errorbar(
            x, [mean for mean, _, _ in points],
            yerr=np.array([(low, high) for _, low, high in points]).T, marker=_MARKERS[index % len(_MARKERS)],
            markersize=4, linewidth=1.2, capsize=2.5, label=", ".join(name),
        )  # fmt: skip
    if logarithmic:
        axes.set_xscale("log")
    shown = {
        value: places[value] for value in study.axes[curve.x] if any(one.values[curve.x] == value for one in found)
    }
    axes.set_xticks(list(shown.values()), list(shown), minor=False)
    axes.minorticks_off()
    axes.set_xlabel(curve.x.replace("_", " "))
    axes.set_ylabel(label_of(curve.figure))
    axes.set_title(f"{study.name}, {test}", fontsize=9)
    axes.grid(alpha=0.3, linewidth=0.5)
    if len(names) > 1:
        axes.legend(title=" / ".join(others), fontsize=8, title_fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _places(values: Sequence[str]) -> tuple[dict[str, float], bool]:
    """Where values stand, and whether the axis is logarithmic: numbers above 0 at themselves, others past them."""
    numbers = {value: position for value in values if (position := axis_position(value)) is not None}
    logarithmic = bool(numbers) and min(numbers.values()) > 0
    last = max(numbers.values(), default=0.0)
    places = {}
    beyond = 0
    for value in values:
        if value in numbers:
            places[value] = numbers[value]
        else:
            beyond += 1
            places[value] = last * 2.0**beyond if logarithmic else last + beyond
    return places, logarithmic


def _point(one: Found) -> tuple[float, float, float]:
    """Height, and how far the bar goes down and up."""
    if len(one.seed_means) > 1:
        return float(np.mean(one.seed_means)), one.seed_std, one.seed_std
    if math.isfinite(one.ci_low) and math.isfinite(one.ci_high):
        return one.mean, max(0.0, one.mean - one.ci_low), max(0.0, one.ci_high - one.mean)
    return one.mean, 0.0, 0.0
