"""The PyTorch twin: parity with the kernel, and gradients."""

import numpy as np
import pytest
import torch

from synthex.core import Volume
from synthex.projection import project
from synthex.projection.reference import joseph


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
def test_leaping_over_background_misses_nothing(random_scene, seed):
    # Few, thin structures far apart on a larger grid: nearly every brick may be leaped over.
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
    # Asking for the background too turns leaping off.
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


@pytest.mark.parametrize("seed", [0, 1])
def test_pose_gradient_matches_finite_differences(random_scene, seed):
    density, index, pose, intrinsics, camera = tensors(random_scene, seed)
    weights = torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 6)))

    def score(parameters: torch.Tensor) -> torch.Tensor:
        image = joseph(density, index, moved(pose, parameters), intrinsics, 6, 6, camera.sdd_mm)
        return (image[0] * weights).sum()

    parameters = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(score(parameters), parameters)
    # Small, because bilinear samples have kinks that a larger step would straddle.
    step = 1e-8
    numeric = torch.stack([(score(step * e) - score(-step * e)) / (2 * step) for e in torch.eye(6).double()])
    assert gradient.abs().max() > 0.1
    torch.testing.assert_close(gradient, numeric, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


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
