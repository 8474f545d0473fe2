"""Whether the places of named bones contradict their names: a swapped pelvis has landmarks, all of them wrong."""

from collections.abc import Mapping

from synthex.anatomy.io.facts import facts_about
from synthex.anatomy.io.parts import measure_parts, named_parts
from synthex.anatomy.io.recognise import contradiction
from synthex.core import UserError, Volume


def require_agreement(labels: Volume, structures: Mapping[str, int]) -> None:
    """Refuse a label map whose names contradict anatomy.

    Args:
        labels: Label map; world is RAS mm.
        structures: Ids by name; all that are given are looked at.

    Raises:
        UserError: Left and right, head and feet, or front and back are not where the names say.
    """
    parts = named_parts(measure_parts(labels), {name: (int(number),) for name, number in structures.items()})
    broken = contradiction(facts_about(parts))
    if broken is not None:
        raise UserError("; ".join(broken))
