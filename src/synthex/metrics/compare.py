"""Is one method better than another, by how much, or are they as good as each other? Units are subjects, not images.

Two estimates of a difference stand side by side. The *pooled* one weighs subjects by their images, as the tables
do, and has the bootstrap. The *subject* one is the mean over subject means, one independent value a subject, and
has the t and rank tests. Where a question has no answer (one subject, no spread) the p value is NaN and a note says
why; nothing that could not be tested looks tested. Where the interval is withheld (fewer than five subjects) so is
every p value.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from synthex.metrics.bootstrap import FEW_SUBJECTS
from synthex.metrics.clusters import MIN_BOOTSTRAP_SUBJECTS, Bootstrap, bootstrap_t, group
from synthex.metrics.comparison import BootstrapTest, Comparison, Significance
from synthex.metrics.effect_size import ROUNDING, cliffs_delta, cohen_d, cohen_dz, is_constant, rank_biserial
from synthex.metrics.equivalence import Equivalence, tost_bootstrap, tost_t, untested

NAN = float("nan")


def compare_paired(
    first: Float[np.ndarray, "N"],
    second: Float[np.ndarray, "N"],
    subjects: Sequence[str],
    rng: np.random.Generator,
    margin: float | int | None = None,
    level: float = 0.95,
    resamples: int = 4000,
) -> Comparison:
    """Compare two methods on the same cases.

    Args:
        first: Figure of each case; pairs with a value that is not finite are dropped and counted.
        second: The other method's, same cases in the same order.
        subjects: Subject (patient, specimen) of each case.
        rng: Source of the resamples.
        margin: Differences smaller than this do not matter; None tests no equivalence.
        level: Of the intervals; 1 - level is alpha of the equivalence tests, whose interval has 2 level - 1.
        resamples: Number of bootstrap replicates.

    Raises:
        ValueError: Lengths differ, the margin is not positive, or the level is not in (0.5, 1).
    """
    alpha = _alpha(margin, level)
    if not len(first) == len(second) == len(subjects):
        raise ValueError(f"{len(first)} and {len(second)} values need as many subjects, got {len(subjects)}")
    known = [np.isfinite(values) for values in (first, second)]
    both = known[0] & known[1]
    one, two = first[both].astype(np.float64), second[both].astype(np.float64)
    scale = float(max(np.abs(one).max(), np.abs(two).max())) if len(one) else 0.0
    clusters = group(one - two, np.asarray(subjects, dtype=str)[both].tolist(), scale)
    per_subject = np.where(np.abs(clusters.subject_means) <= ROUNDING * scale, 0.0, clusters.subject_means)
    count = len(per_subject)
    problem = "" if count > 1 else _TOO_FEW
    if not problem and (not clusters.has_spread or is_constant(per_subject, scale)):
        problem = _NO_SPREAD.format("differences")
    untestable = problem or (_TOO_FEW if count < MIN_BOOTSTRAP_SUBJECTS else "")
    bootstrap = None if untestable else bootstrap_t(clusters, rng, resamples)
    note = untestable or _weakness(count)
    error = 0.0 if problem else float(per_subject.std(ddof=1)) / math.sqrt(count)
    mean = _mean(per_subject)
    return Comparison(
        design="paired",
        first_mean=_mean(one),
        second_mean=_mean(two),
        difference=_mean(one - two),
        subject_difference=mean,
        counts=(len(one), len(two)),
        missing=(int(np.sum(~known[0])), int(np.sum(~known[1]))),
        dropped=int(np.sum(~both)),
        subjects=(count, count),
        bootstrap=_bootstrap_test(bootstrap, level, note),
        t_test=_t_test("paired t", mean, error, count - 1, untestable),
        rank_test=_wilcoxon(per_subject, untestable),
        effect=NAN if problem else cohen_dz(per_subject),
        rank_effect=rank_biserial(per_subject) if count > 1 else NAN,
        equivalence=tost_t(mean, error, count - 1, margin, alpha, untestable),
        equivalence_bootstrap=_equivalence_bootstrap(bootstrap, margin, alpha, note),
    )


def compare_unpaired(
    first: Float[np.ndarray, "N"],
    first_subjects: Sequence[str],
    second: Float[np.ndarray, "M"],
    second_subjects: Sequence[str],
    rng: np.random.Generator,
    margin: float | int | None = None,
    level: float = 0.95,
    resamples: int = 4000,
) -> Comparison:
    """Compare figures of two test sets that share no subject; arguments as for :func:`compare_paired`.

    Raises:
        ValueError: As there, or a subject is in both sets, which are then not independent.
    """
    alpha = _alpha(margin, level)
    samples = []
    for values, subjects in ((first, first_subjects), (second, second_subjects)):
        if len(values) != len(subjects):
            raise ValueError(f"{len(values)} values need as many subjects, got {len(subjects)}")
        known = np.isfinite(values)
        samples.append((values[known].astype(np.float64), np.asarray(subjects, dtype=str)[known].tolist()))
    shared = sorted(set(samples[0][1]) & set(samples[1][1]))
    if shared:
        raise ValueError(f"{len(shared)} subjects are in both sets, the first is {shared[0]}: compare their pairs")
    one, two = (group(values, subjects) for values, subjects in samples)
    count = (len(one.sums), len(two.sums))
    problem = "" if min(count) > 1 else _TOO_FEW
    means = (one.subject_means, two.subject_means)
    if not problem and all(is_constant(values) for values in means):
        problem = _NO_SPREAD.format("values")
    untestable = problem or (_TOO_FEW if min(count) < MIN_BOOTSTRAP_SUBJECTS else "")
    bootstrap = None if untestable else bootstrap_t(one, rng, resamples, two)
    note = untestable or _weakness(min(count))
    ranks = None if untestable else stats.mannwhitneyu(*means)
    error, freedom = (0.0, 0.0) if problem else _welch(*means)
    centers = (_mean(means[0]), _mean(means[1]))
    apart = centers[0] - centers[1]
    missing = (len(first) - len(samples[0][0]), len(second) - len(samples[1][0]))
    pooled = (_mean(samples[0][0]), _mean(samples[1][0]))
    return Comparison(
        design="unpaired",
        first_mean=pooled[0],
        second_mean=pooled[1],
        difference=pooled[0] - pooled[1],
        subject_difference=apart,
        counts=(len(samples[0][0]), len(samples[1][0])),
        missing=missing,
        dropped=sum(missing),
        subjects=count,
        bootstrap=_bootstrap_test(bootstrap, level, note),
        t_test=_t_test("Welch t", apart, error, freedom, untestable),
        rank_test=_significance("Mann-Whitney U", ranks, untestable),
        effect=NAN if problem else cohen_d(*means),
        rank_effect=cliffs_delta(*means),
        equivalence=tost_t(apart, error, freedom, margin, alpha, untestable),
        equivalence_bootstrap=_equivalence_bootstrap(bootstrap, margin, alpha, note),
    )


_TOO_FEW = f"not tested: fewer than {MIN_BOOTSTRAP_SUBJECTS} subjects"
_NO_SPREAD = "not tested: the {} of all subjects are equal"


def _alpha(margin: float | int | None, level: float) -> float:
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(f"the margin of equivalence must be positive, got {margin}")
    if not 0.5 < level < 1:
        raise ValueError(f"the level must lie between 0.5 and 1, got {level}")
    # So that a level of 0.95 gives 0.05, not 0.050000000000000044.
    return round(1 - level, 12)


def _weakness(subjects: int) -> str:
    return f"few subjects ({subjects})" if subjects < FEW_SUBJECTS else ""


def _bootstrap_test(bootstrap: Bootstrap | None, level: float, note: str) -> BootstrapTest:
    if bootstrap is None:
        return BootstrapTest(NAN, NAN, level, NAN, note)
    return BootstrapTest(*bootstrap.interval(level), level, bootstrap.p_two_sided(), note)


def _equivalence_bootstrap(
    bootstrap: Bootstrap | None, margin: float | int | None, alpha: float, note: str
) -> Equivalence | None:
    if margin is None:
        return None
    return untested(margin, alpha, note) if bootstrap is None else tost_bootstrap(bootstrap, margin, alpha, note)


def _significance(test: str, result: Any, problem: str) -> Significance:
    if result is None:
        return Significance(test, NAN, NAN, problem)
    return Significance(test, float(result.statistic), float(result.pvalue))


def _t_test(test: str, difference: float, standard_error: float, freedom: float | int, problem: str) -> Significance:
    if problem:
        return Significance(test, NAN, NAN, problem)
    t = difference / standard_error
    return Significance(test, t, 2 * float(stats.t.sf(abs(t), freedom)))


def _wilcoxon(differences: np.ndarray, problem: str) -> Significance:
    name = "Wilcoxon signed-rank"
    moved = differences[differences != 0]
    if problem or not len(moved):
        return Significance(name, NAN, NAN, problem or _NO_SPREAD.format("differences"))
    result = stats.wilcoxon(moved)
    smallest = 2.0 ** (1 - len(moved))
    note = f"{len(moved)} subjects differ: no p value can be below {smallest:g}" if smallest > 0.05 else ""
    return Significance(name, float(result.statistic), float(result.pvalue), note)


def _welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Standard error and degrees of freedom of a difference of means (Welch, Biometrika 34:28, 1947)."""
    parts = [float(values.var(ddof=1)) / len(values) for values in (first, second)]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (first, second), strict=True))
    return math.sqrt(sum(parts)), freedom


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else NAN
