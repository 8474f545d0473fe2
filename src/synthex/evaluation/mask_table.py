"""The scores of masks that a task reports beside Dice, of the model and of what it is held against."""

from rich.table import Table

from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.wording import number, spread_text

_ANSWERS = (("model", ""), ("baseline", "baseline_"), ("region", "field_baseline_"))

_NAMES = {"dice": "Dice", "f2": "F2", "iou": "IoU", "average_precision": "AP"}
_SHORT = {"structure": "mask", "sensitivity": "sens", "specificity": "spec", "precision": "prec", "accuracy": "acc"}
"""So that all columns fit into 80 characters."""


def mask_score_header(evaluation: Evaluation) -> tuple[str, ...]:
    """Columns of :func:`mask_score_rows`; F1 is not among them, since Dice is."""
    return "structure", "answer", _NAMES["dice"], *(_NAMES.get(name, name) for name in _others(evaluation))


def mask_score_rows(evaluation: Evaluation, spread: bool = False) -> list[tuple[str, ...]]:
    """A row a structure and answer: the model's, the baseline's, and its whole region taken for the structure.

    Args:
        evaluation: What was found.
        spread: Means with standard deviations.
    """
    summary = evaluation.summary
    rows = []
    for name in evaluation.scores.structures:
        for answer, prefix in _ANSWERS:
            if f"{prefix}dice_mean/{name}" in summary:
                cells = []
                for score in ("dice", *_others(evaluation)):
                    mean, std = (summary[f"{prefix}{score}_{key}/{name}"] for key in ("mean", "std"))
                    cells.append(spread_text(mean, std, 3) if spread else number(mean, 3))
                rows.append((name, answer, *cells))
    return rows


def mask_score_table(evaluation: Evaluation) -> Table:
    """The same for the terminal."""
    table = Table(title="Masks: mean over images", title_justify="left", show_edge=False, pad_edge=False)
    for index, column in enumerate(mask_score_header(evaluation)):
        table.add_column(_SHORT.get(column, column), justify="left" if index < 2 else "right")
    for row in mask_score_rows(evaluation):
        table.add_row(*row, style="bold" if row[1] == "model" else None)
    return table


def _others(evaluation: Evaluation) -> tuple[str, ...]:
    return tuple(name for name in evaluation.scores.reported if name != "f1")
