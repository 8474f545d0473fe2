"""Figures for people."""

import math


def number(value: float | int | None, digits: int = 2, percent: bool = False) -> str:
    """A figure for people; a dash where it does not exist."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    return f"{100 * value:.{max(digits - 1, 0)}f} %" if percent else f"{value:.{digits}f}"


def interval_text(low: float | None, high: float | None, digits: int = 2, percent: bool = False) -> str:
    """``low to high``, or a dash where there is no interval."""
    if low is None or high is None:
        return "–"
    return f"{number(low, digits, percent).removesuffix(' %')} to {number(high, digits, percent)}"


def spread_text(mean: float | None, std: float | None, digits: int = 2) -> str:
    """``mean ± std``, or a dash where there is nothing to average."""
    return "–" if mean is None or std is None else f"{mean:.{digits}f} ± {std:.{digits}f}"


def p_text(value: float) -> str:
    """A p value; a dash where there was no test."""
    if not math.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
