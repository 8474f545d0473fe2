"""Derivatives on the CPU: against the PyTorch twin, finite differences, and the adjoint's identity."""

import numpy as np
import pytest
import torch

from synthex.core import Camera, Rigid, Volume
from synthex.projection import back_project, project, project_with_derivatives
from synthex.projection.reference import joseph

PIVOT = np.array((3.0, -2.0, 5.0))


def twin(ct: Volume, camera: Camera, parameters: torch.Tensor, voxels: torch.Tensor | None = None) -> torch.Tensor:
    """The image after a motion of the body (rad, mm), a change of the focal length and of the principal point."""
    density = torch.from_numpy(np.maximum(ct.data.astype(float) + 1000, 0) / 1000) if voxels is None else voxels
    x, y, z = parameters[:3]
    zero = torch.zeros_like(x)
    turn = torch.matrix_exp(torch.stack((zero, -z, y, z, zero, -x, -y, x, zero)).reshape(3, 3))
    pivot = torch.from_numpy(PIVOT)
    moved = torch.eye(4, dtype=torch.float64)
    shift = pivot - turn @ pivot + parameters[3:6]
    moved = torch.cat((torch.cat((turn, shift[:, None]), dim=1), moved[3:]))
    pose = torch.from_numpy(camera.camera_from_world.matrix.copy()) @ moved
    k = torch.from_numpy(camera.intrinsics.copy())
    focal = torch.stack((1 + parameters[6], 1 + parameters[6], torch.ones_like(x)))
    centre = torch.stack((parameters[7], parameters[8], zero))
    k = k * torch.stack((focal, focal, torch.ones_like(focal)), dim=1)
    k = torch.cat((k[:, :2], (k[:, 2] + centre)[:, None]), dim=1)
    index = torch.from_numpy(ct.world_from_ijk.inverse().matrix.copy())
    return joseph(density[None], index, pose, k, camera.height, camera.width, camera.sdd_mm)[0]


def jacobian(ct: Volume, camera: Camera) -> np.ndarray:
    found = project_with_derivatives(ct, camera)
    return np.concatenate((found.by_motion(PIVOT), found.by_log_focal()[None], found.by_principal_point()))


@pytest.mark.parametrize("seed", range(4))
def test_derivatives_match_the_twin(random_scene, seed):
    ct, _, camera = random_scene(seed, size=20, oblique=seed % 2 == 0)
    weights = np.random.default_rng(seed).normal(size=(20, 20))
    parameters = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad((twin(ct, camera, parameters) * torch.from_numpy(weights)).sum(), parameters)
    got = np.einsum("kij,ij->k", jacobian(ct, camera), weights)
    assert expected.abs().max() > 10
    np.testing.assert_allclose(got, expected.numpy(), rtol=2e-4, atol=2e-4 * float(expected.abs().max()))


def test_derivatives_match_finite_differences_of_the_projector(random_scene):
    # Mirrored columns and a smooth body; the fast kernel is float32, so that steps are large.
    _, _, camera = random_scene(1, size=24)
    x = np.linspace(-1, 1, 24)
    inside = np.exp(-3 * (x[:, None, None] ** 2 + x[None, :, None] ** 2 * 2 + x[None, None, :] ** 2 / 2))
    ct = Volume((2000 * inside - 1000).astype(np.int16), random_scene(1)[0].world_from_ijk)
    k = camera.intrinsics * np.array(((-1.0, 1, 1), (1, 1, 1), (1, 1, 1)))
    camera = Camera(k, camera.camera_from_world, 24, 24, camera.pixel_mm)
    got = jacobian(ct, camera)

    def image(number: int, step: float) -> np.ndarray:
        parameters = np.zeros(9)
        parameters[number] = step
        turn = np.eye(3)
        if number < 3:
            turn = torch.matrix_exp(torch.from_numpy(np.cross(np.eye(3), parameters[:3]))).numpy()
        motion = Rigid.from_parts(turn, PIVOT - turn @ PIVOT + parameters[3:6])
        focal = np.diag((1 + parameters[6], 1 + parameters[6], 1.0)) @ np.where(np.eye(3)[2], 0, k)
        moved = focal + np.outer(k[:, 2] + (*parameters[7:], 0), (0, 0, 1))
        seen = Camera(moved, camera.camera_from_world @ motion, 24, 24, camera.pixel_mm)
        return project(ct, None, (), seen).water_path_mm.astype(float)

    for number, step in enumerate((0.003,) * 3 + (0.3,) * 3 + (0.003, 0.1, 0.1)):
        numeric = (image(number, step) - image(number, -step)) / (2 * step)
        assert np.abs(numeric).max() > 0.05
        # But for single rays that a step takes onto the grid.
        assert np.quantile(np.abs(got[number] - numeric), 0.99) < 0.03 * np.abs(numeric).max()


@pytest.mark.parametrize("seed", range(3))
def test_back_projection_is_the_gradient_by_the_voxels(random_scene, seed):
    ct, _, camera = random_scene(seed, size=20, oblique=seed != 1)
    weights = np.random.default_rng(seed).normal(size=(20, 20)).astype(np.float32)
    above = torch.from_numpy(np.maximum(ct.data.astype(float) + 1000, 0) / 1000).requires_grad_()
    score = (twin(ct, camera, torch.zeros(9, dtype=torch.float64), above) * torch.from_numpy(weights)).sum()
    (expected,) = torch.autograd.grad(score, above)
    expected = expected.numpy() / 1000 * (ct.data > -1000)
    got = back_project(ct, camera, weights)
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
    assert (ct.data <= -1000).any()
    assert not got[ct.data <= -1000].any()


def test_any_number_of_threads_and_any_storage_give_the_same(random_scene):
    ct, _, camera = random_scene(2, size=40)
    stored = Volume(np.asfortranarray(ct.data), ct.world_from_ijk)
    weights = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    one, three = (project_with_derivatives(ct, camera, threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.by_motion(PIVOT), three.by_motion(PIVOT))
    np.testing.assert_array_equal(back_project(ct, camera, weights, 1), back_project(ct, camera, weights, 3))
    np.testing.assert_allclose(one.water_path_mm, project(ct, None, (), camera).water_path_mm, atol=1e-3)
    np.testing.assert_allclose(one.by_motion(PIVOT), project_with_derivatives(stored, camera).by_motion(PIVOT), atol=2)
    with pytest.raises(ValueError, match="one weight a pixel"):
        back_project(ct, camera, weights[1:])
