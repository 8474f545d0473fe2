"""What a comparison of methods found, as rows of tables."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from synthex.metrics import Comparison, Ratio


@dataclass(frozen=True)
class MethodRow:
    """A figure of one method, over all the values it has.

    Attributes:
        quantity: Key of the figure.
        name: Landmark or structure; empty for all of them, pooled.
        method: Its name.
        count: Values.
        mean: NaN without values.
        std: Population standard deviation.
        ci_low: Lower end of the 95 % bootstrap interval of the mean, by subject.
        ci_high: Upper end.
    """

    quantity: str
    name: str
    method: str
    count: int
    mean: float
    std: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class DifferenceRow:
    """Two methods, or a method and a trivial predictor, on the pairs that both have.

    Attributes:
        quantity: Key of the figure.
        name: Landmark or structure; empty for all of them, pooled.
        first: A method.
        second: Another, or a trivial predictor; differences are first - second.
        comparison: All tests.
        ratio: Mean of the first over that of the second.
        test: Which of the tests gives ``p`` and ``equivalence_p``: ``bootstrap``; ``t`` where there are too few
            subjects to resample; empty where nothing could be tested.
        p: Of no difference; NaN where it could not be tested.
        p_holm: Corrected for the family, which is all pairs of one quantity: one family for the pooled rows, one for
            the rows by name.
        p_bh: Corrected after Benjamini and Hochberg, same family.
        equivalence_p: Of a difference beyond the margin; NaN without a margin.
        equivalence_p_holm: Corrected for the same family.
    """

    quantity: str
    name: str
    first: str
    second: str
    comparison: Comparison
    ratio: Ratio
    test: str
    p: float
    p_holm: float
    p_bh: float
    equivalence_p: float
    equivalence_p_holm: float


@dataclass(frozen=True)
class ComparisonTable:
    """All of it.

    Attributes:
        methods: Names, in the order given, trivial predictors last.
        cases: Number of cases compared.
        subjects: Number of their subjects.
        figures: Rows of methods and trivial predictors.
        differences: Rows of pairs: every two methods, and every method and trivial predictor.
        trivial: Which of ``methods`` are trivial predictors: they are in no pair with each other.
    """

    methods: tuple[str, ...]
    cases: int
    subjects: int
    figures: tuple[MethodRow, ...]
    differences: tuple[DifferenceRow, ...]
    trivial: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; None for what does not exist."""
        return {
            "methods": list(self.methods),
            "trivial": list(self.trivial),
            "cases": self.cases,
            "subjects": self.subjects,
            "figures": [_plain(asdict(row)) for row in self.figures],
            "differences": [
                _plain(asdict(row) | {"comparison": row.comparison.to_json(), "ratio": _plain(asdict(row.ratio))})
                for row in self.differences
            ],
        }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
