"""Fit the phantoms' template to real hip bones and write the law of their shapes, numbers alone.

    python tools/fit_pelvis_shape.py DATA src/synthex/anatomy/phantom/shape.npz

The template's hip bone is fitted to each hip (left ones mirrored) by landmarks, then by closest points of position and
normal with ever more local smooth fields (after Amberg et al., CVPR 2007, and Myronenko and Song, PAMI 2010); the
landmarks are met exactly at the end. Size and hip distance are taken out, and what is left at the nodes gives mean and
principal components. Some minutes on one core.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pelvis_people import people
from scipy import ndimage
from scipy.spatial import cKDTree

from synthex.anatomy.hip_landmarks import find_hip_landmarks
from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface, box_index, extract_surface
from synthex.anatomy.hip_landmarks.pelvic_frame import find_frame
from synthex.anatomy.implicit.solids import Solid
from synthex.anatomy.landmark_names import KINDS
from synthex.anatomy.meshes.names import STRUCTURES
from synthex.anatomy.phantom.hip import TEMPLATE_HIP_MM, build_hip
from synthex.anatomy.phantom.landmarks import hip_points, supine_frame
from synthex.anatomy.phantom.parameters import template_parameters
from synthex.core import Affine, Volume, derive_rng

STAGES = ((0.0, 12, 0.0, 0), (70.0, 10, 3.0, 25), (45.0, 12, 1.0, 50), (28.0, 15, 0.3, 90), (18.0, 15, 0.15, 140))
"""Reach of the field in mm (0: affine), steps, stiffness, nodes."""

NORMAL_MM = 18.0
"""Weight of the normals in the search for closest points: opposite faces of the wing are not confused."""

STEP, NODES, MODES, HALF_SHARE = 0.6, 60, 10, 0.1


@dataclass(frozen=True, eq=False)
class Hip:
    """One hip bone as a right one: origin at the height and depth of its own hip centre, x from the midplane, mm.

    Attributes:
        points: N x 3, of the surface.
        normals: N x 3, outwards.
        landmarks: L x 3, in the order of ``KINDS``.
    """

    points: np.ndarray
    normals: np.ndarray
    landmarks: np.ndarray


def hips_of(labels: Volume, rng: np.random.Generator) -> Iterator[Hip]:
    """Right and left hip bone of a label map."""
    boxes = box_index(labels, max(STRUCTURES.values()))
    found = find_hip_landmarks(labels, STRUCTURES).positions
    bones = {
        side: extract_surface(labels, STRUCTURES[f"hip_{side}"], boxes[STRUCTURES[f"hip_{side}"] - 1])
        for side in ("left", "right")
    }
    frame = find_frame(bones["left"], bones["right"], np.array([found["FH-l"], found["FH-r"]]))
    for side, bone in bones.items():
        if bone is None:
            raise ValueError(f"no hip_{side}")
        mirror = Affine.from_parts(np.diag((-1.0 if side == "left" else 1.0, 1.0, 1.0)), np.zeros(3))
        side_from_world = mirror @ frame.frame_from_world
        landmarks = side_from_world.apply(np.array([found[f"{kind}-{side[0]}"] for kind in KINDS]))
        chosen = rng.permutation(len(bone.points))[:5000]
        origin = landmarks[0] * (0.0, 1.0, 1.0)
        normals = side_from_world.apply_vectors(_outward(bone, bone.points[chosen]))
        yield Hip(side_from_world.apply(bone.points[chosen]) - origin, normals, landmarks - origin)


def _outward(bone: BoneSurface, points: np.ndarray) -> np.ndarray:
    index = bone.level_from_frame.apply(points).T
    slope = np.stack([ndimage.map_coordinates(part, index, order=1) for part in np.gradient(bone.level)], axis=1)
    slope = -slope @ bone.level_from_frame.linear
    return slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9)


def template(rng: np.random.Generator) -> tuple[Hip, Affine]:
    """The template's hip bone as people's are given, and the map from there to the template's frame."""
    bone = build_hip(template_parameters(), "right")
    supine = supine_frame(bone, TEMPLATE_HIP_MM)
    points, normals = _surface(bone)
    chosen = rng.permutation(len(points))[:3000]
    landmarks = hip_points(bone, supine, TEMPLATE_HIP_MM)
    ordered = np.array([landmarks[kind] for kind in KINDS])
    origin = ordered[0] * (0.0, 1.0, 1.0)
    back = supine.inverse() @ Affine.from_parts(np.eye(3), origin)
    return Hip(supine.apply(points[chosen]) - origin, supine.apply_vectors(normals[chosen]), ordered - origin), back


def _surface(bone: Solid, step: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    low, high = bone.bounds_world()
    size = np.ceil((high - low) / step).astype(int) + 1
    values = bone.grid(low, step, (int(size[0]), int(size[1]), int(size[2])))
    index = np.argwhere(np.abs(values) < 0.5 * step)
    slope = np.stack([part[tuple(index.T)] for part in np.gradient(values)], axis=1)
    normals = slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9)
    return low + index * step - normals * values[tuple(index.T)][:, None], normals


def fit(source: Hip, target: Hip) -> Callable[[np.ndarray], np.ndarray]:
    """The map of space that lays ``source`` on ``target``."""
    steps: list[Callable[[np.ndarray], np.ndarray]] = [_affine(source.landmarks, target.landmarks, 1.0)]
    points, landmarks = steps[0](source.points), steps[0](source.landmarks)
    tree = cKDTree(np.column_stack((target.points, NORMAL_MM * target.normals)))
    for reach, count, stiffness, nodes in STAGES:
        for _ in range(count):
            here = np.column_stack((points, NORMAL_MM * source.normals))
            gap, nearest = tree.query(here)
            near = gap < max(12.0, np.quantile(gap, 0.9))
            back_gap, back = cKDTree(here).query(tree.data[::3])
            seen = back_gap < max(12.0, np.quantile(back_gap, 0.85))
            froms = np.concatenate((points[near], points[back[seen]], landmarks))
            tos = np.concatenate((target.points[nearest[near]], target.points[::3][seen], target.landmarks))
            weights = np.concatenate((np.ones(len(froms) - len(landmarks)), np.full(len(landmarks), 12.0)))
            if reach == 0:
                steps.append(_affine(froms, tos, weights))
            else:
                steps.append(
                    _field(froms, STEP * (tos - froms), weights, points[_spread(points, nodes)], reach, stiffness)
                )
            points, landmarks = steps[-1](points), steps[-1](landmarks)
    last = _field(landmarks, target.landmarks - landmarks, np.ones(len(landmarks)), landmarks, 25.0, 1e-3)

    def apply(where: np.ndarray) -> np.ndarray:
        for step in (*steps, last):
            where = step(where)
        return where

    return apply


def _affine(froms: np.ndarray, tos: np.ndarray, weights: float | np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    root = np.sqrt(np.broadcast_to(weights, len(froms)))[:, None]
    matrix = np.column_stack((froms, np.ones(len(froms)))) * root
    hold = 6.0 * np.column_stack((np.eye(3), np.zeros(3)))  # a weak pull towards no stretch at all
    solution = np.linalg.lstsq(np.vstack((matrix, hold)), np.vstack((tos * root, 6.0 * np.eye(3))), rcond=None)[0]
    return lambda where: where @ solution[:3] + solution[3]


def _field(
    at: np.ndarray, shift: np.ndarray, weights: np.ndarray, nodes: np.ndarray, reach: float, stiffness: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A sum of Gaussians at the nodes, least squares with their energy as the penalty."""

    def kernel(where: np.ndarray) -> np.ndarray:
        return np.exp(-((where[:, None] - nodes) ** 2).sum(axis=2) / (2 * reach**2))

    matrix = kernel(at)
    penalty = stiffness * len(at) / len(nodes) * kernel(nodes) + 1e-6 * np.eye(len(nodes))
    strength = np.linalg.solve(matrix.T @ (matrix * weights[:, None]) + penalty, matrix.T @ (shift * weights[:, None]))
    return lambda where: where + kernel(where) @ strength


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Farthest-point sampling."""
    chosen = [0]
    distance = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def law(source: Hip, back: Affine, fitted: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Mean and modes of displacement; ``fitted`` has where points and landmarks of each person's hips lie."""
    chosen = _spread(source.points, NODES)
    nodes = back.apply(np.concatenate((source.points[chosen], source.landmarks[1:])))
    rows, halves = [], []
    reference = source.points - source.points.mean(axis=0)
    for hips in fitted.values():
        centred = [points - points.mean(axis=0) for points, _ in hips]
        # Scale of the best similarity (Umeyama, PAMI 1991).
        spread = sum(np.linalg.svd(reference.T @ points)[1].sum() for points in centred)
        size = spread / (len(hips) * (reference**2).sum())
        half = float(np.mean([landmarks[0, 0] for _, landmarks in hips])) / size
        for points, landmarks in hips:
            moved = back.apply(np.concatenate((points[chosen], landmarks[1:])) / size)
            moved[:, 0] += (half - landmarks[0, 0] / size) * np.clip(nodes[:, 0] / TEMPLATE_HIP_MM, 0, 1)
            placed = nodes.copy()
            placed[:, 0] += (half - TEMPLATE_HIP_MM) * np.clip(nodes[:, 0] / TEMPLATE_HIP_MM, 0, 1)
            rows.append((moved - placed).ravel())
            halves.append(half)
    # The hip distance varies together with the shape: one more variable, at the weight of a tenth of the others.
    weight = np.sqrt(HALF_SHARE * len(rows[0]))
    table = np.column_stack((np.array(rows), weight * np.array(halves)))
    mean = table.mean(axis=0)
    _, strength, modes = np.linalg.svd(table - mean, full_matrices=False)
    # Two hips of a person are one observation of what people differ in.
    modes = modes[:MODES] * strength[:MODES, None] / np.sqrt(2 * max(len(fitted) - 1, 1))
    return {
        "nodes": nodes.astype(np.float32),
        "mean": mean[:-1].reshape(-1, 3).astype(np.float32),
        "modes": modes[:, :-1].reshape(len(modes), -1, 3).astype(np.float32),
        "half_mean": np.float32(mean[-1] / weight),
        "half_modes": (modes[:, -1] / weight).astype(np.float32),
    }


def main() -> None:
    """Fit, report and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    rng = derive_rng("pelvis_shape")
    source, back = template(rng)
    fitted: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for name, labels in people(arguments.data).items():
        fitted[name] = []
        for hip in hips_of(labels, rng):
            points = fit(source, hip)(source.points)
            gaps = [cKDTree(a).query(b)[0] for a, b in ((hip.points, points), (points, hip.points))]
            print(f"{name}: surface {gaps[0].mean():.1f} mm to the person, {gaps[1].mean():.1f} mm back", flush=True)
            fitted[name].append((points, hip.landmarks))
    np.savez_compressed(arguments.table, **law(source, back, fitted))


if __name__ == "__main__":
    main()
