"""Cells of CSV files, which spreadsheets run as formulas when they begin with certain signs."""

import re
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_QUOTED = re.compile(r"'+[=+\-@\t\r\n]")


def safe_cell(value: Any) -> Any:
    """A value as a spreadsheet may have it: text that would be a formula gets a leading ``'``; numbers stay numbers.

    Source: OWASP, "CSV Injection". :func:`text_of_cell` takes the sign away again.
    """
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def text_of_cell(text: str) -> str:
    """The text that :func:`safe_cell` made a cell of."""
    return text[1:] if _QUOTED.match(text) else text
