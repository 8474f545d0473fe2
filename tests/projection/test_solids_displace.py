"""What solids take away from the volume: exact splits, parity with the twin, nothing else changed."""

import itertools

import numpy as np
import pytest
import trimesh
from generators.solids import frontal, lumpy, rotation, solid_of

from synthex.core import Affine, Camera, Rigid, Volume
from synthex.projection import HuTable, project
from synthex.projection.solids import displace, integrals_in_solids, trace_solids

TWO_ROWS = 2 * 10.4 / 1000
"""Largest step of :func:`curve` (1/1000), twice, over the widest spacing of planes along a ray (at most 6 mm
times sqrt 3): rounding may take one or two samples to the next row of the table."""


def curve(seed: int, rows: int = 2500, quantities: int = 2) -> HuTable:
    """An increasing table that ends below the largest HU, at most 1/1000 a row as densities are (g/cm3)."""
    rng = np.random.default_rng(seed)
    steps = rng.random((rows - 1, quantities))
    return HuTable(np.concatenate((np.zeros((1, quantities)), np.cumsum(steps, axis=0) / 1000)))


def random_solids(rng: np.random.Generator, camera: Camera) -> list:
    """Overlapping parts, oriented either way: a lump, a tube, a long bar, a ring."""
    meshes = (
        lumpy(rng, 14.0),
        trimesh.creation.annulus(4, 9, 30, sections=16),
        trimesh.creation.box((300, 5, 8)),
        trimesh.creation.torus(15, 4, major_sections=12, minor_sections=8),
    )
    return [
        solid_of(mesh, rng.uniform(-12, 12, 3), f"part {n}", rotation(rng), flip=n % 2 == 1)
        for n, mesh in enumerate(meshes)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_kernel_matches_twin(random_scene, seed):
    ct, labels, camera = random_scene(seed, size=24, oblique=seed % 2 == 0)
    parts = random_solids(np.random.default_rng(seed), camera)
    fast, slow = (
        project(ct, labels, (1, 2), camera, table=curve(seed), solids=parts, backend=backend)
        for backend in ("numba", "torch")
    )
    assert (fast.solid_path_mm.max(axis=(1, 2)) > 5).all()
    np.testing.assert_allclose(fast.solid_path_mm, slow.solid_path_mm, atol=1e-5)
    np.testing.assert_allclose(fast.water_path_mm, slow.water_path_mm, atol=1e-4 * slow.water_path_mm.max())
    # The kernel takes the nearest row of the table: it errs by half a row's step (1/2000) in every mm at the most.
    longest = float(np.linalg.norm(ct.spacing_mm * ct.shape))
    assert slow.quantity_mm.max() > 20
    assert np.abs(fast.quantity_mm - slow.quantity_mm).max() <= longest / 2000
    without = project(ct, labels, (1, 2), camera)
    assert np.abs(without.water_path_mm - fast.water_path_mm).max() > 5


def around_source(seed: int) -> tuple[Volume, Camera]:
    """A random oblique volume that reaches from behind the source to beyond the detector."""
    rng = np.random.default_rng(seed)
    linear = rotation(rng) @ np.diag((4.0, 5.0, 6.0))
    shape = np.array((40, 32, 27))
    data = rng.integers(-1000, 1500, shape).astype(np.int16)
    pose = Rigid.from_parts(rotation(rng), (2.0, -3.0, 40.0))
    base = frontal(17, 19, 8.0, sdd_mm=82.3)
    camera = Camera(base.intrinsics, pose, 17, 19, 8.0)
    return Volume(data, Affine.from_parts(linear, -linear @ (shape - 1) / 2)), camera


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_solid_around_everything_leaves_nothing(seed, backend):
    ct, camera = around_source(seed)
    labels = Volume((ct.data > 0).astype(np.uint8), ct.world_from_ijk)
    block = solid_of(trimesh.creation.box((900, 900, 900)))
    plain = project(ct, labels, (1,), camera, table=curve(seed))
    result = project(ct, labels, (1,), camera, table=curve(seed), solids=[block], backend=backend)
    assert plain.water_path_mm.min() > 10
    # Float32 sums of tens of samples, up to 2.5 each: rounding of 1e-7 of the whole.
    assert np.abs(result.water_path_mm).max() < 1e-6 * plain.water_path_mm.max()
    assert np.abs(result.quantity_mm).max() < (TWO_ROWS if backend == "numba" else 1e-6 * plain.quantity_mm.max())
    lengths = np.linalg.norm(
        np.stack((*(np.mgrid[:17, :19] - np.array((8, 9))[:, None, None]) * 8 / 82.3, np.ones((17, 19)))), axis=0
    )
    np.testing.assert_allclose(result.solid_path_mm[0], 82.3 * lengths, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_parts_of_a_ray_add_up_to_all_of_it(seed, backend):
    # Layers in an arbitrary direction fill the space: each takes its share of every sample.
    ct, camera = around_source(seed)
    turn = rotation(np.random.default_rng(100 + seed))
    edges = np.array((-400, -31, -14.2, -14.1, 3, 17, 52, 400))
    layers = [
        solid_of(trimesh.creation.box((900, 900, b - a)), turn @ (0, 0, (a + b) / 2), rotation=turn)
        for a, b in itertools.pairwise(edges)
    ]
    plain = project(ct, None, (), camera, table=curve(seed), backend=backend)
    taken = []
    for layer in layers:
        left = project(ct, None, (), camera, table=curve(seed), solids=[layer], backend=backend)
        taken.append((plain.water_path_mm - left.water_path_mm, *(plain.quantity_mm - left.quantity_mm)))
    assert sum(part[0].max() > 1 for part in taken) >= 4
    water, *quantities = np.sum(taken, axis=0)
    np.testing.assert_allclose(water, plain.water_path_mm, rtol=1e-5)
    differ = np.abs(np.stack(quantities) - plain.quantity_mm)
    assert differ.max() < (TWO_ROWS if backend == "numba" else 1e-5 * plain.quantity_mm.max())
    assert np.median(differ) < 1e-5
    together = project(ct, None, (), camera, table=curve(seed), solids=layers, backend=backend)
    assert np.abs(together.water_path_mm).max() < 1e-5 * plain.water_path_mm.max()


@pytest.mark.parametrize("seed", range(2))
def test_a_blended_table_is_taken_out_as_the_twin_does(seed):
    ct, camera = around_source(seed)
    parts = [solid_of(lumpy(np.random.default_rng(seed), 40.0)), solid_of(trimesh.creation.box((20, 300, 5)))]
    plain, expected = (
        project(ct, None, (), camera, table=curve(seed), solids=solids, backend="torch") for solids in ((), parts)
    )
    rays = trace_solids(parts, camera)
    assert len(rays.pixels) > 200
    got = displace(plain.water_path_mm, plain.quantity_mm, rays, ct, camera, curve(seed), blend=True)
    np.testing.assert_allclose(got[0], expected.water_path_mm, atol=2e-5)
    np.testing.assert_allclose(got[1], expected.quantity_mm, atol=2e-5)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_water_for_water_changes_nothing(backend):
    # Where the body is water around a solid, its path is exactly what is missing.
    affine = Affine.from_parts(rotation(np.random.default_rng(1)) @ np.diag((3.0, 2.0, 4.0)), (0, 0, 0))
    middle = affine.apply(np.array(((19.5, 29.5, 14.5),)))[0]
    ct = Volume(np.zeros((40, 60, 30), dtype=np.int16), Affine.from_parts(affine.linear, (0, 0, 500) - middle))
    camera = frontal(30, 30, 4.0)
    ball = solid_of(lumpy(np.random.default_rng(2), 18.0), (3, 2, 500))
    plain = project(ct, None, (), camera, backend=backend)
    result = project(ct, None, (), camera, solids=[ball], backend=backend)
    assert (result.solid_path_mm[0] > 10).sum() > 60
    np.testing.assert_allclose(result.water_path_mm + result.solid_path_mm[0], plain.water_path_mm, atol=5e-5)


def test_ball_in_a_block_has_both_chords(solids):
    block = solids.box(1.0)
    ball = solid_of(trimesh.creation.icosphere(6, 20.0), solids.center)
    for offset, chord in (((0, 0), 40.0), ((20, 0), 2 * np.sqrt(400 - (500 * np.sin(np.arctan(0.02))) ** 2))):
        camera = solids.ray_camera(*offset)
        plain, result = project(block, None, (), camera), project(block, None, (), camera, solids=[ball])
        assert result.solid_path_mm[0, 0, 0] == pytest.approx(chord, abs=0.005)
        assert plain.water_path_mm[0, 0] - result.water_path_mm[0, 0] == pytest.approx(chord, abs=0.005)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_labels_and_other_rays_stay_as_they_are(random_scene, backend):
    ct, labels, camera = random_scene(3)
    parts = [solid_of(lumpy(np.random.default_rng(3), 10.0))]
    plain = project(ct, labels, (0, 1, 2, 3), camera, table=curve(0), backend=backend)
    result = project(ct, labels, (0, 1, 2, 3), camera, table=curve(0), solids=parts, backend=backend)
    np.testing.assert_array_equal(result.label_path_mm, plain.label_path_mm)
    missed = result.solid_path_mm[0] == 0
    assert 0 < missed.sum() < missed.size
    np.testing.assert_array_equal(result.water_path_mm[missed], plain.water_path_mm[missed])
    np.testing.assert_array_equal(result.quantity_mm[:, missed], plain.quantity_mm[:, missed])
    assert (result.water_path_mm <= plain.water_path_mm + 1e-4).all()


def test_threads_do_not_change_a_bit():
    ct, _ = around_source(0)
    base = frontal(110, 120, 1.2, sdd_mm=82.3)
    camera = Camera(base.intrinsics, Rigid.from_parts(np.eye(3), (0, 0, 40.0)), 110, 120, 1.2)
    rays = trace_solids([solid_of(trimesh.creation.icosphere(3, 30.0), (0, 0, 5))], camera)
    assert len(rays.pixels) > 8192
    one, three = (integrals_in_solids(rays, ct, camera, curve(0), threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_storage_of_the_volume_does_not_matter():
    ct, camera = around_source(1)
    rays = trace_solids([solid_of(trimesh.creation.icosphere(3, 30.0))], camera)
    turned = Volume(np.asfortranarray(ct.data), ct.world_from_ijk)
    sparse = Volume(np.repeat(ct.data, 2, axis=1)[:, ::2], ct.world_from_ijk)
    expected = integrals_in_solids(rays, ct, camera)
    assert expected.max() > 10
    for other in (turned, sparse):
        np.testing.assert_array_equal(integrals_in_solids(rays, other, camera), expected)


def test_quantities_below_zero_stay_so_and_inputs_are_not_written():
    ct, camera = around_source(2)
    rays = trace_solids([solid_of(trimesh.creation.box((900, 900, 40)))], camera)
    table = HuTable(np.stack((np.linspace(0, -1, 2600), np.linspace(0, 1, 2600)), axis=1))
    plain = project(ct, None, (), camera, table=table)
    before = plain.water_path_mm.copy(), plain.quantity_mm.copy()
    water, quantity = displace(plain.water_path_mm, plain.quantity_mm, rays, ct, camera, table)
    np.testing.assert_allclose(quantity[0], -quantity[1], atol=1e-4)
    assert quantity[0].min() < -5
    assert water.min() >= 0
    np.testing.assert_array_equal(plain.water_path_mm, before[0])
    np.testing.assert_array_equal(plain.quantity_mm, before[1])
