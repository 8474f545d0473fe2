"""The CUDA kernel, run by Numba's simulator, against the twin and the CPU kernel."""

import numpy as np
import pytest
from generators.cuda_simulator import project_simulated

from synthex.core import Affine, Camera, Rigid, Volume
from synthex.geometry import CArm, View
from synthex.projection import HuTable, project

IDS = (2, 0, 3)
SHAPE = (12, 10, 8)


def make_scene(seed, oblique=True):
    """Random HU below and above air, blocky labels, on a small anisotropic grid around the origin."""
    rng = np.random.default_rng(seed)
    hu = rng.integers(-1100, 2000, SHAPE).astype(np.int16)
    labels = np.kron(rng.integers(0, 4, (4, 4, 3)), np.ones((3, 3, 3), dtype=int))[:12, :10, :8].astype(np.uint8)
    linear = (rotation(rng) if oblique else np.eye(3)) @ np.diag((5.0, 6.5, 8.0))
    affine = Affine.from_parts(linear, -linear @ (np.array(SHAPE) - 1) / 2 + rng.uniform(-3, 3, 3))
    return Volume(hu, affine), Volume(labels, affine)


def rotation(rng):
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def view(lao_deg, cranial_deg):
    """8 x 8 pixels from a C-arm turned about the origin."""
    carm = CArm(rows=8, columns=8, pixel_mm=20.0, sdd_mm=1000.0)
    return carm.camera(View(np.zeros(3), lao_deg, cranial_deg, source_isocenter_mm=700.0))


def make_table(seed, quantities=3):
    """A curve with kinks that ends below the largest HU, so that clamping shows."""
    values = np.random.default_rng(seed).uniform(0, 2, (2200, quantities)).cumsum(axis=0) / 1000
    return HuTable((values - values[0]).astype(np.float32))


def inside(depth_mm, sdd_mm):
    """The source in the volume, the detector in it or beyond."""
    intrinsics = np.array(((8.0, 0, 4.2), (0, 8.0, 3.9), (0, 0, 1.0)))
    pose = Rigid.from_parts(rotation(np.random.default_rng(5)), (0.0, 0.0, depth_mm))
    return Camera(intrinsics, pose, 8, 8, sdd_mm / 8)


VIEWS = [view(0, 0), view(90, 0), view(-40, 25), view(10, 85)]
CALLS = {
    "axes": (*make_scene(0, oblique=False), IDS, VIEWS, [make_table(seed) for seed in range(4)]),
    "oblique": (*make_scene(1), IDS, VIEWS[2:], [make_table(9, 8)]),
    "no labels": (make_scene(1)[0], None, (), [inside(10.0, 500.0)], None),
    "between": (*make_scene(2), (1,), [inside(30.0, 40.0)], None),
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return dict(zip(CALLS, project_simulated(tmp_path_factory.mktemp("cuda"), CALLS.values()), strict=True))


def expected(name, number, backend):
    ct, labels, ids, cameras, tables = CALLS[name]
    table = None if tables is None else tables[min(number, len(tables) - 1)]
    return project(ct, labels, ids, cameras[number], table=table, backend=backend)


@pytest.mark.parametrize("name", CALLS)
def test_kernel_matches_twin(simulated, name):
    water, paths, quantities = simulated[name]
    for number in range(len(CALLS[name][3])):
        twin = expected(name, number, "torch")
        peak = twin.water_path_mm.max()
        assert peak > 10
        np.testing.assert_allclose(water[number], twin.water_path_mm, atol=1e-4 * peak)
        assert quantities[number].shape == twin.quantity_mm.shape
        for mine, its in zip(quantities[number], twin.quantity_mm, strict=True):
            assert its.max() > 1
            # The kernel takes the nearest row: half a row's step (1/1000) off in every mm of 150 at the most.
            np.testing.assert_allclose(mine, its, atol=150 / 1000)
            assert np.abs(mine - its).mean() < 0.01
        # A sample on the border of two voxels may fall either way: at most one pixel of the 64.
        assert (np.abs(paths[number] - twin.label_path_mm).max(axis=0, initial=0) > 1e-3).sum() <= 1
        assert np.count_nonzero(paths[number]) >= paths[number].size / 10


@pytest.mark.parametrize("name", ["axes", "oblique"])
def test_quantities_are_those_of_the_cpu_kernel(simulated, name):
    for number, mine in enumerate(simulated[name][2]):
        cpu = expected(name, number, "numba")
        # Where rounding puts a sample between two rows on the other side, one row's step (1/500) over 10 mm.
        np.testing.assert_allclose(mine, cpu.quantity_mm, atol=0.02)
        assert (np.abs(mine - cpu.quantity_mm) > 1e-4 * cpu.quantity_mm.max()).mean() < 0.01
