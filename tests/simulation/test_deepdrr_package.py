"""Our adapter against the installed DeepDRR package, as far as a machine without a GPU goes; skipped without it.

Its camera, volume and spectra are the package's own objects; what its kernel makes of them is looked at in
``test_deepdrr_rendering.py``.
"""

import dataclasses
import importlib

import numpy as np
import pytest
from generators.deepdrr_on_cpu import import_deepdrr

from synthex.core import Affine, Camera, UserError, Volume, derive_rng
from synthex.geometry import CArm, ViewRanges
from synthex.simulation import deepdrr_session
from synthex.simulation.deepdrr_availability import GPU_PROBE, find_missing, run_apart
from synthex.simulation.deepdrr_bridge import (
    density_g_cm3,
    device_of,
    material_ids,
    open_field_kev,
    unmirrored,
    volume_of,
)
from synthex.simulation.deepdrr_server import render_apart
from synthex.simulation.deepdrr_session import Settings, make_projector, render_intensity

RANGES = ViewRanges((-60, 60), (-40, 40), (-20, 20), ((-40, 40), (-30, 30), (-50, 50)), (400, 800))


@pytest.fixture(scope="module", autouse=True)
def package():
    yield import_deepdrr()
    deepdrr_session._held.clear()


def random_camera(index: int, side: str) -> Camera:
    """A random oblique C-arm view, binned, with a detector that is off the beam's axis."""
    rng = derive_rng("deepdrr view", index)
    carm = CArm(rows=1200, columns=1536, source_side=side).binned(256)
    camera = carm.camera(RANGES.sample(rng, np.array((10.0, -20.0, 30.0))))
    shift = np.zeros((3, 3))
    shift[:2, 2] = rng.uniform(-9, 9, 2)
    return dataclasses.replace(camera, intrinsics=camera.intrinsics + shift)


@pytest.mark.parametrize("side", ["anterior", "posterior"])
@pytest.mark.parametrize("index", range(8))
def test_points_land_on_the_same_pixels(index, side):
    camera = random_camera(index, side)
    straight, flipped = unmirrored(camera)
    device = device_of(straight)
    geo = importlib.import_module("deepdrr.geo")
    points = derive_rng("points", index).uniform(-120, 120, (25, 3))
    wanted = camera.project(points)
    found = np.array([np.asarray(device.index_from_world @ geo.point(*point))[:2] for point in points])
    if flipped:
        found[:, 0] = camera.width - found[:, 0]
    assert flipped == (side == "posterior")
    # killeengeo keeps transforms in float32: 1e-3 pixel of 256 is 4e-6
    assert np.abs(found - wanted).max() < 1e-3
    assert np.allclose(np.asarray(device.source_in_world)[:3], camera.source_world, atol=1e-3)


@pytest.mark.parametrize("side", ["anterior", "posterior"])
def test_its_rays_are_ours_pixel_by_pixel(side):
    camera = random_camera(3, side)
    straight, flipped = unmirrored(camera)
    world_from_index = np.asarray(device_of(straight).get_camera_projection().world_from_index)[:3]
    for column, row in ((0, 0), (255, 0), (40, 199), (130, 77)):
        seen = camera.width - 1 - column if flipped else column
        its = world_from_index @ (seen + 0.5, row + 0.5, 1)  # DeepDRR marches along this direction
        ours = camera.world_from_pixel @ (column + 0.5, row + 0.5, 1)
        assert np.allclose(its / np.linalg.norm(its), ours / np.linalg.norm(ours), atol=2e-6)


def test_the_detector_is_ours():
    camera = unmirrored(random_camera(1, "posterior"))[0]
    device = device_of(camera)
    intrinsics = device.camera_intrinsics
    assert (intrinsics.sensor_height, intrinsics.sensor_width) == (camera.height, camera.width)
    assert device.source_to_detector_distance == pytest.approx(camera.sdd_mm, rel=1e-5)
    assert device.detector_width == pytest.approx(camera.width * camera.pixel_mm, rel=1e-5)


def affines():
    """Axis-aligned, permuted and left-handed, oblique, and sheared as with a tilted gantry."""
    rng = derive_rng("affine")
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    tilted = np.array(((0.8, 0, 0), (0, 0.8, 0.7), (0, 0, 2.4)))
    swapped = np.array(((0, -0.7, 0), (1.5, 0, 0), (0, 0, -2.0)))
    linear = {"straight": np.diag((0.9, 1.1, 2.0)), "swapped": swapped, "oblique": rotation * (0.7, 1.5, 2.0)}
    return [pytest.param(Affine.from_parts(m, (12.5, -80, 7)), id=n) for n, m in (*linear.items(), ("tilted", tilted))]


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("affine", affines())
def test_the_volume_lies_where_the_ct_lies_in_a_skin_of_air(affine, shift):
    hu = derive_rng("hu").integers(0, 3000, (5, 6, 7)).astype(np.int16)
    volume = volume_of(Volume(hu, affine), shift)
    inside = np.argwhere(volume.data > 0)
    assert volume.shape == (8, 9, 10)
    assert np.array_equal(inside.min(axis=0), (1, 1, 1))
    assert np.array_equal(inside.max(axis=0), (5, 6, 7))
    assert not volume.materials[1][volume.data == 0].any()
    # Voxel 0 of the CT is told to be where voxel 1 + shift is: it is then drawn where it is.
    index = derive_rng("index").uniform(0, 5, (10, 3))
    told = Affine(np.asarray(volume.world_from_ijk, dtype=np.float64)).apply(index + 1 + shift)
    assert np.allclose(told, affine.apply(index), atol=5e-5)
    assert np.allclose(np.asarray(volume.spacing)[:3], np.linalg.norm(affine.linear, axis=0), atol=1e-6)


def test_voxels_are_what_the_package_makes_of_the_same_hu():
    load = importlib.import_module("deepdrr.load_dicom")
    hu = np.arange(-1200, 3200, dtype=np.int16).reshape(11, 20, 20)
    masks = load.conv_hu_to_materials_thresholding(hu)
    volume = volume_of(Volume(hu, Affine.identity()))
    core = (slice(1, -2),) * 3
    names, data, ids = volume.materials[0], volume.data[core], volume.materials[1][core]
    assert np.allclose(data, load.conv_hu_to_density(hu.astype(np.float64)), atol=1e-6)
    assert np.array_equal(data, density_g_cm3(hu))
    for name, mask in masks.items():
        assert np.array_equal(ids == names[name], mask), name
    assert np.array_equal(ids, material_ids(hu))


@pytest.mark.parametrize(("spectrum", "kev"), [("60KV_AL35", 37.53), ("90KV_AL40", 49.24), ("120KV_AL43", 58.16)])
def test_the_projector_takes_all_this_and_knows_the_open_field(spectrum, kev):
    ct = Volume(np.zeros((4, 4, 4), dtype=np.int16), Affine.identity())
    first, second = (device_of(unmirrored(random_camera(index, "anterior"))[0]) for index in range(2))
    projector = make_projector(ct, first, Settings(spectrum, noise=True, photon_count=700))
    assert open_field_kev(projector.spectrum_arr) == pytest.approx(kev, abs=0.01)
    assert (projector.add_noise, projector.photon_count, projector.neglog) == (True, 700, False)
    assert (projector.step, projector.collected_energy) == (0.1, False)
    assert sorted(projector.all_materials) == ["air", "bone", "soft tissue"]
    projector.device = second  # how the next view is taken with the same volume on the GPU
    assert np.array_equal(np.asarray(projector.camera_intrinsics), np.asarray(second.camera_intrinsics))


class OneSpot:
    """Stands for the GPU: draws one world point through the package's camera, in keV of an open field of 40."""

    def __init__(self, point):
        self.point, self.device = point, None
        self.spectrum_arr = np.array(((40e3, 1.0),))

    def initialize(self):
        pass

    def free(self):
        pass

    def project(self):
        intrinsics = self.device.camera_intrinsics
        image = np.full((intrinsics.sensor_height, intrinsics.sensor_width), 40.0)
        geo = importlib.import_module("deepdrr.geo")
        column, row = np.asarray(self.device.index_from_world @ geo.point(*self.point))[:2]
        image[int(row), int(column)] = 10.0
        return image


@pytest.mark.parametrize("side", ["anterior", "posterior"])
def test_a_spot_is_seen_where_our_camera_sees_it(side, monkeypatch):
    point = np.array((22.0, -31.0, 14.0))
    deepdrr_session._held.clear()
    monkeypatch.setattr(deepdrr_session, "make_projector", lambda *_: OneSpot(point))
    ct = Volume(np.zeros((4, 4, 4), dtype=np.int16), Affine.identity())
    for index in range(4):  # the second view on reuses what the first made
        camera = random_camera(index, side)
        column, row = camera.project(point[None])[0]
        image = render_intensity(ct, camera, Settings())
        assert image.shape == (camera.height, camera.width)
        assert image[int(row), int(column)] == pytest.approx(0.25)
        assert (image == 1).sum() == image.size - 1
    deepdrr_session._held.clear()


@pytest.mark.skipif(run_apart(GPU_PROBE) is None, reason="this machine has a GPU")
def test_without_a_gpu_both_ways_in_say_so():
    # Only the package is asked for: CuPy's own words about the GPU are what is tested.
    reason = find_missing(which=lambda name: None)
    assert reason is not None
    assert "no usable NVIDIA GPU (cupy" in reason
    assert "CUDA" in reason or "driver" in reason
    ct = Volume(np.zeros((4, 4, 4), dtype=np.int16), Affine.identity())
    with pytest.raises(UserError, match=r"the package deepdrr failed: .*(CUDA|libusb)"):
        render_apart(ct, random_camera(0, "anterior"), Settings())
