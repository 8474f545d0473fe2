"""Translated radiographs, and what became of the structure in them."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from synthex.adaptation.translation.structure import LEAST_RETAINED, check_structure
from synthex.adaptation.translation.translator import Translator
from synthex.core import Sample, to_log


def translated(translator: Translator, sample: Sample) -> Sample:
    """The translated sample, with what became of its structure in its record."""
    found = translator(sample)
    check = check_structure(to_log(sample), found.image, sample.masks)
    figures = {name: _number(getattr(check, name)) for name in ("agreement", "before", "after")}
    translation = dict(found.record["translation"]) | {"structure": figures}
    return replace(found, record=dict(found.record) | {"translation": translation})


def structure_report(samples: Iterable[Sample]) -> tuple[dict[str, Any], list[str]]:
    """How well edges and labels survived, as figures and as lines; a line warns where labels may no longer fit.

    Args:
        samples: Of :func:`translated`.
    """
    cases = {sample.case_id: sample.record["translation"]["structure"] for sample in samples}
    means = {name: _mean([case[name] for case in cases.values()]) for name in ("agreement", "before", "after")}
    retained = means["after"] / means["before"] if means["before"] and means["after"] is not None else None
    figures = {"mean": means | {"retained": retained}, "cases": cases}
    lines: list[str] = []
    if means["agreement"] is not None:
        lines.append(f"structure: edges agree by {means['agreement']:.2f} (1: unmoved)")
    if retained is None:
        return figures, [*lines, "structure: no label has a border to check"]
    lines.append(
        f"structure: edges along the labels' borders {means['before']:.3f} before, {means['after']:.3f} after "
        f"({retained:.0%} kept)"
    )
    if retained < LEAST_RETAINED:
        lines.append(
            f"warning: only {retained:.0%} of the edges along the labels' borders are left (warned below "
            f"{LEAST_RETAINED:.0%}), so labels may no longer fit; look at the images before you train on them"
        )
    return figures, lines


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: float) -> float | None:
    """A number as JSON has it: nothing in the place of NaN."""
    return value if math.isfinite(value) else None
