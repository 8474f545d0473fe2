"""Registration of realistic radiographs of CTs from noisy landmarks, against the true cameras.

    python benchmarks/registration.py NAME=CT[,LANDMARKS] ... [--views 40] [--size 256] [--task single|pair|focal]

Views within 45 degrees of frontal, drawn per CT; noise, dose and all else of ``simulation=realistic`` drawn. Starts
come from landmarks moved by ``--noise`` mm (standard deviation along each image axis, at the isocentre), of which
``--outliers`` are anywhere in the image, all with equal confidence. A CT without landmarks gets twelve points of its
bones, far from each other. ``--spacing`` registers with the CT in voxels of that size while images are of the
native one. ``pair`` registers two views 30 to 90 degrees apart, whose relation is known, at once; ``focal`` starts with
a focal length 5 % wrong, in a pair, and looks for it too. mTRE is over the landmarks, of which every case counts.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from synthex.anatomy.io.ct import read_ct
from synthex.anatomy.resampling import resample_linear
from synthex.core import Anatomy, Camera, Scene, UserError, Volume, derive_rng
from synthex.geometry import CArm, View
from synthex.registration import (
    Body,
    FixedImage,
    PoseError,
    Refinement,
    pose_error,
    poses_from_landmarks,
    register,
    register_pair,
    summary,
)

CONF = Path(__file__).resolve().parents[1] / "conf"


def bone_points(ct: Volume, count: int = 12) -> np.ndarray:
    """Points of dense bone far from each other, RAS mm."""
    inner = [slice(size // 12, size - size // 12) for size in ct.shape]
    place = np.argwhere(np.asarray(ct.data[tuple(inner)]) > 350)[::37] + [part.start for part in inner]
    points = ct.world_from_ijk.apply(place.astype(float))
    centre = np.median(points, axis=0)
    points = points[np.linalg.norm(points - centre, axis=1) < 130]
    chosen = [int(np.argmax(np.linalg.norm(points - centre, axis=1)))]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]


def read_points(path: str) -> np.ndarray:
    """Landmarks of a CSV with the columns x, y, z in RAS mm."""
    from synthex.anatomy.io.landmarks import read_landmarks

    return np.array(list(read_landmarks(Path(path)).positions.values()))


def draw_views(rng: np.random.Generator, centre: np.ndarray, count: int) -> list[View]:
    """One view, or two 30 to 90 degrees apart; both within 45 degrees of frontal about the long axis."""
    first = rng.uniform(-45, 45)
    angles = [first]
    if count == 2:
        apart = rng.uniform(30, 90)
        second = first - np.sign(first) * apart
        angles = [first, second]
    about = centre + rng.uniform(-15, 15, 3)
    depth = rng.uniform(600, 750)
    return [View(about, lao, rng.uniform(-25, 25), rng.uniform(-10, 10), depth) for lao in angles]


def noisy(camera: Camera, points: np.ndarray, rng: np.random.Generator, noise_mm: float, outliers: float) -> np.ndarray:
    """Where a network might have put the landmarks; those outside the image are missing."""
    pixels = camera.project(points)
    sigma = noise_mm * camera.magnification(points.mean(axis=0)) / camera.pixel_mm
    moved = pixels + rng.normal(0, sigma, pixels.shape)
    wrong = rng.permutation(len(points)) < round(outliers * len(points))
    moved[wrong] = rng.uniform((0, 0), (camera.width, camera.height), (int(wrong.sum()), 2))
    moved[~camera.contains(pixels)] = np.nan
    return moved


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cts", nargs="+")
    parser.add_argument("--views", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--noise", type=float, default=8.0)
    parser.add_argument("--outliers", type=float, default=0.2)
    parser.add_argument("--task", choices=("single", "pair", "focal"), default="single")
    parser.add_argument("--simulation", default="realistic")
    parser.add_argument("--measure", default="patch")
    parser.add_argument("--spacing", type=float)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        simulate = instantiate(compose(f"simulation/{options.simulation}").simulation, domain="log")
    arm = CArm(source_side="posterior").binned(options.size)
    settings = Refinement(measure=options.measure, focal=options.task == "focal")
    every: list[PoseError | None] = []
    rows = []
    for given in options.cts:
        name, _, where = given.partition("=")
        path, _, marks = where.partition(",")
        ct = read_ct(Path(path))
        points = read_points(marks) if marks else bone_points(ct)
        anatomy = Anatomy(name, ct, Volume(np.zeros(ct.shape, np.uint8), ct.world_from_ijk), {}, {})
        body = Body(ct if options.spacing is None else resample_linear(ct, options.spacing))
        errors: list[PoseError | None] = []
        seconds, focal_errors = [], []
        for case in range(options.views):
            rng = derive_rng(2026, "registration", options.task, case)
            views = draw_views(rng, points.mean(axis=0), 1 if options.task == "single" else 2)
            cameras = [arm.camera(view) for view in views]
            images = [simulate(Scene(anatomy), camera, (), rng).radiograph.image for camera in cameras]
            found2d = [noisy(camera, points, rng, options.noise, options.outliers) for camera in cameras]
            wrong = 1.05 if case % 2 else 0.95
            given_cameras = cameras
            if options.task == "focal":
                zoom = np.diag((wrong, wrong, 1.0))
                given_cameras = [
                    replace(c, intrinsics=np.c_[(zoom @ c.intrinsics)[:, :2], c.intrinsics[:, 2]]) for c in cameras
                ]
            fixed = [FixedImage(image, camera) for image, camera in zip(images, given_cameras, strict=True)]
            wall, cpu = time.perf_counter(), time.process_time()
            error = None
            try:
                if options.task == "single":
                    hypotheses = poses_from_landmarks(points, found2d[0], fixed[0].camera)
                    answer = register(body, fixed[0], [h.camera for h in hypotheses], settings)
                    error = pose_error(answer.camera, cameras[0], points)
                    start = pose_error(hypotheses[0].camera, cameras[0], points)
                    similarity = answer.similarity
                else:
                    both = register_pair(body, fixed, points, found2d, settings)
                    error = pose_error(both.cameras[0], cameras[0], points)
                    start, similarity = error, both.similarity
                    true = cameras[0].intrinsics[1, 1]
                    focal_errors.append(abs(both.cameras[0].intrinsics[1, 1] / true - 1))
            except UserError:
                pass
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            errors.append(error)
            seconds.append((wall, cpu))
            if options.verbose and error is not None:
                more = f" focal {100 * focal_errors[-1]:.2f} %" if focal_errors else ""
                print(
                    f"{name} {case:3d} start {start.mtre_mm:6.1f} mTRE {error.mtre_mm:7.3f} "
                    f"depth {error.depth_mm:6.2f} in plane {error.in_plane_mm:5.2f} similarity {similarity:.3f} "
                    f"{cpu:.1f} s CPU{more}",
                    flush=True,
                )
        row = {"ct": name, **summary(errors)}
        row["median_wall_s"], row["median_cpu_s"] = (float(v) for v in np.median(seconds, axis=0))
        row["largest_cpu_s"] = float(np.max(seconds, axis=0)[1])
        if focal_errors:
            row["focal_within_1pct"] = float(np.mean(np.array(focal_errors) <= 0.01))
        rows.append(row)
        every += errors
        print(json.dumps(row), flush=True)
    rows.append({"ct": "all", **summary(every)})
    print(json.dumps(rows[-1]))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
