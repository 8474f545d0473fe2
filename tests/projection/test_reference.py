"""The PyTorch twin: parity with the kernel, and gradients."""

import numpy as np
import pytest
import torch
from generators.anatomies import make_anatomy
from generators.solids import frontal, lumpy, solid_of

from synthex.core import Volume
from synthex.projection import project
from synthex.projection.reference import joseph, solid_spans


@pytest.mark.parametrize("seed", range(6))
def test_kernel_matches_twin(random_scene, seed):
    ct, labels, camera = random_scene(seed, size=32, oblique=seed % 2 == 0)
    fast = project(ct, labels, (0, 1, 2, 3), camera)
    slow = project(ct, labels, (0, 1, 2, 3), camera, backend="torch")
    peak = slow.water_path_mm.max()
    assert peak > 30
    np.testing.assert_allclose(fast.water_path_mm, slow.water_path_mm, atol=1e-4 * peak)
    # Paths are whole numbers of samples. Float32 against float64 may put a sample that lies on a voxel
    # border on the other side: at most one pixel in 200 may differ, by one or two samples.
    differ = np.abs(fast.label_path_mm - slow.label_path_mm)
    assert (differ.max(axis=0) > 1e-3).mean() <= 0.005
    assert differ.max() < 2 * 1.74 * ct.spacing_mm.max()


@pytest.mark.parametrize("seed", range(4))
def test_paths_do_not_depend_on_whether_background_is_wanted(random_scene, seed):
    # Few, thin structures far apart on a larger grid.
    rng = np.random.default_rng(seed)
    _, coarse, camera = random_scene(seed, size=40)
    labels = np.zeros((53, 38, 61), dtype=np.uint8)
    for label in (1, 2, 3):
        at = rng.integers(0, labels.shape, size=(6, 3))
        labels[tuple(at.T)] = label
        _, j, k = at[0]
        labels[:, j : j + 2, k : k + 2] = label
    ct = Volume(np.zeros(labels.shape, dtype=np.int16), coarse.world_from_ijk)
    parts = project(ct, Volume(labels, ct.world_from_ijk), (1, 2, 3), camera).label_path_mm
    whole = project(ct, Volume(labels, ct.world_from_ijk), (1, 2, 3, 0), camera).label_path_mm
    np.testing.assert_array_equal(parts, whole[:3])
    assert np.count_nonzero(parts) > 20


def tensors(random_scene, seed):
    ct, _, camera = random_scene(seed, size=6)
    density = torch.from_numpy(np.maximum(ct.data.astype(float) + 1000, 0) / 1000)[None]
    index = torch.from_numpy(ct.world_from_ijk.inverse().matrix.copy())
    pose = torch.from_numpy(camera.camera_from_world.matrix.copy())
    return density, index, pose, torch.from_numpy(camera.intrinsics.copy()), camera


def moved(pose: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Small motion: rotation vector (rad) and translation (mm)."""
    x, y, z = parameters[:3]
    zero = torch.zeros_like(x)
    skew = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero)).reshape(3, 3)
    step = torch.eye(4, dtype=pose.dtype)
    step = torch.cat((torch.cat((torch.matrix_exp(skew), parameters[3:, None]), dim=1), step[3:]))
    return step @ pose


def curve(rows: int = 2500) -> torch.Tensor:
    """Quantities (rows x 2) per HU + 1000 with a kink every 100 rows: few samples lie within a step of one."""
    steps = np.repeat(np.random.default_rng(0).random((rows // 100, 2)) / 1000, 100, axis=0)
    return torch.from_numpy(np.cumsum(steps, axis=0) - steps[0])


@pytest.mark.parametrize("table", [None, curve()], ids=["water", "table"])
@pytest.mark.parametrize("seed", [0, 1])
def test_pose_gradient_matches_finite_differences(random_scene, seed, table):
    density, index, pose, intrinsics, camera = tensors(random_scene, seed)
    weights = torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 6)))
    values = density if table is None else 1000 * density

    def score(parameters: torch.Tensor) -> torch.Tensor:
        image = joseph(values, index, moved(pose, parameters), intrinsics, 6, 6, camera.sdd_mm, table=table)
        return (image * weights).sum()

    parameters = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(score(parameters), parameters)
    # Small, because bilinear samples and tables have kinks that a larger step would straddle.
    step = 1e-8
    numeric = torch.stack([(score(step * e) - score(-step * e)) / (2 * step) for e in torch.eye(6).double()])
    assert gradient.abs().max() > 0.1
    torch.testing.assert_close(gradient, numeric, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


def test_volume_gradient_through_a_table_matches_finite_differences(random_scene):
    density, index, pose, intrinsics, camera = tensors(random_scene, 4)
    weights = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 6, 6)))
    above_air = (1000 * density).requires_grad_()

    def score(values: torch.Tensor) -> torch.Tensor:
        image = joseph(values, index, pose, intrinsics, 6, 6, camera.sdd_mm, table=curve())
        return (image * weights).sum()

    (gradient,) = torch.autograd.grad(score(above_air), above_air)
    rng = np.random.default_rng(2)
    for _ in range(5):
        direction = torch.from_numpy(rng.normal(size=density.shape))
        ahead, behind = (score(above_air.detach() + step * direction) for step in (1e-6, -1e-6))
        assert ((ahead - behind) / 2e-6).item() == pytest.approx((gradient * direction).sum().item(), rel=1e-4)


def test_volume_gradient_is_the_back_projection(random_scene):
    # The image is linear in the volume, so <image(v), w> = <v, gradient>.
    density, index, pose, intrinsics, camera = tensors(random_scene, 2)
    density.requires_grad_()
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 6)))
    score = (joseph(density, index, pose, intrinsics, 6, 6, camera.sdd_mm)[0] * weights).sum()
    (gradient,) = torch.autograd.grad(score, density)
    assert (gradient * density).sum().item() == pytest.approx(score.item(), rel=1e-10)


def test_chunks_do_not_change_the_image(random_scene):
    density, index, pose, intrinsics, camera = tensors(random_scene, 3)
    whole = joseph(density, index, pose, intrinsics, 6, 6, camera.sdd_mm)
    torch.testing.assert_close(joseph(density, index, pose, intrinsics, 6, 6, camera.sdd_mm, chunk=5), whole)


def solid_tensors(seed: int) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(seed)
    parts = [solid_of(lumpy(rng, 14.0), (*rng.uniform(-8, 8, 2), 300)) for _ in range(2)]
    vertices = torch.from_numpy(np.concatenate([part.vertices_world for part in parts]))
    faces = torch.from_numpy(np.concatenate((parts[0].faces, parts[1].faces + len(parts[0].vertices_world))))
    return vertices, faces, torch.arange(2).repeat_interleave(len(parts[0].faces))


@pytest.mark.parametrize("seed", [0, 1])
def test_solids_are_differentiable_by_pose(seed):
    # The path in each solid, and a volume around them without what they displace.
    vertices, faces, owners = solid_tensors(seed)
    camera = frontal(8, 8, 8.0)
    pose, intrinsics = torch.eye(4, dtype=torch.float64), torch.from_numpy(camera.intrinsics.copy())
    rng = np.random.default_rng(seed)
    volume = torch.from_numpy(rng.random((1, 15, 15, 15)))
    index = torch.from_numpy(np.diag((0.2, 0.2, 0.2, 1.0)))
    index[:3, 3] = torch.tensor((7.0, 7.0, 7.0 - 60.0))
    weights = torch.from_numpy(rng.normal(size=(3, 8, 8)))

    def score(parameters: torch.Tensor) -> torch.Tensor:
        view = (moved(pose, parameters), intrinsics, 8, 8, camera.sdd_mm)
        paths, spans = solid_spans(vertices, faces, owners, 2, *view)
        left = joseph(volume, index, *view, removed=spans)
        return (torch.cat((paths, left)) * weights).sum()

    parameters = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(score(parameters), parameters)
    step = 1e-8
    numeric = torch.stack([(score(step * e) - score(-step * e)) / (2 * step) for e in torch.eye(6).double()])
    assert gradient.abs().max() > 1
    torch.testing.assert_close(gradient, numeric, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


@pytest.mark.parametrize("seed", range(3))
def test_a_pose_is_found_again_from_an_image(seed):
    # 2D/3D registration: 5 mm and 3 degrees away from the pose of a frontal view of a phantom.
    anatomy = make_anatomy()
    density = torch.from_numpy(np.maximum(anatomy.ct.data + 1000.0, 0) / 1000)[None]
    index = torch.from_numpy(anatomy.ct.world_from_ijk.inverse().matrix.copy())
    frontal_pose = torch.tensor(((1.0, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 700), (0, 0, 0, 1)), dtype=torch.float64)
    intrinsics = torch.from_numpy(frontal(32, 32, 10.0).intrinsics.copy())

    def image(motion: torch.Tensor) -> torch.Tensor:
        """View of the body after a motion (rotation in 1/100 rad, translation in mm) about its centre."""
        step = moved(torch.eye(4, dtype=torch.float64), torch.cat((motion[:3] / 100, motion[3:])))
        return joseph(density, index, frontal_pose @ step, intrinsics, 32, 32, 1000.0)[0]

    rng = np.random.default_rng(seed)
    turn, shift = (vector / np.linalg.norm(vector) for vector in rng.normal(size=(2, 3)))
    start = np.concatenate((turn * np.deg2rad(3) * 100, shift * 5))
    fixed, motion = image(torch.zeros(6, dtype=torch.float64)), torch.from_numpy(start).requires_grad_()
    optimiser = torch.optim.LBFGS([motion], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = ((image(motion) - fixed) ** 2).mean()
        loss.backward()
        return loss

    assert closure().item() > 1
    optimiser.step(closure)
    found = motion.detach().numpy()
    assert np.rad2deg(np.linalg.norm(found[:3]) / 100) < 0.02
    assert np.linalg.norm(found[3:]) < 0.02
