"""Fit the model of landmark shapes that the prior on answers uses; writes numbers alone.

    python tools/fit_landmark_prior.py DATA src/synthex/tasks/hip_landmarks/prior.npz

Landmarks of phantoms and of real people (each person counts as much as ten phantoms), each also mirrored, are aligned
by similarities to their mean (Gower, Psychometrika 1975); what is left gives principal components. Orientation: x along
the mirror symmetry, the anterior pelvic plane (spines and upper symphysis) 7 degrees forward, as in supine CT.
"""

import argparse
from pathlib import Path

import numpy as np
from pelvis_people import people

from synthex.anatomy.hip_landmarks import HIP_LANDMARKS, find_hip_landmarks
from synthex.anatomy.meshes.names import STRUCTURES
from synthex.anatomy.phantom.build import plausible
from synthex.anatomy.phantom.parameters import sample_pelvis_parameters
from synthex.core import derive_rng

PHANTOMS, PERSON_WEIGHT, MODES, LEAN_DEG = 120, 10.0, 10, 7.0
OTHER_SIDE = np.array([HIP_LANDMARKS.index(name[:-1] + ("r" if name[-1] == "l" else "l")) for name in HIP_LANDMARKS])


def phantom_landmarks(count: int) -> np.ndarray:
    """``count`` x 14 x 3, mm."""
    rng = derive_rng("landmark_prior")
    found = [plausible(sample_pelvis_parameters(rng))[2] for _ in range(count)]
    return np.array([[one[name] for name in HIP_LANDMARKS] for one in found])


def people_landmarks(data: Path) -> dict[str, np.ndarray]:
    """14 x 3 of each person whose landmarks are all found, mm."""
    found = {name: find_hip_landmarks(labels, STRUCTURES).positions for name, labels in people(data).items()}
    return {name: np.array([one[key] for key in HIP_LANDMARKS]) for name, one in found.items() if len(one) == 14}


def aligned(shape: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """A shape laid on a reference by the best similarity (Umeyama, PAMI 1991)."""
    a, b = shape - shape.mean(axis=0), reference - reference.mean(axis=0)
    u, strength, vt = np.linalg.svd(b.T @ a)
    turn = u @ np.diag((1.0, 1.0, np.linalg.det(u @ vt))) @ vt
    return strength.sum() / (a**2).sum() * a @ turn.T + reference.mean(axis=0)


def model(shapes: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, modes and residual of the shapes and their mirror images."""
    shapes = np.concatenate((shapes, (shapes * (-1.0, 1.0, 1.0))[:, OTHER_SIDE]))
    weights = np.concatenate((weights, weights))[:, None, None] / (2 * weights.sum())
    mean = upright(shapes[0] - shapes[0].mean(axis=0))
    size = np.mean([np.linalg.norm(shape - shape.mean(axis=0)) for shape in shapes])
    for _ in range(10):
        shapes = np.array([aligned(shape, mean) for shape in shapes])
        mean = (weights * shapes).sum(axis=0)
        mean = upright(0.5 * (mean + (mean * (-1.0, 1.0, 1.0))[OTHER_SIDE]))
        mean *= size / np.linalg.norm(mean - mean.mean(axis=0))
    rest = (shapes - mean).reshape(len(shapes), -1) * np.sqrt(weights[:, :, 0])
    _, strength, axes = np.linalg.svd(rest, full_matrices=False)
    modes = axes[:MODES] * strength[:MODES, None]
    left = ((rest - rest @ axes[:MODES].T @ axes[:MODES]) ** 2).sum(axis=0).reshape(-1, 3).mean(axis=1)
    return {
        "mean": mean.astype(np.float32),
        "modes": modes.reshape(MODES, -1, 3).astype(np.float32),
        "residual_mm": np.sqrt(left + 1.0).astype(np.float32),  # and a millimetre by which marks of one point differ
    }


def upright(shape: np.ndarray) -> np.ndarray:
    """Turned to the body frame, its origin midway between the femoral heads."""
    at = dict(zip(HIP_LANDMARKS, shape, strict=True))
    across = sum(at[f"{kind}-r"] - at[f"{kind}-l"] for kind in ("FH", "GSN", "ASIS"))
    x = across / np.linalg.norm(across)
    plane = at["ASIS-l"] + at["ASIS-r"] - at["SPS-l"] - at["SPS-r"]
    plane = plane - (plane @ x) * x
    plane /= np.linalg.norm(plane)
    front = np.cross(plane, x)
    lean = np.radians(LEAN_DEG)
    z = np.cos(lean) * plane - np.sin(lean) * front
    axes = np.array((x, np.cross(z, x), z))
    return (shape - 0.5 * (at["FH-l"] + at["FH-r"])) @ axes.T


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    persons = people_landmarks(arguments.data)
    phantoms = phantom_landmarks(PHANTOMS)
    weights = np.concatenate((np.ones(len(phantoms)), np.full(len(persons), PERSON_WEIGHT)))
    table = model(np.concatenate((phantoms, np.array(list(persons.values())))), weights)
    np.savez_compressed(arguments.table, **table)
    deviations = np.sqrt((table["modes"] ** 2).sum(axis=(1, 2)) / len(HIP_LANDMARKS))
    print("modes, rms mm a landmark:", deviations.round(1), "residual mm:", table["residual_mm"].round(1))


if __name__ == "__main__":
    main()
