"""An instrument in a tunnel of the femoral neck, as core decompression drills it.

The way in is straight: from the lateral cortex below the greater trochanter, up the neck; the inserted part bends
inside. Bone stays around it everywhere but at the entry.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from synthex.core import ConfigError, Rigid, Solid
from synthex.core.arrays import Point3, Points3
from synthex.instruments import Instrument, InstrumentBody
from synthex.instruments.sweep import swept_tube
from synthex.tasks.tool_detection.host import Femur
from synthex.tasks.tool_detection.placement import Placement, draw_weighted
from synthex.tasks.tool_detection.poses import Poses, placed, pose, resampled, tilted, turned

NAME = "tunnel"

BENDS, POSES = 12, 32
"""Configurations of the joints that are tried, and poses for each: our choice. Poses cost 20 microseconds each,
configurations what the instrument's bodies do."""

_ENTRY_MM = 25.0
"""Tunnels enter within this distance of where the neck's axis leaves the bone: our choice, about the breadth of the
lateral cortex between the greater trochanter's ridge and the shaft."""

_BACK_MM = 180.0
"""The straight way in is looked at as far as this behind the base: longer than any neck and head."""

_COARSE_MM = 3.0
"""Steps of the straight way: the bone's surface is found between them."""

_OVERSHOOT_MM = 1.0
"""How far the tunnel sticks out of the labelled bone, so that no cortex closes it."""


@dataclass(frozen=True, eq=False)
class Insertion:
    """An instrument in the bone.

    Attributes:
        body: As its joints are, in its own frame.
        world_from_instrument: Where it lies.
        tunnel: The drilled hole.
        record: JSON values of the tunnel.
    """

    body: InstrumentBody
    world_from_instrument: Rigid
    tunnel: Solid
    record: dict[str, object]


def insert(instrument: Instrument, femur: Femur, placement: Placement, rng: np.random.Generator) -> Insertion:
    """Draw joints and pose until the instrument fits into the bone.

    Raises:
        ConfigError: It never does; says which ranges keep it out.
    """
    clearance = placement.within("clearance_mm", rng)
    material = draw_weighted(placement.tunnel_materials, rng)
    for _ in range(BENDS):
        body = instrument.body(instrument.draw(rng))
        radius = body.radius_mm + clearance
        poses, ways, fits, exits = _tries(body, femur, placement, rng, clearance)
        if fits.any():
            chosen = int(np.argmax(fits))
            path = _drilled(ways[chosen], int(exits[chosen]), femur)
            surface = swept_tube(path, radius)
            record = {"material": material, "radius_mm": radius, "entry_world": path[0].tolist()}
            return Insertion(body, pose(poses, chosen), Solid(NAME, *surface, material), record)
    rest = instrument.body({})
    straight_fits = bool(_tries(rest, femur, placement, rng, clearance)[2].any())
    raise ConfigError(_blame(instrument, femur, placement, straight_fits, rest.radius_mm + clearance))


def _tries(
    body: InstrumentBody, femur: Femur, placement: Placement, rng: np.random.Generator, clearance_mm: float
) -> tuple[Poses, Float[np.ndarray, "K P 3"], Bool[np.ndarray, " K"], Int[np.ndarray, " K"]]:
    """Poses, the ways in that they mean, which of them fit, and the first point of each outside of the bone."""
    poses = _poses(body, femur, placement, rng)
    ways = placed(way_in(body, clearance_mm), poses)
    return poses, ways, *_fitting(ways, femur, body.radius_mm + clearance_mm, float(placement.margin_mm))


def way_in(body: InstrumentBody, clearance_mm: float) -> Float[np.ndarray, "P 3"]:
    """The tunnel's centre line in the instrument's frame, from beyond its end to far behind its base."""
    forward = body.centerline[-1] - body.centerline[-2]
    forward = forward / np.linalg.norm(forward)
    end = body.centerline[-1] + (_reach(body, forward) + clearance_mm) * forward
    base = body.centerline[0]
    inserted = resampled(np.concatenate((body.centerline, end[None])))
    straight = resampled(np.stack((base, base - (0.0, 0.0, _BACK_MM))), _COARSE_MM)
    return np.concatenate((inserted[::-1], straight[1:]))


def _reach(body: InstrumentBody, forward: Point3) -> float:
    """How far parts stick out beyond the tip of the centre line (a drill's head)."""
    beyond = 0.0
    for solid in body.solids:
        from_tip = solid.vertices_world - body.centerline[-1]
        along = from_tip @ forward
        across = np.linalg.norm(from_tip - along[:, None] * forward, axis=1)
        # A shaft that a strong bend turns back to can lie ahead of the tip too, but farther away than its radius.
        ahead = along[(across <= 1.1 * body.radius_mm) & (along < 10 * body.radius_mm)]
        beyond = max(beyond, float(ahead.max(initial=0.0)))
    return beyond


def _poses(body: InstrumentBody, femur: Femur, placement: Placement, rng: np.random.Generator) -> Poses:
    """Straight ways near the neck's axis, and the tip of the instrument at its depth."""
    turn = 2 * np.pi * rng.random((2, POSES))
    inwards = -tilted(femur.axis, placement.within("axis_tilt_deg", rng, POSES), turn[0])
    rotations = turned(inwards, placement.within("roll_deg", rng, POSES))
    offset = placement.within("axis_offset_mm", rng, POSES)
    across = offset[:, None] * tilted(femur.axis, np.full(POSES, 90.0), turn[1])
    # Along each way: where it passes the head's centre, plus the depth, less what the tip reaches beyond the base.
    start = femur.neck_center + across
    depth = placement.within("depth_mm", rng, POSES) - float(body.centerline[-1, 2])
    along = np.einsum("ki,ki->k", femur.head_center - start, inwards) + depth
    return rotations, start + along[:, None] * inwards


def _fitting(
    ways: Float[np.ndarray, "K P 3"], femur: Femur, radius_mm: float, margin_mm: float
) -> tuple[Bool[np.ndarray, " K"], Int[np.ndarray, " K"]]:
    """Which ways lie in the bone up to an entry through the lateral cortex, and the first point outside of each."""
    count, points = ways.shape[:2]
    depth = femur.depth_mm(ways.reshape(-1, 3)).reshape(count, points)
    out = depth <= 0
    exits = np.argmax(out, axis=1)
    entries = ways[np.arange(count), exits]
    fits = out.any(axis=1) & (np.linalg.norm(entries - femur.exit, axis=1) < _ENTRY_MM)
    # Near the entry the tunnel breaks through the cortex; it meets it at 50 degrees or so, hence twice the radius.
    from_entry = np.linalg.norm(ways - entries[:, None], axis=2)
    enclosed = (np.arange(points) < exits[:, None]) & (from_entry > 2 * (radius_mm + margin_mm))
    fits &= (~enclosed | (depth >= radius_mm + margin_mm)).all(axis=1) & enclosed[:, 0]
    return fits, exits


def _drilled(way: Points3, exit_: int, femur: Femur) -> Float[np.ndarray, "P 3"]:
    """The way from a little outside of the bone to its end, without the points that it runs straight through."""
    inner, outer = femur.depth_mm(way[exit_ - 1 : exit_ + 1])
    outwards = way[exit_] - way[exit_ - 1]
    entry = way[exit_ - 1] + inner / (inner - outer) * outwards
    start = entry + _OVERSHOOT_MM / np.linalg.norm(outwards) * outwards
    path = np.concatenate((start[None], way[:exit_][::-1]))
    steps = np.diff(path, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    turns = (steps[1:] * steps[:-1]).sum(axis=1) < 1 - 1e-9
    return path[np.concatenate(([True], turns, [True]))]


def _blame(instrument: Instrument, femur: Femur, placement: Placement, straight_fits: bool, radius_mm: float) -> str:
    """Which range keeps the instrument out of the bone."""
    tries = f"{instrument.name} fits the {femur.side} femoral neck in none of {BENDS * POSES} poses"
    if straight_fits:
        return f"{tries}, though it does when straight: narrow the bend of task.instrument (its joint limits)"
    if radius_mm + placement.margin_mm > femur.neck_radius_mm:
        return (
            f"{tries}: a tunnel of radius {radius_mm:.1f} mm with task.placement.margin_mm={placement.margin_mm} is "
            f"wider than the neck's {femur.neck_radius_mm:.1f} mm; lower task.placement.clearance_mm or margin_mm, "
            "take a thinner task.instrument, or give task.placement.where no tunnel"
        )
    return (
        f"{tries}, not even when straight: task.placement.depth_mm={list(placement.depth_mm)} lies beyond a head of "
        f"radius {femur.head_radius_mm:.1f} mm, or axis_tilt_deg={list(placement.axis_tilt_deg)} and "
        f"axis_offset_mm={list(placement.axis_offset_mm)} miss the neck; narrow them"
    )
