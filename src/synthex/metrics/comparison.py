"""What a comparison of two methods found, as values."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from synthex.metrics.equivalence import Equivalence


@dataclass(frozen=True)
class Significance:
    """A test of no difference.

    Attributes:
        test: Its name.
        statistic: NaN where it could not be made.
        p: Two-sided; NaN where it could not be made.
        note: Why it is missing or weak; empty if it is fine.
    """

    test: str
    statistic: float
    p: float
    note: str = ""


@dataclass(frozen=True)
class BootstrapTest:
    """The studentized bootstrap of the pooled difference; interval and p value agree by construction.

    Attributes:
        low: Lower end of the interval; NaN where there is none.
        high: Upper end.
        level: Its coverage.
        p: Two-sided; NaN where there is none.
        note: Why it is missing or weak; empty if it is fine.
    """

    low: float
    high: float
    level: float
    p: float
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two methods; differences are first - second.

    Attributes:
        design: ``paired`` (same images) or ``unpaired`` (other subjects).
        first_mean: Pooled mean over the values counted; NaN without any.
        second_mean: The same of the other method.
        difference: first_mean - second_mean.
        subject_difference: Mean over subjects of the differences of their means (paired), or difference of the
            means over subject means (unpaired).
        counts: Values counted of each.
        missing: Values of each that are not finite.
        dropped: Paired: pairs with a missing value. Unpaired: all missing values.
        subjects: Subjects of each that are counted.
        bootstrap: Pooled difference, by subject.
        t_test: Paired t test, or Welch's, on subject means.
        rank_test: Wilcoxon's signed-rank test, or Mann and Whitney's, on subject means.
        effect: Cohen's d_z (paired) or d, on subject means.
        rank_effect: Matched rank-biserial correlation (paired) or Cliff's delta, on subject means.
        equivalence: Two one-sided t tests on subject means; None without a margin.
        equivalence_bootstrap: The same by the bootstrap of the pooled difference.
    """

    design: Literal["paired", "unpaired"]
    first_mean: float
    second_mean: float
    difference: float
    subject_difference: float
    counts: tuple[int, int]
    missing: tuple[int, int]
    dropped: int
    subjects: tuple[int, int]
    bootstrap: BootstrapTest
    t_test: Significance
    rank_test: Significance
    effect: float
    rank_effect: float
    equivalence: Equivalence | None
    equivalence_bootstrap: Equivalence | None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; None for what is NaN here."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
