"""Figures of masks in ``summary.json``: by structure, by the original's rules, and of a region as the answer."""

from synthex.core import Vocabulary
from synthex.evaluation.describe import STATISTICS, describe_table, named
from synthex.evaluation.original import COVID_SCORES, figures_of
from synthex.evaluation.scores import AREA, Scores, bounds_of

_SKIPPED = ("p95",)  # says nothing of a share

PER_STRUCTURE = {
    **{f"dice_{key}": f"{text} of Dice of this structure" for key, text in STATISTICS.items() if key not in _SKIPPED},
    "dice_cases": "images in which its Dice is counted",
}
"""Figures of each structure."""

MEANINGS = {
    "sensitivity": "TP / (TP + FN), images where the structure is",
    "specificity": "TN / (TN + FP), images that it does not fill",
    "precision": "TP / (TP + FP), images where it is predicted",
    "accuracy": "(TP + TN) / all pixels",
    "f1": "F1, which is Dice; images where it is or is predicted",
    "f2": "F2, sensitivity twice as important as precision; images where it is or is predicted",
    "iou": "TP / (TP + FP + FN), images where it is or is predicted",
    AREA: "area under the precision-recall curve of an image's pixels, images where the structure is; only of sets "
    "with probabilities",
}
"""Scores that a task can report, and the images in which they have a value."""

PER_MASK_SCORE = {
    **{f"<score>_{key}": text for key, text in STATISTICS.items() if key not in _SKIPPED},
    "<score>_cases": "images in which it is counted",
}
"""Figures of each reported score of each structure."""

ORIGINAL = {
    "original/<score>_mean": "mean by the formulas of the original's evaluation, for comparisons with its figures only",
    "original/<score>_std": "its standard deviation",
}
"""Figures by the original's rules."""


def mask_keys(scores: Scores, names: tuple[str, ...]) -> dict[str, str]:
    """Keys of :func:`mask_figures` and what they mean."""
    keys: dict[str, str] = {}
    for name in names:
        keys |= {f"{key}/{name}": f"{text} ({name})" for key, text in PER_STRUCTURE.items()}
        for score in scores.reported:
            keys |= {
                f"{key.replace('<score>', score)}/{name}": f"{text} of {score} = {MEANINGS[score]} ({name})"
                for key, text in PER_MASK_SCORE.items()
            }
    return keys


def mask_figures(scores: Scores, names: tuple[str, ...], seed: int) -> dict[str, float | int]:
    """Dice and the reported scores of some structures."""
    figures: dict[str, float | int] = {}
    for name in names:
        index = scores.structures.index(name)
        column = slice(index, index + 1)
        one = describe_table(scores.dice[:, column], scores, seed, name, bounds_of("dice"))
        figures |= named(f"dice_{{}}/{name}", one, skip=_SKIPPED)
        figures[f"dice_cases/{name}"] = one.count
        for score in scores.reported:
            # F1 is Dice: their intervals are one as well.
            draws = name if score == "f1" else f"{score}/{name}"
            found = describe_table(scores.mask_score(score)[:, column], scores, seed, draws, bounds_of(score))
            figures |= named(f"{score}_{{}}/{name}", found, skip=_SKIPPED)
            figures[f"{score}_cases/{name}"] = found.count
    return figures


def original_keys(scores: Scores) -> dict[str, str]:
    """Keys of :func:`original_figures_of` and what they mean."""
    keys: dict[str, str] = {}
    for name in _original_names(scores):
        score, _, channel = name.partition("/")
        end = f"/{channel}" if channel else ""
        which = channel or (scores.structures[0] if scores.original_rule == "covid" else "all")
        for key, text in ORIGINAL.items():
            keys[f"{key.replace('<score>', score)}{end}"] = f"{score} ({which}): {text}"
    return keys


def original_figures_of(scores: Scores) -> dict[str, float]:
    """Means and standard deviations by the original's rules; empty if the task does not ask for them."""
    rule = scores.original_rule
    if rule is None:
        return {}
    figures: dict[str, float] = {}
    for name, found in figures_of(scores.original, Vocabulary(scores.structures, scores.landmarks), rule).items():
        score, _, channel = name.partition("/")
        end = f"/{channel}" if channel else ""
        figures |= {f"original/{score}_mean{end}": found.mean, f"original/{score}_std{end}": found.std}
    return figures


def field_keys(scores: Scores) -> dict[str, str]:
    """Keys of :func:`field_figures` and what they mean."""
    found = scores.field_baseline
    if found is None:
        return {}
    keys = mask_keys(found, found.answered)
    return {f"field_baseline_{key}": f"its whole region taken for the structure: {text}" for key, text in keys.items()}


def field_figures(scores: Scores, seed: int) -> dict[str, float | int]:
    """Figures of the field baseline; empty if the task does not ask for it."""
    found = scores.field_baseline
    if found is None:
        return {}
    return {f"field_baseline_{key}": value for key, value in mask_figures(found, found.answered, seed).items()}


def _original_names(scores: Scores) -> tuple[str, ...]:
    if scores.original_rule is None:
        return ()
    if scores.original_rule == "covid":
        return COVID_SCORES
    errors = ("landmark_error_mm", *(f"landmark_error_mm/{name}" for name in scores.landmarks))
    return (*errors, "dice", *(f"dice/{name}" for name in scores.structures))
