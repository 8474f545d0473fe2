"""Devices of a chest radiograph as solids, each drawn for one :class:`ChestFrame`.

Where each one runs is how radiology describes its usual place; sizes are those of adult devices, rounded. Bends,
angles and tips are drawn about them, by ranges of our choice. What the detector cannot resolve is smeared over a
tube of 1.6 mm or more at the same mass per length (strands of a cable, a lead's coil, a wire): at the 1.7 mm of a
256-pixel image the ray through a pixel's centre would miss a thinner one, and draw it as dashes.
"""

import numpy as np
from jaxtyping import Float

from synthex.core import Solid
from synthex.core.arrays import Point3, Points3
from synthex.instruments.flexible import rod, smooth_line, striped_tube
from synthex.instruments.sweep import Surface, lathe, merge_surfaces
from synthex.tasks.lesion_segmentation.chest_frame import SIGN, ChestFrame, Side

METAL, POLYMER, OPAQUE = "steel_316l", "soft_tissue", "radiopaque_polymer"
"""Few materials, as each costs an image: polymers and gel attenuate about as soft tissue does."""

_PVC_G_CM3, _CABLE_G_CM3, _LEAD_G_CM3, _WIRE_G_CM3 = 1.3, 0.7, 2.0, 2.6
"""Densities: tubes; 0.3 mm2 of copper in a cable of 2.2 mm; nearly 1 mm2 of metal in a lead of 2.2 mm (coils and
conductors); a steel wire of 0.9 mm as one of 1.6 mm."""

_CATHETER_G_CM3, _STRIPE_G_CM3 = 2.0, 3.0
"""Of :data:`OPAQUE`, for its barium, 0.12 of the mass: a catheter with 40 % barium sulphate that is 40 % lumen (0.39
g/cm3 of barium times 0.6), and a strand of the same filling without lumen, whose density is rounded down."""

_ELECTRODES = ((0.72, 0.05), (-0.72, 0.05), (-0.8, 0.85), (0.8, 0.85), (-0.4, 0.6))
"""Right arm, left arm, left leg, right leg and chest: across (of the half width, positive on the right) and down
(of the lungs' height)."""


def ekg_leads(frame: ChestFrame, rng: np.random.Generator) -> list[Solid]:
    """Three to five electrodes on the skin; their cables meet and leave the chest as one bundle."""
    count = int(rng.integers(3, 6))
    across, down = np.array(_ELECTRODES[:count]).T
    xz = np.stack([frame.middle_x + across * frame.half_width, [frame.height(share) for share in down]], axis=1)
    xz = xz + rng.normal(0.0, 14.0, (count, 2))
    gather = np.array(
        (frame.middle_x + rng.uniform(-0.6, 0.6) * frame.half_width, frame.height(rng.uniform(0.3, 1.05)))
    )
    side = 1.0 if rng.random() < 0.5 else -1.0
    ways = (
        (side * (frame.half_width + 80.0), frame.height(rng.uniform(0.2, 1.0))),
        (side * rng.uniform(0.2, 0.7) * frame.half_width, frame.height(1.0) - 90.0),
        (side * rng.uniform(0.7, 1.0) * frame.half_width, frame.height(0.0) + 100.0),
    )
    way = np.array(ways[int(rng.integers(3))]) + np.array((frame.middle_x, 0.0))
    bundle = _bundle(rng, gather, way)
    pads, cables, snaps = [], [], []
    pad, snap = rng.uniform(14.0, 19.0), rng.uniform(4.0, 5.5)
    for place in xz:
        cables.append(rod(_cable(frame, rng, place, bundle), 2.2, 6))
        normal = frame.skin_normal(*place)
        center = frame.skin(place[None])[0]
        pads.append(_facing(lathe(np.array(((0.0, pad), (1.5, pad))), 20), center, normal, 0.0))
        stud = np.array(((1.5, snap), (2.2, snap), (2.3, 0.5 * snap), (4.5, 0.5 * snap)))
        snaps.append(_facing(lathe(stud, 12), center, normal, 0.0))
    return [
        Solid("ekg_leads/pads", *merge_surfaces(pads), POLYMER),
        Solid("ekg_leads/cables", *merge_surfaces(cables), METAL, _CABLE_G_CM3),
        # Studs are hollow: half of steel.
        Solid("ekg_leads/snaps", *merge_surfaces(snaps), METAL, 4.0),
    ]


def _bundle(rng: np.random.Generator, gather: Float[np.ndarray, "2"], way: Float[np.ndarray, "2"]) -> np.ndarray:
    """From where cables meet to where they leave the picture, x and z, bent twice."""
    along = way - gather
    aside = np.array((-along[1], along[0])) * rng.uniform(-0.25, 0.25, (2, 1))
    return np.stack([gather, gather + 0.35 * along + aside[0], gather + 0.7 * along + aside[1], way])


def _cable(
    frame: ChestFrame, rng: np.random.Generator, start: Float[np.ndarray, "2"], bundle: Float[np.ndarray, "K 2"]
) -> Points3:
    """From an electrode in an arc to the bundle and along with it, over the skin."""
    toward = bundle[0] - start
    aside = np.array((-toward[1], toward[0])) * rng.uniform(-0.45, 0.45, (2, 1))
    arc = np.stack([start, start + 0.3 * toward + aside[0], start + 0.7 * toward + 0.6 * aside[1]])
    line = smooth_line(np.concatenate([arc, bundle + rng.normal(0.0, 4.0, bundle.shape)]))
    share = np.linspace(0, 1, len(line))
    return frame.skin(line, 4.0 + rng.uniform(2.0, 12.0) * np.sin(np.pi * share) ** 2)


def central_line(frame: ChestFrame, rng: np.random.Generator) -> list[Solid]:
    """A catheter of 7 F from the neck, from under a clavicle or from an arm (5 F) into the superior vena cava."""
    side: Side = "right" if rng.random() < 0.7 else "left"
    kind = ("jugular", "subclavian", "arm")[int(rng.choice(3, p=(0.55, 0.25, 0.2)))]
    tip = frame.carina_z - rng.uniform(5.0, 50.0)
    line = [*_to_vein(frame, rng, side, kind), *_vein_to_cava(frame, side, tip)]
    bent = np.array(line) + rng.normal(0.0, 1.5, (len(line), 3))
    return [
        Solid(
            f"central_line/{kind}_{side}",
            *rod(smooth_line(bent), 1.7 if kind == "arm" else 2.3),
            OPAQUE,
            _CATHETER_G_CM3,
        )
    ]


def _to_vein(frame: ChestFrame, rng: np.random.Generator, side: Side, kind: str) -> list[Point3]:
    """From the skin to the beginning of the brachiocephalic vein of one side."""
    sign, x, apex = SIGN[side], frame.middle_x, frame.height(0.0)
    if kind == "jugular":
        out = np.array(((x + sign * rng.uniform(45.0, 75.0), apex + rng.uniform(45.0, 75.0)),))
        neck = np.array((x + sign * rng.uniform(30.0, 38.0), frame.depth(0.5), apex + 42.0))
        return [frame.skin(out, 5.0)[0], neck, np.array((x + sign * 28.0, frame.depth(0.48), apex + 8.0))]
    high = np.array((x + sign * 0.42 * frame.half_width, frame.depth(0.55), apex + rng.uniform(-2.0, 10.0)))
    wide = np.array((x + sign * 0.75 * frame.half_width, frame.depth(0.62), apex - rng.uniform(5.0, 18.0)))
    if kind == "subclavian":
        out = np.array(((x + sign * rng.uniform(0.8, 1.0) * frame.half_width, apex - rng.uniform(35.0, 60.0)),))
        return [frame.skin(out, 4.0)[0], wide, high]
    arm = np.array((x + sign * (frame.half_width + 40.0), frame.depth(0.55), apex - rng.uniform(30.0, 55.0)))
    down = arm + np.array((sign * 25.0, 0.0, -80.0))
    return [down, arm, wide + np.array((sign * 12.0, 0.0, 4.0)), high]


def _vein_to_cava(frame: ChestFrame, side: Side, tip_z: float) -> list[Point3]:
    """Along the brachiocephalic vein, across the midline from the left, and down the superior vena cava."""
    joins = frame.carina_z + 28.0
    low = [frame.cava(z) for z in (frame.carina_z + 4.0, tip_z)]
    if side == "right":
        join = frame.cava(frame.carina_z)
        # The vein leaves the border of the lung as it rises, towards the joint of clavicle and sternum.
        return [np.array((join[0] + 2.0, join[1] - 4.0, 0.5 * (joins + frame.height(0.0)))), *low]
    left = np.array((frame.middle_x - 20.0, frame.depth(0.6), joins + 14.0))
    return [left, np.array((low[0][0] - 10.0, frame.depth(0.6), joins)), *low]


def endotracheal_tube(frame: ChestFrame, rng: np.random.Generator) -> list[Solid]:
    """A tube of 10 to 11 mm with a radiopaque line, its tip 2 to 6 cm above the carina."""
    tip = frame.carina_z + rng.uniform(20.0, 60.0)
    top = max(frame.height(0.0) + 95.0, tip + 40.0)
    points = np.array([frame.trachea(z) for z in np.linspace(top, tip, 6)])
    # It is stiffer than the trachea.
    points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    tube, stripe = striped_tube(smooth_line(points), rng.uniform(10.0, 11.0), 1.5, 1.6)
    return [
        Solid("endotracheal_tube/tube", *tube, POLYMER, _PVC_G_CM3),
        Solid("endotracheal_tube/line", *stripe, OPAQUE, _STRIPE_G_CM3),
    ]


def gastric_tube(frame: ChestFrame, rng: np.random.Generator) -> list[Solid]:
    """A tube of 4.7 to 5.3 mm (14 to 16 F) with a radiopaque line, behind the heart and into the stomach."""
    top = frame.height(0.0) + 95.0
    down = [frame.esophagus(z) for z in np.linspace(top, frame.dome_z - 5.0, 7)]
    hiatus = np.array((frame.middle_x - 16.0, frame.depth(0.45), frame.dome_z - 35.0))
    body = np.array(
        (frame.middle_x - rng.uniform(45.0, 65.0), frame.depth(0.62), frame.dome_z - rng.uniform(60.0, 85.0))
    )
    tip = body + np.array((rng.uniform(-15.0, 45.0), 8.0, -rng.uniform(30.0, 60.0)))
    line = np.array([*down, hiatus, body, tip])
    line[:-1, 0] += rng.normal(0.0, 2.0, len(line) - 1)
    tube, stripe = striped_tube(smooth_line(line), rng.uniform(4.7, 5.3), 1.0, 1.6)
    return [Solid("gastric_tube/tube", *tube, POLYMER, 1.2), Solid("gastric_tube/line", *stripe, OPAQUE, _STRIPE_G_CM3)]


def pacemaker(frame: ChestFrame, rng: np.random.Generator) -> list[Solid]:
    """A generator under the skin below a clavicle, mostly the left one, with a lead to the right ventricle.

    Most have a second lead, to the right atrium.
    """
    side: Side = "left" if rng.random() < 0.8 else "right"
    sign = SIGN[side]
    x = frame.middle_x + sign * rng.uniform(0.6, 0.74) * frame.half_width
    z = frame.height(rng.uniform(0.1, 0.2))
    normal = frame.skin_normal(x, z)
    center = frame.skin(np.array(((x, z),)))[0] - 12.0 * normal
    turn = rng.uniform(-0.6, 0.6)
    size = np.array((rng.uniform(21.0, 25.0), rng.uniform(23.0, 27.0)))
    can, battery = (_facing(part, center, normal, turn) for part in (_slab(size, 3.5, 0), _slab(size - 4, 2.0, 9)))
    leads = [_lead(frame, rng, side, center, normal, size, chamber) for chamber in ("ventricle", "atrium")]
    chosen = leads[: 2 if rng.random() < 0.7 else 1]
    strands = [rod(line, 2.2) for line in chosen]
    tips = [rod(part, 2.8) for line in chosen for part in (line[-2:], line[-5:-3])]
    return [
        Solid("pacemaker/leads", *merge_surfaces(strands), METAL, _LEAD_G_CM3),
        Solid("pacemaker/electrodes", *merge_surfaces(tips), METAL),
        Solid("pacemaker/can", *can, METAL, 2.0),
        Solid("pacemaker/battery", *battery, METAL, 4.5),
    ]


def _lead(
    frame: ChestFrame,
    rng: np.random.Generator,
    side: Side,
    center: Point3,
    normal: Point3,
    size: np.ndarray,
    chamber: str,
) -> Points3:
    """From the top of the generator once around it, through the vein and the cava to its chamber."""
    sign = SIGN[side]
    inward = np.array((-sign, 0.0, 0.0)) - normal * (-sign * normal[0])
    inward /= np.linalg.norm(inward)
    up = np.array((0.0, 0.0, 1.0)) - normal * normal[2]
    up /= np.linalg.norm(up)
    # The slack lies in a loop behind the generator, drawn in its plane.
    loop = size.max() * rng.uniform(0.9, 1.1)
    turns = np.deg2rad((60.0, 0.0, -60.0, -120.0, -180.0, -240.0, -300.0))
    around = [center + loop * (np.cos(a) * inward + np.sin(a) * up) - 5.0 * normal for a in turns]
    around[0] = center + 0.85 * size[1] * up + 0.5 * size[0] * inward
    vein = [
        np.array((frame.middle_x + sign * 0.46 * frame.half_width, frame.depth(0.58), frame.height(0.0) - 4.0)),
        np.array((frame.middle_x + sign * 0.3 * frame.half_width, frame.depth(0.57), frame.height(0.0) - 2.0)),
    ]
    vein[0] = vein[0] + rng.normal(0.0, 3.0, 3)
    cava = _vein_to_cava(frame, side, frame.carina_z - 30.0)
    if chamber == "atrium":
        heart = [frame.heart(0.75, 32.0), frame.heart(0.45, 24.0), frame.heart(0.35, 52.0)]
    else:
        bottom = rng.uniform(2.0, 10.0)
        heart = [frame.heart(0.7, 34.0), frame.heart(0.15, 8.0), frame.heart(-rng.uniform(0.55, 0.75), bottom)]
    line = [*around[: 5 + int(rng.integers(3))], *vein, *cava, *heart]
    return smooth_line(np.array(line) + rng.normal(0.0, 1.0, (len(line), 3)))


def sternal_wires(frame: ChestFrame, rng: np.random.Generator) -> list[Solid]:
    """Five to seven steel wires around the sternum, twisted in front of it, after open heart surgery."""
    count = int(rng.integers(5, 8))
    z = np.linspace(frame.height(0.13), frame.height(0.62), count) + rng.normal(0.0, 3.0, count)
    x = frame.middle_x + rng.normal(0.0, 1.5, count)
    front = frame.skin(np.stack([x, z], axis=1), -18.0)
    loops = [_wire_loop(point, rng) for point in front]
    return [Solid("sternal_wires/wires", *merge_surfaces(loops), METAL, _WIRE_G_CM3)]


def _wire_loop(front: Point3, rng: np.random.Generator) -> Surface:
    """One wire: around the bone, and a twist of its ends that is bent flat."""
    half, deep, tilt = rng.uniform(9.0, 14.0), 7.0, rng.normal(0.0, 0.18)
    angles = np.linspace(np.deg2rad(100), np.deg2rad(440), 24)
    ring = np.stack([half * np.cos(angles), deep * (np.sin(angles) - 1), 3.0 * np.cos(angles - 0.5)], axis=1)
    ring[:, 2] += tilt * ring[:, 0]
    bent = rng.uniform(-np.pi, np.pi)
    twist = np.array((0.0, 1.0, 0.0)) + np.linspace(0, 8.0, 4)[:, None] * (np.cos(bent), 0.1, np.sin(bent))
    return merge_surfaces([rod(front + ring, 1.6, 6), rod(front + twist, 2.2, 6)])


def _slab(half: np.ndarray, half_thick: float, below: float) -> Surface:
    """A rounded flat body about z, its outline between an ellipse and a rectangle (superellipse of exponent 3).

    ``below`` cuts so many mm off its upper end.
    """
    edge = np.linspace(-np.pi / 2, np.pi / 2, 7)
    profile = np.stack([half_thick * np.sin(edge), 1.0 - (1 - np.cos(edge)) * half_thick / half.min()], axis=1)
    vertices, faces = lathe(np.concatenate([((-half_thick, 0.0),), profile, ((half_thick, 0.0),)]), 40)
    radius = np.linalg.norm(vertices[:, :2], axis=1, keepdims=True)
    # From circle to superellipse along each radius; the middles of both faces stay.
    cubed = (np.abs(vertices[:, :2] / np.maximum(radius, 1e-9)) ** 3).sum(axis=1, keepdims=True)
    stretch = np.where(radius > 0, cubed, 1.0) ** (-1 / 3)
    flat = vertices[:, :2] * stretch * (half[0], half[1] - below / 2) - (0.0, below / 2)
    return np.concatenate([flat, vertices[:, 2:]], axis=1), faces


def _facing(surface: Surface, center: Point3, normal: Point3, turn: float) -> Surface:
    """A body about z brought to ``center``, its z axis along ``normal`` and its y axis up, turned in its plane."""
    up = np.array((0.0, 0.0, 1.0)) - normal * normal[2]
    up = up / np.linalg.norm(up)
    across = np.cross(up, normal)
    axes = np.stack([np.cos(turn) * across + np.sin(turn) * up, np.cos(turn) * up - np.sin(turn) * across, normal])
    return center + surface[0] @ axes, surface[1]
