"""Tables of scores to statistics, with the keys of ``summary.json``."""

import numpy as np

from synthex.core import derive_rng
from synthex.evaluation.scores import Scores
from synthex.metrics import Statistics, describe

STATISTICS = {
    "mean": "mean",
    "std": "standard deviation (population)",
    "median": "median",
    "p95": "95th percentile",
    "ci95_low": "lower end of the 95 % bootstrap interval of the mean, by subject",
    "ci95_high": "upper end of it",
}
"""Statistics of a table and what they are."""


def describe_table(table: np.ndarray, scores: Scores, seed: int, name: str, bounds: tuple[float, float]) -> Statistics:
    """Statistics of all finite values of an N x K table together.

    Args:
        table: A row a case of ``scores``.
        scores: Subjects.
        seed: Of the bootstrap.
        name: What is described: each has random numbers of its own.
        bounds: Smallest and largest value that there can be.
    """
    keep = np.isfinite(table)
    subjects = np.broadcast_to(np.array(scores.subject_ids, dtype=object)[:, None], table.shape)
    return describe(table[keep], tuple(subjects[keep]), derive_rng("bootstrap", seed, name), bounds)


def named(pattern: str, statistics: Statistics, skip: tuple[str, ...] = ()) -> dict[str, float]:
    """Statistics by key: ``pattern`` with the names of :data:`STATISTICS` but ``skip`` put in."""
    values = {
        "mean": statistics.mean,
        "std": statistics.std,
        "median": statistics.median,
        "p95": statistics.p95,
        "ci95_low": statistics.ci95.low,
        "ci95_high": statistics.ci95.high,
    }
    return {pattern.format(key): value for key, value in values.items() if key not in skip}
