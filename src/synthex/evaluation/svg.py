"""Small inline SVG charts, coloured by CSS variables so that they follow the page's light or dark scheme."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 560.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 22.0, 14.0, 46.0


@dataclass(frozen=True, eq=False)
class Series:
    """One line of a chart.

    Attributes:
        label: Shown when the pointer rests on it.
        x: Abscissae; points with NaN are left out.
        y: Ordinates.
        css: Class of the line (``model``, ``baseline``, ``thin``).
        dots: Mark every point; its label says the values.
        dot_labels: Texts of the dots; the values if empty.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    css: str = "model"
    dots: bool = False
    dot_labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Axis:
    """Range and label of an axis; ``percent`` prints fractions as percentages."""

    label: str
    low: float
    high: float
    percent: bool = False


def line_chart(series: Sequence[Series], x_axis: Axis, y_axis: Axis, title: str) -> str:
    """A line chart as an ``<svg>`` element."""
    parts = [_frame(x_axis, y_axis, title)]
    for one in series:
        keep = np.isfinite(one.x) & np.isfinite(one.y)
        xs, ys = _along(x_axis, one.x[keep]), _up(y_axis, one.y[keep])
        if not len(xs):
            continue
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        parts.append(f'<g class="{one.css}"><title>{escape(one.label)}</title><polyline points="{points}"/>')
        if one.dots:
            labels = one.dot_labels or tuple(f"{x:.3g}, {y:.3g}" for x, y in zip(one.x, one.y, strict=True))
            kept = [label for label, ok in zip(labels, keep, strict=True) if ok]
            for x, y, label in zip(xs, ys, kept, strict=True):
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6"><title>{escape(label)}</title></circle>')
        parts.append("</g>")
    return _svg("".join(parts), HEIGHT, title)


def box_chart(groups: Sequence[tuple[str, np.ndarray]], x_axis: Axis, title: str) -> str:
    """Horizontal boxes: quartiles as the box, 5th to 95th percentile as the whisker, median as the bar."""
    pitch = 22
    height = _TOP + _BOTTOM + pitch * len(groups)
    base = height - _BOTTOM
    parts = [_x_ticks(x_axis, base)]
    for index, (name, values) in enumerate(groups):
        y = _TOP + pitch * (index + 0.5)
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        kept = values[np.isfinite(values)]
        if not len(kept):
            parts.append(f'<text class="tick" x="{_LEFT + 8}" y="{y + 4:.1f}">none detected</text>')
            continue
        figures = np.percentile(kept, (5, 25, 50, 75, 95))
        p5, q1, median, q3, p95 = _along(x_axis, np.minimum(figures, x_axis.high))
        label = f"{name}: median {figures[2]:.2f}, quartiles {figures[1]:.2f} to {figures[3]:.2f}, " \
            f"5th to 95th percentile {figures[0]:.2f} to {figures[4]:.2f}, n = {len(kept)}"  # fmt: skip
        parts.append(
            f'<g class="box"><title>{escape(label)}</title>'
            f'<line x1="{p5:.1f}" x2="{p95:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<rect x="{q1:.1f}" y="{y - 6:.1f}" width="{max(q3 - q1, 1):.1f}" height="12" rx="2"/>'
            f'<line class="median" x1="{median:.1f}" x2="{median:.1f}" y1="{y - 7:.1f}" y2="{y + 7:.1f}"/></g>'
        )
    return _svg("".join(parts), height, title)


def nice_limit(value: float) -> float:
    """The smallest 1, 1.5, 2, 2.5, 3, 4, 5, 7.5 times a power of ten that is at least ``value``."""
    if not np.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(
        next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if step * power >= value * (1 - 1e-9))
    )


def _svg(body: str, height: float, title: str) -> str:
    box = f"0 0 {WIDTH:.0f} {height:.0f}"
    return f'<svg class="chart" viewBox="{box}" role="img" aria-label="{escape(title)}">{body}</svg>'


def _along(axis: Axis, values: np.ndarray) -> np.ndarray:
    return _LEFT + (values - axis.low) / (axis.high - axis.low) * (WIDTH - _LEFT - _RIGHT)


def _up(axis: Axis, values: np.ndarray) -> np.ndarray:
    return HEIGHT - _BOTTOM - (values - axis.low) / (axis.high - axis.low) * (HEIGHT - _TOP - _BOTTOM)


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    values = np.linspace(axis.low, axis.high, 6)
    return [(float(value), f"{100 * value:.0f} %" if axis.percent else f"{value:.4g}") for value in values]


def _x_ticks(axis: Axis, base: float) -> str:
    parts = []
    for value, text in _ticks(axis):
        x = float(_along(axis, np.array([value]))[0])
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{base:.1f}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{base + 17:.1f}" text-anchor="middle">{text}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="label" x="{middle}" y="{base + 38:.1f}" text-anchor="middle">{escape(axis.label)}</text>'
    )
    return "".join(parts)


def _frame(x_axis: Axis, y_axis: Axis, title: str) -> str:
    parts = [_x_ticks(x_axis, HEIGHT - _BOTTOM)]
    for value, text in _ticks(y_axis):
        y = float(_up(y_axis, np.array([value]))[0])
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="label" x="13" y="{middle}" text-anchor="middle" transform="rotate(-90 13 {middle})">'
        f"{escape(y_axis.label)}</text>"
    )
    return "".join(parts)
