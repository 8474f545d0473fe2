"""The paper's tables from whatever is finished: CSV with everything, markdown and LaTeX to look at."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from synthex.core import safe_cell
from synthex.evaluation.compare_tables import escape_latex
from synthex.evaluation.methods import LABELS
from synthex.evaluation.wording import number
from synthex.studies.collect import ERRORS, Found
from synthex.studies.schema import Size, Study

NAMES = LABELS | {"false_detection_rate": "Share of absent landmarks called present"}
"""Every quantity with its name for people."""

MISSING = "–"
PUBLISHED = "published"

_HEADER = (
    *("test", "figure", "state", "done", "wanted", "count", "mean", "std", "ci95_low", "ci95_high"),
    *("seeds", "seed_mean", "seed_std", "published_mean", "published_std", "published_ci95_half_width"),
)


def study_csv(study: Study, found: Sequence[Found]) -> str:
    """One row a combination, test and figure; what others published is in columns of its own."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow((*map(safe_cell, study.axes), *_HEADER))
    for one in found:
        seeds = one.seed_means
        writer.writerow(
            _plain(value)
            for value in (
                *(one.values[axis] for axis in study.axes),
                *(one.test, one.figure, one.state, one.done, one.wanted, one.count, one.mean, one.std),
                *(one.ci_low, one.ci_high, len(seeds), math.fsum(seeds) / len(seeds) if seeds else None, one.seed_std),
                *(one.published or (None, None, None)),
            )
        )
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else safe_cell(value)


def study_markdown(study: Study, size_name: str, size: Size, found: Sequence[Found]) -> str:
    """Tables of every test set and figure, then ours beside published numbers of single names."""
    lines = [f"# {study.title}", "", _legend(study, size_name, size, found)]
    for title, header, rows in _grids(study, found):
        lines += ["", f"## {title}", "", _line(header), _line(["---", *["---:"] * (len(header) - 1)])]
        lines += [_line(row) for row in rows]
    return "\n".join([*lines, ""])


def study_latex(study: Study, size_name: str, size: Size, found: Sequence[Found]) -> str:
    """The same tables as ``tabular`` environments."""
    lines = [f"% {line}" for line in (study.title, *_legend(study, size_name, size, found).splitlines()) if line]
    for title, header, rows in _grids(study, found):
        lines += ["", f"% {title}", f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", "\\hline"]
        lines += [_tex(header), "\\hline", *map(_tex, rows), "\\hline", "\\end{tabular}"]
    return "\n".join([*lines, ""])


def _legend(study: Study, size_name: str, size: Size, found: Sequence[Found]) -> str:
    done = {tuple(one.values.items()): one.done for one in found}
    wanted = {tuple(one.values.items()): one.wanted for one in found if one.state in ("done", "partial", "missing")}
    text = (
        f"Size {size_name}: {sum(done.values())} of {sum(wanted.values())} jobs are finished "
        f"({len(size.folds)} folds, {len(size.seeds)} seeds). Cells: mean ± standard deviation over all cases of all "
        f"folds and seeds, and half the width of the 95 % interval by subject where there is one. "
        f"A star marks cells of which jobs are missing, {MISSING} cells without any."
    )
    if size.note:
        text += f"\n\n{size.note}"
    for one in study.unequal:
        text += f"\n\nNot equal ({', '.join(one.terms)}) in {one.axis} {', '.join(one.values)}: {one.why}."
    if study.source:
        text += f"\n\nRows called {PUBLISHED} are not ours: {study.source}"
    reasons = dict.fromkeys(one.state for one in found if one.state not in ("done", "partial", "missing"))
    return "\n\n".join([text, *(f"Pending: {reason}" for reason in reasons)])


def _grids(study: Study, found: Sequence[Found]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, header and rows of every table."""
    grids = []
    layout = study.layout
    for test in dict.fromkeys(one.test for one in found):
        mine = [one for one in found if one.test == test]
        known = {one.figure for one in mine if one.count or one.published}
        for figure in layout.figures:
            if figure not in known and any(one.count for one in mine):  # it is of the task of another size
                continue
            here = [one for one in mine if one.figure == figure]
            columns = list(dict.fromkeys(_key(one, layout.columns) for one in here))
            header = [" / ".join(layout.rows) or "", *(" / ".join(column) or "all" for column in columns)]
            rows = []
            for row in dict.fromkeys(_key(one, layout.rows) for one in here):
                cells = {_key(one, layout.columns): one for one in here if _key(one, layout.rows) == row}
                label = " / ".join(row) or "all"
                rows.append([label, *(_cell(cells[column]) if column in cells else "" for column in columns)])
                if any(one.published for one in cells.values()):
                    rows.append([f"{label} ({PUBLISHED})", *(_published(cells.get(column)) for column in columns)])
            grids.append((f"{test}: {label_of(figure)}", header, rows))
        for values in dict.fromkeys(tuple(one.values.items()) for one in mine if one.published):
            compared = [one for one in mine if one.published and tuple(one.values.items()) == values]
            title = f"{test}: {', '.join(value for _, value in values)}, ours and {PUBLISHED}"
            rows = [[label_of(one.figure), _cell(one), _published(one)] for one in compared]
            grids.append((title, ["", "ours", PUBLISHED], rows))
    return grids


def _key(one: Found, axes: Sequence[str]) -> tuple[str, ...]:
    return tuple(one.values[axis] for axis in axes)


def label_of(figure: str) -> str:
    """A figure for people: its quantity, then the landmark or structure."""
    quantity, _, name = figure.partition("/")
    text = NAMES.get(quantity, quantity)
    return f"{text}: {name}" if name else text


def _digits(one: Found) -> int:
    return 2 if one.figure.partition("/")[0] in ERRORS else 3


def _cell(one: Found) -> str:
    if not one.count:
        pending = one.state not in ("done", "partial", "missing")
        return "pending" if pending else MISSING
    half = (one.ci_high - one.ci_low) / 2
    return _numbers(one.mean, one.std, half, _digits(one)) + ("*" if one.state == "partial" else "")


def _published(one: Found | None) -> str:
    return "" if one is None or one.published is None else _numbers(*one.published, _digits(one))


def _numbers(mean: float, std: float | None, half: float | None, digits: int) -> str:
    text = number(mean, digits)
    if std is not None:
        text += f" ± {number(std, digits)}"
    return text if half is None or not math.isfinite(half) else f"{text} ({number(half, digits)})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _tex(cells: Sequence[str]) -> str:
    return " & ".join(escape_latex(cell).replace("±", r"$\pm$").replace("–", "--") for cell in cells) + r" \\"
