"""One self-contained HTML page about several methods on the same cases."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from synthex.evaluation.charts import methods_curve_chart, methods_dice_chart, methods_distribution_chart
from synthex.evaluation.comparison_table import ComparisonTable, DifferenceRow, MethodRow
from synthex.evaluation.markup import figure, legend, page, table, warning
from synthex.evaluation.quantities import DIGITS, LABELS, LOWER_IS_BETTER
from synthex.evaluation.report import FEW_STRUCTURES, provenance
from synthex.evaluation.scorer import Evaluation
from synthex.evaluation.scores import AREA, MASK_QUANTITIES
from synthex.evaluation.tables import interval_note
from synthex.evaluation.trivial_table import ALPHA, difference_text, ratio_text, trivial_section, winner
from synthex.evaluation.viewer import viewer
from synthex.evaluation.wording import number, p_text

_CORRECTION = "all pairs in one figure, those of methods included"


def render_methods_report(
    evaluations: Mapping[str, Evaluation],
    comparison: ComparisonTable,
    title: str = "",
    details: Mapping[str, Any] | None = None,
) -> str:
    """The page as text. It loads nothing: pictures and the viewer's script are embedded, charts are inline SVG.

    Args:
        evaluations: Method to what was found, on the same cases.
        comparison: Of these methods.
        title: Headline; the task's name if empty.
        details: Extra JSON values shown with the provenance.
    """
    first = next(iter(evaluations.values()))
    headline = title or f"Comparison of methods: {first.protocol.task.replace('_', ' ')}"
    quantities = list(dict.fromkeys(row.quantity for row in comparison.figures))
    own = _apart(first)
    pairs = [row for row in comparison.differences if row.second not in comparison.trivial]
    body = [
        f"<h1>{escape(headline)}</h1>",
        f'<p class="soft">{comparison.cases} images of {comparison.subjects} subjects, the same for all methods · task '
        f"{escape(first.protocol.task)}</p>",
        *map(warning, _notes(evaluations)),
        legend(list(evaluations)),
        "<h2>All figures</h2>",
        '<p class="soft">Mean ± standard deviation, in parentheses half the width of the 95 % bootstrap interval of '
        "the mean, by subject; rest the pointer on a cell to see its ends. The best mean of the methods is bold.</p>",
        _overview(comparison, quantities, own, len(evaluations)),
        _by_name(comparison, [quantity for quantity in quantities if not own.get(quantity)], len(evaluations)),
        "<h2>Are they different?</h2>",
        '<p class="soft">Every pair on the cases that both have a figure for; tests are by subject. '
        "p values are corrected after Holm for all pairs in one figure, those with trivial predictors included. The "
        "ratio is the mean of the first as a share of that of the second. A large p does not show that two "
        "methods are as good as each other; the test of equivalence does, within its margin.</p>",
        _differences(_main_differences(pairs, own)),
        _named_differences([row for row in pairs if row.name and not own.get(row.quantity)]),
        trivial_section(comparison, first.protocol, _CORRECTION),
        "<h2>Curves</h2>",
        legend(list(evaluations)),
        f'<div class="pair">{"".join(_charts(evaluations, own.get("dice", ())))}</div>',
        viewer(evaluations),
        provenance({**(details or {}), **{name: one.provenance for name, one in evaluations.items()}}),
    ]
    return page(headline, body)


def _notes(evaluations: Mapping[str, Evaluation]) -> list[str]:
    first = next(iter(evaluations.values()))
    notes = []
    if first.missing:
        notes.append(f"{len(first.missing)} cases are not predicted by every method and are not scored")
    for name, one in evaluations.items():
        if one.extra:
            notes.append(f"{name} predicts {len(one.extra)} cases that are not in the dataset")
    note = interval_note(first)
    return [*notes, note] if note else notes


def _apart(evaluation: Evaluation) -> dict[str, tuple[str, ...]]:
    """Quantity to the structures that are shown one by one, for few structures: their mean would say little.

    A lesion and a lung field have nothing in common; seven bones are fairly described by their mean.
    """
    names = evaluation.scores.structures
    few = names if 1 < len(names) <= FEW_STRUCTURES else ()
    return dict.fromkeys(("dice", *MASK_QUANTITIES, AREA), few) if few else {}


def _overview(
    comparison: ComparisonTable, quantities: Sequence[str], apart: Mapping[str, tuple[str, ...]], methods: int
) -> str:
    rows = []
    found = {(row.quantity, row.name, row.method): row for row in comparison.figures}
    pooled = [(quantity, "") for quantity in quantities if not apart.get(quantity)]
    named = [(quantity, name) for name in apart.get("dice", ()) for quantity in quantities if apart.get(quantity)]
    for quantity, name in (*pooled, *named):
        own = {method: found[quantity, name, method] for method in comparison.methods}
        rows.append((_label(quantity, name), *_cells(own, comparison.methods, methods)))
    return table(("", *comparison.methods), rows)


def _label(quantity: str, name: str) -> str:
    return escape(f"{LABELS[quantity]}, {name}" if name else LABELS[quantity])


def _by_name(comparison: ComparisonTable, quantities: Sequence[str], methods: int) -> str:
    parts = []
    for quantity in quantities:
        own = {(row.name, row.method): row for row in comparison.figures if row.quantity == quantity}
        names = [name for name in dict.fromkeys(name for name, _ in own) if name]
        if len(names) > 1:  # one name says what the overview says
            rows = []
            for name in (*names, ""):
                found = {method: own[name, method] for method in comparison.methods}
                rows.append((escape(name) or "all", *_cells(found, comparison.methods, methods)))
            parts.append(f"<h3>{escape(LABELS[quantity])}</h3>{table(('', *comparison.methods), rows, total=True)}")
    return f"<details><summary>By landmark and structure</summary>{''.join(parts)}</details>" if parts else ""


def _cells(found: Mapping[str, MethodRow], columns: Sequence[str], methods: int) -> list[str]:
    means = [found[name].mean for name in columns[:methods] if found[name].count]
    quantity = next(iter(found.values())).quantity
    best = (min if quantity in LOWER_IS_BETTER else max)(means) if len(set(means)) > 1 else math.nan
    cells = []
    for index, name in enumerate(columns):
        css = "base" if index >= methods else "better" if found[name].mean == best else ""
        cells.append(_paper_cell(found[name], css))
    return cells


def _paper_cell(row: MethodRow, css: str) -> str:
    if not row.count:
        return "–"
    digits = DIGITS.get(row.quantity, 3)
    text, hint = f"{row.mean:.{digits}f} ± {row.std:.{digits}f}", f"{row.count} values"
    if math.isfinite(row.ci_low) and math.isfinite(row.ci_high):
        text += f" ({(row.ci_high - row.ci_low) / 2:.{digits}f})"
        hint = f"95 % interval {row.ci_low:.{digits}f} to {row.ci_high:.{digits}f}; {hint}"
    return f'<span class="{css}" title="{escape(hint)}">{text}</span>'


def _main_differences(pairs: Sequence[DifferenceRow], apart: Mapping[str, tuple[str, ...]]) -> list[DifferenceRow]:
    """Pooled rows first, then those of structures that are shown one by one, structure by structure."""
    names = ["", *apart.get("dice", ())]
    rows = [row for row in pairs if bool(row.name) == bool(apart.get(row.quantity))]
    return sorted(rows, key=lambda row: names.index(row.name))


def _named_differences(rows: Sequence[DifferenceRow]) -> str:
    if not rows:
        return ""
    return f"<details><summary>By landmark and structure</summary>{_differences(rows)}</details>"


def _differences(rows: Sequence[DifferenceRow]) -> str:
    tested = any(math.isfinite(row.equivalence_p) for row in rows)
    header = ("", "methods", "difference (95 % CI)", "p (Holm)", "effect d_z", "ratio (95 % CI)", "finding")
    body = []
    for row in rows:
        found = row.comparison
        cells = [
            _label(row.quantity, row.name),
            escape(f"{row.first} − {row.second}"),
            f'<span title="{found.counts[0]} pairs of {found.subjects[0]} subjects">{difference_text(row)}</span>',
            escape(p_text(row.p_holm)),
            number(found.effect),
            ratio_text(row),
            escape(_finding(row)),
        ]
        body.append([*cells[:4], *([escape(p_text(row.equivalence_p_holm))] if tested else []), *cells[4:]])
    return table((*header[:4], *(["p equivalent"] if tested else []), *header[4:]), body)


def _finding(row: DifferenceRow) -> str:
    if not math.isfinite(row.p_holm):
        return "not tested"
    words = [f"{winner(row)} better"] if winner(row) else []
    if row.equivalence_p_holm < ALPHA:
        words.append("equivalent")
    return ", ".join(words) or "nothing shown"


def _charts(evaluations: Mapping[str, Evaluation], structures: Sequence[str]) -> list[str]:
    scores = next(iter(evaluations.values())).scores
    dashed = " Dashed: baselines." if any(one.baseline is not None for one in evaluations.values()) else ""
    charts = []
    if scores.landmarks:
        charts += [
            figure("Error against the share of landmarks accepted", methods_curve_chart(evaluations),
                   "Each dot is a confidence cut. Low and right is good."),
            figure("How many landmarks are within a given error", methods_distribution_chart(evaluations),
                   "All visible landmarks count; missed ones never get there." + dashed),
        ]  # fmt: skip
    caption = "High and right is good." + dashed
    for name in structures or (("",) if scores.structures else ()):
        headline = "How many masks reach a given Dice" + (f": {name}" if name else "")
        charts.append(figure(headline, methods_dice_chart(evaluations, name), caption))
    return charts
