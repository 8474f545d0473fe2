"""Methods against trivial predictors, for people: on a page and in the terminal."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from rich.table import Table

from synthex.core import EvalProtocol
from synthex.evaluation.comparison_table import ComparisonTable, DifferenceRow
from synthex.evaluation.markup import table
from synthex.evaluation.quantities import DIGITS, LABELS, LOWER_IS_BETTER
from synthex.evaluation.wording import interval_text, number, p_text

ALPHA = 0.05
"""Below it a corrected p value is called a finding."""

_NOTE = (
    "Trivial predictors do not look at the image. A cell is the mean difference (95 % bootstrap interval, by subject) "
    "on the cases that both have a figure for, below it what the test shows, with its p value and effect size d_z, and "
    "the mean as a share of the predictor's. "
)


def winner(row: DifferenceRow) -> str:
    """Who of the two is better, where the corrected test shows it; else nothing."""
    if not row.p_holm < ALPHA:
        return ""
    return row.first if (row.comparison.difference < 0) == (row.quantity in LOWER_IS_BETTER) else row.second


def difference_text(row: DifferenceRow) -> str:
    """``difference (low to high)`` with as many decimals as the quantity has."""
    digits = DIGITS.get(row.quantity, 3)
    low, high = row.comparison.bootstrap.low, row.comparison.bootstrap.high
    ends = f" ({interval_text(low, high, digits)})" if math.isfinite(low) and math.isfinite(high) else ""
    return number(row.comparison.difference, digits) + ends


def ratio_text(row: DifferenceRow) -> str:
    """``ratio (low to high)`` of the means."""
    found = row.ratio
    return number(found.value) + (f" ({interval_text(found.low, found.high)})" if math.isfinite(found.low) else "")


def ranked_name(protocol: EvalProtocol) -> str:
    """The landmark or structure that ranks models; empty where all of them do."""
    name = protocol.primary.partition("/")[2]
    return name if name in (*protocol.vocabulary.structures, *protocol.vocabulary.landmarks) else ""


def trivial_section(comparison: ComparisonTable, protocol: EvalProtocol, correction: str) -> str:
    """A section of a report; empty where nothing trivial stands beside the methods.

    Args:
        comparison: What was found.
        protocol: Which structure ranks models: it is shown at once, the others on demand.
        correction: What the p values are corrected for, as the end of a sentence.
    """
    pairs = [row for row in comparison.differences if row.second in comparison.trivial]
    if not pairs:
        return ""
    main = ranked_name(protocol)
    # Where one structure ranks models, figures of all structures say little; landmarks are all shown together.
    shown = [row for row in pairs if row.name == main] or [row for row in pairs if not row.name]
    rest = [row for row in pairs if row not in shown]
    details = f"<details><summary>By landmark and structure</summary>{_pivot(rest, comparison)}</details>"
    note = escape(f"{_NOTE}p values are corrected after Holm for {correction}.")
    return (
        f'<h2>Better than not looking?</h2><p class="soft">{note}</p>{_pivot(shown, comparison)}'
        f"{details if rest else ''}"
    )


def _pivot(rows: Sequence[DifferenceRow], comparison: ComparisonTable) -> str:
    cells = {(row.quantity, row.name, row.first, row.second): row for row in rows}
    names = {row.name for row in rows}
    body = []
    for quantity, name, first in dict.fromkeys((row.quantity, row.name, row.first) for row in rows):
        label = f"{LABELS[quantity]}, {name}" if name or len(names) > 1 else LABELS[quantity]
        body.append(
            [escape(label), escape(first)]
            + [_cell(cells.get((quantity, name, first, other))) for other in comparison.trivial]
        )
    return table(("", "method", *(f"against {name}" for name in comparison.trivial)), body)


def _cell(row: DifferenceRow | None) -> str:
    if row is None:
        return "–"
    won = winner(row)
    finding = "better" if won == row.first else "worse" if won else "nothing shown"
    css = {"better": "better", "worse": "base"}.get(finding, "")
    tested = f"{finding}, p {p_text(row.p_holm)}" if math.isfinite(row.p_holm) else "not tested"
    hint = f"{row.comparison.counts[0]} pairs of {row.comparison.subjects[0]} subjects; {row.comparison.bootstrap.note}"
    return (
        f'<span class="{css}" title="{escape(hint.removesuffix("; "))}">{escape(difference_text(row))}</span>'
        f'<br><span class="soft">{escape(tested)}, d {number(row.comparison.effect)}<br>ratio {ratio_text(row)}</span>'
    )


def differences_table(rows: Iterable[DifferenceRow], title: str) -> Table:
    """Pairs for the terminal."""
    found = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    found.add_column("pair")
    for column in ("difference (95 % CI)", "p (Holm)", "ratio (95 % CI)"):
        found.add_column(column, justify="right")
    for row in rows:
        found.add_row(
            f"{row.first} − {row.second}",
            difference_text(row),
            p_text(row.p_holm),
            ratio_text(row),
            style="bold" if winner(row) == row.first else None,
        )
    return found


def headline_differences(comparison: ComparisonTable, protocol: EvalProtocol) -> Table | None:
    """The pairs in the figure that ranks models, for the terminal; None where there are none."""
    key, name = protocol.primary.partition("/")[0], ranked_name(protocol)
    quantity = max((one for one in LABELS if key.startswith(one)), key=len, default="")
    rows = [row for row in comparison.differences if (row.quantity, row.name) == (quantity, name)]
    title = f"{LABELS.get(quantity, '')}{f', {name}' if name else ''}: differences"
    return differences_table(rows, title) if rows else None
