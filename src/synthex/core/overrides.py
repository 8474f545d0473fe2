"""Overrides of settings as text."""

import re
from pathlib import Path


def quoted(value: Path | str) -> str:
    """Text as the value of an override, whatever characters are in it.

    Backslashes are doubled only before a quote, as Hydra's grammar has it.
    """
    text = re.sub(r"(\\*)'", r"\1\1\'", str(value))
    return f"'{text}{text[len(text.rstrip(chr(92))) :]}'"
