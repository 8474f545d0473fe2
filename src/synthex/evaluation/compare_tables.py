"""A comparison of methods as CSV files and as LaTeX tables in the form of the paper."""

import math
from collections.abc import Sequence
from typing import Any, Literal

from rich.table import Table

from synthex.evaluation.compare import QUANTITIES
from synthex.evaluation.comparison_table import ComparisonTable, DifferenceRow, MethodRow
from synthex.evaluation.csv_text import csv_text
from synthex.evaluation.quantities import DIGITS, LABELS

_FIGURE_HEADER = ("quantity", "name", "method", "count", "mean", "std", "ci95_low", "ci95_high")
_DIFFERENCE_HEADER = (
    "quantity",
    "name",
    "first",
    "second",
    "pairs",
    "dropped",
    "subjects",
    "first_mean",
    "second_mean",
    "difference",
    "ci95_low",
    "ci95_high",
    "ratio",
    "ratio_ci95_low",
    "ratio_ci95_high",
    "test",
    "p",
    "p_holm",
    "p_bh",
    "t_p",
    "wilcoxon_p",
    "cohen_dz",
    "rank_biserial",
    "margin",
    "equivalence_p",
    "equivalence_p_holm",
    "equivalence_ci90_low",
    "equivalence_ci90_high",
    "note",
)


def comparison_csv(table: ComparisonTable) -> dict[str, str]:
    """File name to content of ``comparison_methods.csv`` and ``comparison_differences.csv``.

    One row a quantity, name and method (or pair of methods); an empty name is all of them pooled, an empty cell a
    value that does not exist.
    """
    return {
        "comparison_methods.csv": csv_text(
            _FIGURE_HEADER,
            (
                (row.quantity, row.name, row.method, row.count, row.mean, row.std, row.ci_low, row.ci_high)
                for row in table.figures
            ),
        ),
        "comparison_differences.csv": differences_csv(table),
    }


def differences_csv(table: ComparisonTable) -> str:
    """One row a quantity, name and pair."""
    return csv_text(_DIFFERENCE_HEADER, map(_difference_cells, table.differences))


def comparison_latex(table: ComparisonTable, interval: Literal["half_width", "ends"] = "half_width") -> str:
    """Two ``tabular`` environments a quantity: methods and trivial predictors as columns, then the differences.

    Args:
        table: What was found.
        interval: What stands in parentheses after mean ± std: half the width of the interval, as in the paper, or
            both ends, which say more where it is not symmetric.
    """
    quantities = list(dict.fromkeys(row.quantity for row in table.figures))
    return "\n".join(
        part
        for quantity in quantities
        for part in (_latex_figures(table, quantity, interval), _latex_differences(table, quantity))
    )


def _difference_cells(row: DifferenceRow) -> Sequence[Any]:
    found = row.comparison
    equivalence = found.equivalence_bootstrap if row.test == "bootstrap" else found.equivalence
    limits = (None, None) if equivalence is None else (equivalence.low, equivalence.high)
    return (
        row.quantity,
        row.name,
        row.first,
        row.second,
        found.counts[0],
        found.dropped,
        found.subjects[0],
        found.first_mean,
        found.second_mean,
        found.difference,
        found.bootstrap.low,
        found.bootstrap.high,
        row.ratio.value,
        row.ratio.low,
        row.ratio.high,
        row.test,
        row.p,
        row.p_holm,
        row.p_bh,
        found.t_test.p,
        found.rank_test.p,
        found.effect,
        found.rank_effect,
        None if equivalence is None else equivalence.margin,
        row.equivalence_p,
        row.equivalence_p_holm,
        *limits,
        found.bootstrap.note,
    )


def _latex_figures(table: ComparisonTable, quantity: str, interval: str) -> str:
    rows = [row for row in table.figures if row.quantity == quantity]
    names = sorted(dict.fromkeys(row.name for row in rows), key=lambda name: name == "")
    cells = {(row.name, row.method): _paper_cell(row, interval) for row in rows}
    body = [(escape_latex(name or "all"), *(cells[name, method] for method in table.methods)) for name in names]
    return _tabular(quantity, ("", *map(escape_latex, table.methods)), body, rule_before_last=len(body) > 1)


def _latex_differences(table: ComparisonTable, quantity: str) -> str:
    digits = DIGITS.get(quantity, 3)
    body = []
    for row in table.differences:
        if row.quantity == quantity:
            found = row.comparison
            body.append(
                (
                    escape_latex(row.name or "all"),
                    escape_latex(f"{row.first} - {row.second}"),
                    _number(found.difference, digits) + _ends(found.bootstrap.low, found.bootstrap.high, digits),
                    _p(row.p_holm),
                    _number(found.effect, 2),
                    _number(row.ratio.value, 2) + _ends(row.ratio.low, row.ratio.high, 2),
                    _p(row.equivalence_p_holm),
                )
            )
    header = (
        "",
        "methods",
        "difference (95\\,\\% CI)",
        "$p$ (Holm)",
        "$d_z$",
        "ratio (95\\,\\% CI)",
        "$p$ equivalence (Holm)",
    )
    return _tabular(f"{quantity}, differences", header, body)


def _tabular(title: str, header: Sequence[str], body: Sequence[Sequence[str]], rule_before_last: bool = False) -> str:
    key = title.split(",")[0]
    lines = [f"% {title}: {QUANTITIES.get(key, key)}", f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", "\\hline"]
    lines += [" & ".join(header) + r" \\", "\\hline"]
    for index, row in enumerate(body):
        if rule_before_last and index == len(body) - 1:
            lines.append("\\hline")
        lines.append(" & ".join(row) + r" \\")
    return "\n".join([*lines, "\\hline", "\\end{tabular}", ""])


def _paper_cell(row: MethodRow, interval: str) -> str:
    if not row.count:
        return "--"
    digits = DIGITS.get(row.quantity, 3)
    cell = f"${row.mean:.{digits}f} \\pm {row.std:.{digits}f}$"
    if not math.isfinite(row.ci_low):
        return cell
    if interval == "half_width":
        return f"{cell} ({(row.ci_high - row.ci_low) / 2:.{digits}f})"
    return cell + _ends(row.ci_low, row.ci_high, digits)


def _ends(low: float, high: float, digits: int) -> str:
    return f" ({_number(low, digits)} to {_number(high, digits)})" if math.isfinite(low) else ""


def _number(value: float, digits: int) -> str:
    return f"${value:.{digits}f}$" if math.isfinite(value) else "--"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return "--"
    return "$<0.001$" if value < 0.001 else f"${value:.3f}$"


_ESCAPES = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
}


def escape_latex(text: str) -> str:
    """Text with the characters that LaTeX takes for commands written as themselves."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def terminal_comparison(table: ComparisonTable) -> Table:
    """Every figure over all names, a column a method; print it with a rich console."""
    shown = Table(title=f"{table.cases} images of {table.subjects} subjects: mean ± std", title_justify="left")
    shown.add_column("figure")
    for method in table.methods:
        shown.add_column(method, justify="right")
    rows = {(row.quantity, row.name, row.method): row for row in table.figures}
    for quantity, name in dict.fromkeys((row.quantity, row.name) for row in table.figures):
        cells = [rows[quantity, name, method] for method in table.methods]
        texts = [f"{row.mean:.3f} ± {row.std:.3f}" if row.count else "–" for row in cells]
        if not name:
            shown.add_section()
        shown.add_row(f"  {name}" if name else LABELS[quantity], *texts, style=None if name else "bold")
    return shown
