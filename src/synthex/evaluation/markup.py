"""The frame of a report and the pieces that every section is made of."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from synthex.evaluation.wording import number

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a browser may load for the page: nothing that is not in it."""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML page with the report's style; ``title`` is plain text, ``body`` is HTML."""
    style = resource("report.css") + resource("viewer.css")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>\n{style}</style></head>\n<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n"
    )


def resource(name: str) -> str:
    """Text of a file of this package."""
    return files("synthex.evaluation").joinpath(name).read_text(encoding="utf-8")


def figure(title: str, chart: str, caption: str) -> str:
    """A chart with a headline and a plain-text caption."""
    return f'<figure><h3>{escape(title)}</h3>{chart}<p class="soft">{escape(caption)}</p></figure>'


def warning(text: str) -> str:
    """A line that must not be overlooked."""
    return f'<p class="warn">{escape(text)}</p>'


def legend(names: Sequence[str]) -> str:
    """Names of methods beside the colours that :func:`method_class` gives them."""
    items = "".join(f'<li class="{method_class(i)}"><i></i>{escape(name)}</li>' for i, name in enumerate(names))
    return f'<ul class="legend">{items}</ul>'


def method_class(index: int) -> str:
    """CSS classes with the colour of a method; colours repeat after six."""
    return f"method m{index % 6}"


def bar(share: float | None, percent: bool = False) -> str:
    """A share as a number with a bar."""
    if share is None:
        return "–"
    width = 90 * min(max(share, 0.0), 1.0)
    text = number(share, 2 if percent else 3, percent)
    return f'{text}<span class="track"><span class="bar" style="width:{width:.0f}px"></span></span>'


def table(header: Iterable[str], rows: Sequence[Sequence[str]], total: bool = False, css: str = "wrap") -> str:
    """A table of cells that are HTML already; ``header`` is plain text. The last row is the total if asked for."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines = []
    for index, row in enumerate(rows):
        kind = ' class="total"' if total and index == len(rows) - 1 else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>")
    return f'<div class="{css}"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
