"""Several methods on the same cases: every figure of each, of what stands beside them, and every pair compared."""

from collections.abc import Mapping

from synthex.core import ConfigError
from synthex.evaluation.compare import align
from synthex.evaluation.comparison_table import ComparisonTable
from synthex.evaluation.quantities import LABELS, compare_quantities
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.trivial import trivial_scores


def compare_methods(
    evaluations: Mapping[str, Evaluation],
    margins: Mapping[str, float | int] | None = None,
    *,
    seed: int = 0,
    resamples: int = 4000,
) -> ComparisonTable:
    """Compare methods scored by :func:`synthex.evaluation.scorer.evaluate_methods` in all of :data:`LABELS`.

    Every method is compared with every other, and with every trivial predictor beside any of them: the baselines of
    all methods, and the whole region taken for a structure where the task asks for it. All pairs of a quantity are one
    family for the correction, so that more methods and predictors weaken its tests, as they ought to.

    Args:
        evaluations: Method to what was found; at least two.
        margins: Quantity to the difference that does not matter, for the tests of equivalence.
        seed: Of the bootstrap.
        resamples: Number of its replicates.

    Raises:
        ConfigError: Fewer than two methods, other cases, or a margin that is not positive or of an unknown quantity.
    """
    given = dict(margins or {})
    unknown = sorted(set(given) - set(LABELS))
    if unknown:
        raise ConfigError(f"there is no quantity {unknown[0]}; margins are of {', '.join(LABELS)}")
    scores = {name: one.scores for name, one in evaluations.items()}
    if any(rows != list(range(len(rows))) for _, rows in align(scores).values()):
        raise ConfigError("the methods have their cases in another order; score them together")
    baselines = {name: one.baseline for name, one in evaluations.items() if one.baseline is not None}
    return compare_quantities(scores, trivial_scores(scores, baselines), given, seed=seed, resamples=resamples)
