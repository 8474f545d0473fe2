"""The hip landmarks' names, and checking a user's file against them: a misspelt one would count as not annotated."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from synthex.anatomy.io.names import nearest
from synthex.core import InputError

KINDS = ("FH", "GSN", "IOF", "MOF", "SPS", "IPS", "ASIS")
"""Femoral head, greater sciatic notch, inferior and medial obturator foramen, superior and inferior
pubic symphysis, anterior superior iliac spine."""

HIP_LANDMARKS = tuple(f"{kind}-{side}" for kind in KINDS for side in ("l", "r"))
"""The 14 names, in the order of the DeepFluoro data."""

_SIDES = {"left": "l", "right": "r"}


def check_landmark_names(path: Path, names: Iterable[str], hip_only: bool = True) -> None:
    """Refuse spellings of a hip landmark other than its own, and files without any hip landmark.

    Names that resemble none (``PSIS-l``) are the user's own and stay.

    Args:
        path: The file, for the message.
        names: What it names, placed or absent.
        hip_only: Whether a file must name at least one hip landmark.

    Raises:
        InputError: ``FH_l``, ``FHl``, ``asis-left``, ``ASSIS-l``, … or no hip landmark at all.
    """
    found = sorted(names)
    for name in found:
        meant = _meant(name, HIP_LANDMARKS)
        if meant is not None and meant != name:
            raise InputError(path, f"unknown landmark {name!r} (did you mean {meant}?)", "rename it")
    if hip_only and found and not set(found).intersection(HIP_LANDMARKS):
        hint = nearest(found[0], HIP_LANDMARKS) or f" (known: {', '.join(HIP_LANDMARKS)})"
        raise InputError(path, f"unknown landmark {found[0]!r}{hint}", "rename it")


def _meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that this is a spelling of: other case, separators, order or word for the side, or a slip."""
    known = tuple(known)
    if name in known:
        return name
    spellings = {_letters(one): one for one in known}
    words = [_SIDES.get(word, word) for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    for order in (words, words[::-1]):
        text = "".join(order)
        for long, short in _SIDES.items():
            text = text.removesuffix(long) + short if text.endswith(long) else text
        if text in spellings:
            return spellings[text]
    # 0.9 takes one letter too many, and not other landmarks of the pelvis: PSIS-l and AIIS-l are 0.83 from ASIS-l.
    close = difflib.get_close_matches(name.lower(), [one.lower() for one in known], n=1, cutoff=0.9)
    return spellings[_letters(close[0])] if close else None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
