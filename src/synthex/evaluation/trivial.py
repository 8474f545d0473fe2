"""What a method is better than: predictors that do not look at the image, scored on the same cases."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from synthex.evaluation.comparison_table import ComparisonTable
from synthex.evaluation.quantities import REGION, compare_quantities
from synthex.evaluation.scores import Scores
from synthex.metrics import Confusion

MODEL, BASELINE = "model", "baseline"
"""Names of a single method and of its baseline."""


def trivial_scores(scores: Mapping[str, Scores], baselines: Mapping[str, Scores]) -> dict[str, Scores]:
    """Trivial predictors by name: the baselines, equal ones once, and the whole region where the task asks for it.

    Args:
        scores: Method to its scores.
        baselines: The same of the baselines of some of the methods.
    """
    owners: list[tuple[list[str], Scores]] = []
    for name, one in baselines.items():
        same = next((names for names, other in owners if _same(one, other)), None)
        if same is None:
            owners.append(([name], one))
        else:
            same.append(name)
    found = {f"baseline of {', '.join(names)}": one for names, one in owners}
    region = next(iter(scores.values())).field_baseline
    if region is not None:  # made of the truth, so it is the same for all methods
        found[REGION] = region
    return found


def compare_with_trivial(
    scores: Scores, baseline: Scores | None, *, seed: int = 0, resamples: int = 4000
) -> ComparisonTable | None:
    """A single method against the trivial predictors beside it; None where there are none.

    Args:
        scores: Of the method, called ``model``.
        baseline: Of its baseline, called ``baseline``.
        seed: Of the bootstrap.
        resamples: Number of its replicates.
    """
    trivial = {} if baseline is None else {BASELINE: baseline}
    trivial |= trivial_scores({MODEL: scores}, {})
    return compare_quantities({MODEL: scores}, trivial, {}, seed=seed, resamples=resamples) if trivial else None


def _same(one: Scores, other: Scores) -> bool:
    """Whether two answers to the same cases are equal in all that is scored."""
    arrays = [(getattr(one, key), getattr(other, key)) for key in ("guess_px", "confidence", "present")]
    arrays += [(getattr(one.counts, part.name), getattr(other.counts, part.name)) for part in fields(Confusion)]
    return all(np.array_equal(mine, yours, equal_nan=mine.dtype.kind == "f") for mine, yours in arrays)
