"""The 14 hip landmarks as extrema of the implicit surfaces, to 0.1 mm, whatever the output grid.

They are read in the pelvis' own frame, so that a landmark stays on the same piece of bone however the
patient lies: x along the line of the hip centres' mirror plane normal, and the anterior pelvic plane (both
iliac spines and the foremost pubis, Lewinnek et al., JBJS 1978) leaning 7 degrees forward, as in supine CT.
"""

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from synthex.anatomy.hip_landmarks.iliac_spine import LOWEST_ABOVE_JOINT, TIP_DIRECTION, TIP_REACH_MM
from synthex.anatomy.hip_landmarks.notch import DIRECTION as NOTCH_DIRECTION
from synthex.anatomy.hip_landmarks.notch import START_ABOVE_JOINT_MM, START_MM, first_corner
from synthex.anatomy.implicit.solids import Solid
from synthex.anatomy.phantom.assembly import Skeleton
from synthex.core import Affine
from synthex.core.arrays import Point3, Points3

SUPINE_LEAN_DEG = 7.0
LANDMARKS = tuple(f"{name}-{side}" for name in ("FH", "GSN", "IOF", "MOF", "SPS", "IPS", "ASIS") for side in "lr")
#: Twice as much medial as inferior: the symphyseal face's lower corner. Half and half it would nearly tie along
#: the inferior ramus, which runs at 45 degrees.
IPS_DIRECTION = np.array((-2.0, 0.0, -1.0)) / np.sqrt(5.0)
# Thickness of the slab behind the symphyseal face in which its corners are sought, mm.
_SYMPHYSIS_SLAB_MM = 6.0


def find_landmarks(skeleton: Skeleton) -> dict[str, Point3]:
    """World positions of the 14 landmarks, mm.

    The definitions of :func:`synthex.anatomy.hip_landmarks.find_hip_landmarks`. FH: centre of the head's ball. ASIS:
    lower lateral tip of the upper ilium's front corner. SPS, IPS: support points of the pubic body at the symphysis,
    half medial and half superior, and two thirds medial, one inferior. GSN: corner of the notch's arc in the frontal
    view. IOF, MOF: lowest and most medial point of the foramen's rim, the outline of the hole along the axis of the
    ring of bone around it.
    """
    found: dict[str, Point3] = {}
    for side, hip in skeleton.hips.items():
        half = float(abs(skeleton.world_from_pelvis.inverse().apply(skeleton.head_centres[side][None])[0, 0]))
        hip_from_world = hip.local_from_world
        straight = hip.placed(Affine.identity())
        frame_from_hip = supine_frame(straight, half)
        points = hip_points(hip, frame_from_hip, half)
        world_from_frame = (frame_from_hip @ hip_from_world).inverse()
        for name, point in points.items():
            found[f"{name}-{side[0]}"] = world_from_frame.apply(point[None])[0]
        found[f"FH-{side[0]}"] = skeleton.head_centres[side]
    return {name: found[name] for name in LANDMARKS}


def hip_points(hip: Solid, frame_from_hip: Affine, half: float) -> dict[str, Point3]:
    """FH (the socket's centre) and the six points of a hip bone built as a right one, in the supine frame, mm.

    Args:
        hip: The bone, wherever it is placed.
        frame_from_hip: As from :func:`supine_frame`.
        half: Half the distance of the hip centres, mm.
    """
    bone = hip.placed(frame_from_hip.inverse())
    joint = frame_from_hip.apply(np.array(((half, 0.0, 0.0),)))[0]
    points = {"FH": joint, "GSN": _notch(bone, joint), "ASIS": _spine(bone, joint)}
    return points | _symphysis(bone, joint) | _foramen(bone, joint)


def supine_frame(bone: Solid, half: float) -> Affine:
    """Frame from the (right-handed) hip frame: a turn about x until the anterior pelvic plane leans 7 degrees."""
    turn = Affine.identity()
    for _ in range(2):
        turned = bone.placed(turn.inverse())
        upper = _foremost(turned, turn.apply(np.array(((half, 0.0, 0.0),)))[0])
        lower = support(turned, np.array((0.0, 1.0, 0.0)), (0, 5, -60), (0.55 * half, 80, 10))
        lean = np.degrees(np.arctan2(upper[1] - lower[1], upper[2] - lower[2]))
        # Turning by a positive angle about x takes z towards -y: it reduces a forward lean.
        step = Rotation.from_euler("x", lean - SUPINE_LEAN_DEG, degrees=True).as_matrix()
        turn = Affine.from_parts(step, (0.0, 0.0, 0.0)) @ turn
    return turn


def support(bone: Solid, direction: Point3, low: tuple[float, ...], high: tuple[float, ...]) -> Point3:
    """The point of the solid farthest along ``direction`` in a box of the world, mm."""
    low_, high_ = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    box_low, box_high = low_, high_
    best = 0.5 * (low_ + high_)
    for step in (3.0, 0.75, 0.1):
        values, axes = _sample(bone, box_low, box_high, step)
        height = sum(direction[n] * axes[n].reshape([-1 if m == n else 1 for m in range(3)]) for n in range(3))
        index = np.unravel_index(int(np.argmax(np.where(values <= 0.0, height, -np.inf))), values.shape)
        best = np.array([axis[i] for axis, i in zip(axes, index, strict=True)])
        box_low, box_high = np.maximum(best - 2.0 * step, low_), np.minimum(best + 2.0 * step, high_)
    return best


def _sample(
    bone: Solid, low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"], step: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    shape = tuple(int(n) for n in np.maximum(np.ceil((high - low) / step), 1) + 1)
    values = bone.grid(low, step, (shape[0], shape[1], shape[2]))
    return values, [low[n] + step * np.arange(shape[n]) for n in range(3)]


def _spine(bone: Solid, joint: Point3) -> Point3:
    """The tip near the most anterior point of the upper ilium."""
    foremost = _foremost(bone, joint)
    tip = np.array(TIP_DIRECTION) / np.linalg.norm(TIP_DIRECTION)
    reach = np.full(3, TIP_REACH_MM / np.sqrt(3.0))
    low = foremost - reach
    return support(bone, tip, (low[0], low[1], max(low[2], joint[2] + LOWEST_ABOVE_JOINT)), tuple(foremost + reach))


def _foremost(bone: Solid, joint: Point3) -> Point3:
    """The most anterior point of the upper ilium, where the anterior pelvic plane touches it."""
    x, _, z = joint
    return support(bone, np.array((0.0, 1.0, 0.0)), (x + 10, 20, z + 48), (x + 70, 100, z + 125))


def _symphysis(bone: Solid, joint: Point3) -> dict[str, Point3]:
    low, high = (-2.0, joint[1] - 15, joint[2] - 75), (0.5 * joint[0], joint[1] + 75, joint[2] + 12)
    medial = float(support(bone, np.array((-1.0, 0.0, 0.0)), low, high)[0])
    high = (medial + _SYMPHYSIS_SLAB_MM, *high[1:])
    diagonal = np.sqrt(0.5)
    return {
        "SPS": support(bone, np.array((-diagonal, 0.0, diagonal)), low, high),
        "IPS": support(bone, IPS_DIRECTION, low, high),
    }


def _notch(bone: Solid, joint: Point3) -> Point3:
    """Corner of the arc in the frontal view, at the depth of the apex; see hip_landmarks.notch for the reasons."""
    outward = np.array(NOTCH_DIRECTION) / np.linalg.norm(NOTCH_DIRECTION)
    across = np.array((-outward[1], outward[0]))
    first, last = (float(across @ (START_MM, joint[2] + height)) for height in START_ABOVE_JOINT_MM)
    low = np.array((5.0, joint[1] - 115, joint[2]))
    high = np.array((joint[0] + 15, joint[1] + 40, joint[2] + 90))
    x, z = 0.0, 0.0
    for step in (1.5, 0.25):
        values, (xs, _, zs) = _sample(bone, low, high, step)
        x_grid, z_grid = np.meshgrid(xs, zs, indexing="ij")
        ray, reach = across[0] * x_grid + across[1] * z_grid, outward[0] * x_grid + outward[1] * z_grid
        use = (values.min(axis=1) <= 0.0) & (ray > first) & (ray < last)
        bins = np.floor((ray - first) / step).astype(int)
        border = np.array([reach[use & (bins == n)].min(initial=np.inf) for n in range(bins[use].max(initial=0) + 1)])
        if not np.isfinite(border).any():
            raise ValueError("the hip bone has no greater sciatic notch: its parameters are out of range")
        border[~np.isfinite(border)] = border[np.isfinite(border)].min()
        # The fine pass only places the border of the ray that the coarse one chose.
        corner = first_corner(ndimage.gaussian_filter1d(border, 1.0 / step)) if step > 1.0 else len(border) // 2
        chosen = np.argwhere(use & (bins == (int(np.argmax(border)) if corner is None else corner)))
        a, b = chosen[int(np.argmin(reach[chosen[:, 0], chosen[:, 1]]))]
        x, z = float(xs[a]), float(zs[b])
        at = float(across @ (x, z))
        first, last = at - 0.75, at + 0.75
        low, high = np.array((x - 4.0, low[1], z - 4.0)), np.array((x + 4.0, high[1], z + 4.0))
    return np.array((x, _apex(bone, joint)[1], z))


def _apex(bone: Solid, joint: Point3) -> Point3:
    """In the side view, the point of the notch farthest from the chord between its ends."""
    low = np.array((joint[0] - 60, joint[1] - 110, joint[2] - 25))
    high = np.array((joint[0] + 30, joint[1] + 5, joint[2] + 100))
    values, (xs, ys, zs) = _sample(bone, low, high, 2.5)
    flat = values.min(axis=0)
    j, k = np.nonzero(flat <= 0.0)
    outline = np.stack((ys[j], zs[k]), axis=1)
    # Apex: highest rear border between the ischial spine and the posterior spines.
    rear = np.array([ys[flat[:, n] <= 0.0].min(initial=np.inf) for n in range(len(zs))])
    rear[~np.isfinite(rear)] = -np.inf
    bay = (zs > joint[2] + 12) & (zs < joint[2] + 75)
    apex = int(np.argmax(np.where(bay, rear, -np.inf)))
    tip = apex
    for n in range(apex, -1, -1):
        if rear[n] < rear[tip]:
            tip = n
        elif rear[n] > rear[tip] + 2.0:
            break
    above = outline[outline[:, 1] >= zs[tip]]
    first, second = _closing_edge(above[ConvexHull(above).vertices], np.array((rear[apex], zs[apex])))
    along = (second - first) / np.linalg.norm(second - first)
    inward = np.array((-along[1], along[0]))
    # Depth of the border below the chord, refined on a finer grid around the deepest point.
    length = float(np.linalg.norm(second - first))
    box_low, box_high = low, high
    point, start, stop = np.zeros(3), 0.1 * length, 0.9 * length
    for step in (1.5, 0.3):
        values, (xs, ys, zs) = _sample(bone, box_low, box_high, step)
        y, z = np.meshgrid(ys, zs, indexing="ij")
        t = (y - first[0]) * along[0] + (z - first[1]) * along[1]
        d = (y - first[0]) * inward[0] + (z - first[1]) * inward[1]
        use = (values.min(axis=0) <= 0.0) & (t > start) & (t < stop)
        bins = np.round(t / (1.5 * step)).astype(int)
        border = {n: d[use & (bins == n)].min() for n in np.unique(bins[use])}
        chosen = np.argwhere(use & (bins == max(border, key=lambda n: border[n])))
        a, b = chosen[int(np.argmin(d[chosen[:, 0], chosen[:, 1]]))]
        point = np.array((xs[int(np.argmin(values[:, a, b]))], ys[a], zs[b]))
        # The next box must hold the whole border of the stretch that is looked at.
        at = float((point[1:] - first) @ along)
        start, stop = max(start, at - 4.0), min(stop, at + 4.0)
        box_low, box_high = point - 10.0, point + 10.0
    return point


def _closing_edge(corners: np.ndarray, apex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hull's edge behind the bay: the downward edge that ``apex`` lies least deep under."""
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge = second - first
        length = float(np.linalg.norm(edge))
        along = float((apex - first) @ edge) / length**2
        depth = float(edge[0] * (apex - first)[1] - edge[1] * (apex - first)[0]) / length
        if edge[1] < -0.3 * length and 0 < along < 1 and length > 15 and (best is None or depth < best[0]):
            best = (depth, first, second)
    if best is None:
        raise ValueError("the hip bone has no greater sciatic notch: its parameters are out of range")
    return best[1], best[2]


def _foramen(bone: Solid, joint: Point3) -> dict[str, Point3]:
    # Template positions seen from the hip centre: the ring of bone around the hole gives centre and axis.
    low = np.array((0.0, joint[1] - 70, joint[2] - 80))
    high = np.array((joint[0] + 8, joint[1] + 55, joint[2] + 8))
    axes, middle = _hole_axis(bone, low, high)
    turned = Affine.from_parts(axes, -axes @ middle)  # x, y across the hole, z along its axis
    step = 1.5
    values, (us, _, ws) = _sample(
        bone.placed(bone.local_from_world @ turned.inverse()),
        np.array((-55.0, -55, -30)),
        np.array((55.0, 55, 30)),
        step,
    )
    nearest, deepest = values.min(axis=2), values.argmin(axis=2)
    # A parabola through the nearest three values places the rim along the axis.
    inner = np.clip(deepest, 1, len(ws) - 2)[..., None]
    a, b, c = (np.take_along_axis(values, inner + n, axis=2)[..., 0] for n in (-1, 0, 1))
    shift = np.clip(0.5 * (a - c) / np.maximum(a - 2 * b + c, 1e-6), -0.5, 0.5)
    depth = ws[0] + (inner[..., 0] + shift) * step
    angles = np.deg2rad(np.arange(0.0, 360.0, 1.5))
    radii = np.arange(1.0, 54.0, 0.25)
    across = np.stack((np.cos(angles), np.sin(angles)))[:, :, None] * radii
    profile = ndimage.map_coordinates(nearest, (across - us[0]) / step, order=1)
    hit = np.argmax(profile <= 0.0, axis=1)
    if (hit == 0).any():
        raise ValueError("the hip bone has no closed obturator foramen: its parameters are out of range")
    rays = np.arange(len(angles))
    before, after = profile[rays, hit - 1], profile[rays, hit]
    radius = radii[hit - 1] + 0.25 * before / (before - after)
    flat = np.stack((np.cos(angles), np.sin(angles)), axis=1) * radius[:, None]
    along = ndimage.map_coordinates(depth, (flat.T - us[0]) / step, order=1)
    rim = turned.inverse().apply(np.concatenate((flat, along[:, None]), axis=1))
    return {"IOF": rim[int(np.argmin(rim[:, 2]))], "MOF": rim[int(np.argmin(rim[:, 0]))]}


def _hole_axis(
    bone: Solid, low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "3 3"], Point3]:
    """Rows u, v, w, where w is the axis along which the hole is seen largest; and the hole's middle."""
    step = 2.0
    values, _ = _sample(bone, low, high, step)
    inside = np.argwhere(values <= 0.0) * step + low
    best = (-1.0, np.eye(3), np.zeros(3))
    turn, tilt = 0.0, 0.0
    for stride, reach in ((20.0, 60.0), (10.0, 10.0), (5.0, 5.0)):
        trials = np.arange(-reach, reach + 1.0, stride)
        for a, b in [(turn + a, tilt + b) for a in trials for b in trials]:
            found = _hole(inside, a, b, step)
            if found[0] > best[0]:
                best, turn, tilt = found, a, b
    return best[1], best[2]


def _hole(
    inside: Points3, turn_deg: float, tilt_deg: float, step: float
) -> tuple[float, Float[np.ndarray, "3 3"], Point3]:
    """Pixels of the largest hole seen along a direction, the view's axes and the hole's middle."""
    w = Rotation.from_euler("xz", (tilt_deg, turn_deg), degrees=True).apply((0.0, 1.0, 0.0))
    u = np.cross(w, (0.0, 0.0, 1.0))
    u /= np.linalg.norm(u)
    axes = np.stack((u, np.cross(w, u), w))
    flat = inside @ axes.T
    origin = flat[:, :2].min(axis=0) - 2 * step
    cells = ((flat[:, :2] - origin) / step).astype(int)
    mask = np.zeros(cells.max(axis=0) + 3, dtype=bool)
    mask[cells[:, 0], cells[:, 1]] = True
    mask = ndimage.binary_closing(mask)
    holes, count = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    if count == 0:
        return 0.0, axes, np.zeros(3)
    sizes = np.bincount(holes.ravel())[1:]
    largest = int(np.argmax(sizes))
    middle = (np.argwhere(holes == largest + 1).mean(axis=0) + 0.5) * step + origin
    near = np.hypot(*(flat[:, :2] - middle).T) < 30.0
    return float(sizes[largest]), axes, np.array((*middle, np.median(flat[near, 2]))) @ axes
