"""Naming what a user may have meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str:
    """``did you mean …?`` with the nearest valid names, or the list of them."""
    known = list(choices)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    # A right name under the wrong parent is as common a slip as a typo.
    near += [name for name in known if name.rsplit(".", 1)[-1] == word.rsplit(".", 1)[-1]][:3]
    if near:
        return f"did you mean {' or '.join(dict.fromkeys(near))}?"
    listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
    return f"valid names: {listed}"
