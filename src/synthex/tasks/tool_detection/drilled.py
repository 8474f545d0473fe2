"""An instrument drilled straight into the proximal femur, as wires are: no wider hole, from any side, to any depth."""

import numpy as np

from synthex.core import Anatomy, ConfigError, Rigid
from synthex.instruments import InstrumentBody
from synthex.tasks.tool_detection.host import Femur
from synthex.tasks.tool_detection.placement import Placement
from synthex.tasks.tool_detection.poses import tilted, turned

WAYS = 16
"""Ways in that are tried: our choice. Most meet the bone."""

_REACH_MM, _STEP_MM = 120.0, 0.5
_BEYOND = 0.15
"""How far beyond head centre and lateral exit ways may aim, of the distance between them."""


def drill(
    body: InstrumentBody, anatomy: Anatomy, femur: Femur, placement: Placement, rng: np.random.Generator
) -> Rigid:
    """Draw a pose whose base lies at the bone's surface, or before it where a sleeve may stand off.

    Args:
        body: The instrument, in its own frame.
        anatomy: The subject.
        femur: The bone.
        placement: Ranges.
        rng: Where all randomness comes from.

    Raises:
        ConfigError: No way meets the bone.
    """
    share = rng.uniform(-_BEYOND, 1 + _BEYOND, (WAYS, 1))
    aims = femur.head_center + share * (femur.exit - femur.head_center)
    aims += placement.within("drill_beside_mm", rng, (WAYS, 3))
    lateral = -tilted(femur.axis, placement.within("drill_tilt_deg", rng, WAYS), 2 * np.pi * rng.random(WAYS))
    any_way = rng.normal(size=(WAYS, 3))
    any_way /= np.linalg.norm(any_way, axis=1, keepdims=True)
    inwards = np.where(rng.random((WAYS, 1)) < placement.drill_any, any_way, lateral)
    rotations = turned(inwards, placement.within("roll_deg", rng, WAYS))
    gap = placement.within("drill_gap_mm", rng) if body.attachments else 0.0
    along = np.arange(-_REACH_MM, _REACH_MM, _STEP_MM)
    lines = aims[:, None] + along[:, None] * inwards[:, None]
    inside = femur.depth_mm(lines.reshape(-1, 3)).reshape(WAYS, -1) > 0
    meets = np.flatnonzero(inside.any(axis=1))
    if not len(meets):
        raise ConfigError(
            f"{body.name} meets the {femur.side} femur of {anatomy.subject_id} on none of {WAYS} ways; narrow "
            f"task.placement.drill_beside_mm={list(placement.drill_beside_mm)}"
        )
    chosen = int(meets[0])
    entry = lines[chosen, int(np.argmax(inside[chosen]))]
    return Rigid.from_parts(rotations[chosen], entry - gap * inwards[chosen])
