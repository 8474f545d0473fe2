"""The CUDA projector's front: what it keeps, what it refuses, and (with a GPU) that it is the CPU's equal."""

import gc

import numpy as np
import pytest
import torch

from synthex.core import Camera, ConfigError, Volume
from synthex.projection import HuTable, project
from synthex.projection.cuda import DeviceVolumes, cuda_device, project_cuda

CPU = torch.device("cpu")


def voxels(value, count=100):
    return np.full((count, 1, 1), value, dtype=np.int16)


def test_a_volume_is_uploaded_once_while_its_array_lives():
    volumes, data = DeviceVolumes(), voxels(40)
    first = volumes.get(data, CPU)
    assert volumes.get(data, CPU) is first
    assert volumes.get(data.copy(), CPU) is not first
    del data
    gc.collect()
    volumes.get(voxels(1), CPU)
    assert len(volumes) == 1


def test_uploaded_voxels_are_flat_and_no_lighter_than_air():
    data = np.arange(-1100, -1100 + 240, dtype=np.int16).reshape(6, 5, 8).transpose(2, 0, 1)[::-1]
    data.flags.writeable = False
    uploaded = DeviceVolumes().get(data, CPU)
    np.testing.assert_array_equal(uploaded.numpy(), np.maximum(data, -1000).ravel())
    assert data.min() == -1100


def test_the_least_recently_used_volume_goes_first():
    volumes, kept = DeviceVolumes(limit_bytes=500), [voxels(value) for value in range(3)]
    first, second = volumes.get(kept[0], CPU), volumes.get(kept[1], CPU)
    assert volumes.get(kept[0], CPU) is first
    volumes.get(kept[2], CPU)
    assert len(volumes) == 2
    assert volumes.get(kept[0], CPU) is first
    assert volumes.get(kept[1], CPU) is not second
    large = voxels(7, count=1000)
    assert volumes.get(large, CPU) is volumes.get(large, CPU)
    assert len(volumes) == 1


def test_bad_batches_are_refused(random_scene):
    ct, labels, camera = random_scene(0)
    table, other = (HuTable(np.arange(rows, dtype=np.float32)[:, None]) for rows in (10, 20))
    with pytest.raises(ValueError, match="no camera"):
        project_cuda(ct, labels, (1,), [])
    with pytest.raises(ValueError, match="one size"):
        project_cuda(ct, labels, (1,), [camera, camera.resized(12, 12)])
    with pytest.raises(ValueError, match="one table or as many"):
        project_cuda(ct, labels, (1,), [camera] * 3, table=[table, table])
    with pytest.raises(ValueError, match="one shape"):
        project_cuda(ct, labels, (1,), [camera] * 2, table=[table, other])
    with pytest.raises(ValueError, match="int16"):
        project_cuda(Volume(ct.data.astype(np.float32), ct.world_from_ijk), None, (), [camera])


def test_other_devices_are_refused():
    with pytest.raises(ConfigError, match=r"device=cpu: .* backend='numba'"):
        cuda_device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_machine_without_a_gpu_is_told_what_to_do(random_scene):
    ct, _, camera = random_scene(0)
    with pytest.raises(ConfigError, match=r"no CUDA device .* use backend='numba'"):
        project(ct, None, (), camera, backend="cuda")


def batch(camera: Camera, count: int) -> list[Camera]:
    """The same camera with its detector shifted."""
    shifts = np.linspace(-20, 20, count)
    moved = []
    for shift in shifts:
        intrinsics = camera.intrinsics.copy()
        intrinsics[:2, 2] += shift
        moved.append(Camera(intrinsics, camera.camera_from_world, camera.height, camera.width, camera.pixel_mm))
    return moved


def curve(quantities: int) -> HuTable:
    return HuTable(np.arange(2000, dtype=np.float32)[:, None] * np.linspace(0.1, 2, quantities, dtype=np.float32))


@pytest.mark.gpu
@pytest.mark.parametrize("quantities", [1, 6, 8])
def test_device_matches_the_cpu(random_scene, quantities):
    ct, labels, camera = random_scene(3, size=128)
    cameras, table = batch(camera, 8), curve(quantities)
    result = project_cuda(ct, labels, (2, 0, 3), cameras, table=table)
    for stack, view in zip(result.to_host(), cameras, strict=True):
        water, paths, quantity = stack[0], stack[1:4], stack[4:]
        theirs = project(ct, labels, (2, 0, 3), view, table=table, backend="torch")
        cpu = project(ct, labels, (2, 0, 3), view)
        peak = theirs.water_path_mm.max()
        np.testing.assert_allclose(water, theirs.water_path_mm, atol=1e-4 * peak)
        # The table is a straight line, between whose rows the kernel is half a step (1/1000 of its end) off.
        np.testing.assert_allclose(quantity, theirs.quantity_mm, atol=2e-3 * theirs.quantity_mm.max())
        # A sample on the border of two voxels may fall either way.
        assert (np.abs(paths - cpu.label_path_mm).max(axis=0) > 1e-3).mean() <= 0.005


@pytest.mark.gpu
def test_results_stay_on_the_device_and_volumes_are_not_uploaded_again(random_scene):
    ct, labels, camera = random_scene(4, size=128)
    volumes = DeviceVolumes()
    first = project_cuda(ct, labels, (1,), batch(camera, 8), volumes=volumes)
    kept = volumes.get(ct.data, first.water_path_mm.device)
    second = project_cuda(ct, labels, (1,), batch(camera, 8), volumes=volumes)
    assert first.water_path_mm.is_cuda
    assert first.water_path_mm.__cuda_array_interface__["shape"] == (8, 128, 128)
    assert volumes.get(ct.data, first.water_path_mm.device) is kept
    assert torch.equal(first.water_path_mm, second.water_path_mm)
    assert torch.equal(first.label_path_mm, second.label_path_mm)


@pytest.mark.gpu
def test_the_backend_of_project_is_the_same_kernel(random_scene):
    ct, labels, camera = random_scene(6)
    alone = project(ct, labels, (1, 3), camera, table=curve(2), backend="cuda")
    stack = project_cuda(ct, labels, (1, 3), [camera], table=curve(2)).to_host()[0]
    np.testing.assert_array_equal(alone.water_path_mm, stack[0])
    np.testing.assert_array_equal(alone.label_path_mm, stack[1:3])
    np.testing.assert_array_equal(alone.quantity_mm, stack[3:])


@pytest.mark.gpu
def test_launches_go_to_the_current_stream(random_scene):
    ct, labels, camera = random_scene(5, size=128)
    expected = project_cuda(ct, labels, (1,), batch(camera, 8)).water_path_mm.cpu()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        # Half a second of work on the default stream, which a launch on that stream would wait for.
        with torch.cuda.stream(torch.cuda.default_stream()):
            torch.cuda._sleep(10**9)
        result = project_cuda(ct, labels, (1,), batch(camera, 8))
        stream.synchronize()
        assert not torch.cuda.default_stream().query()
        assert torch.equal(result.water_path_mm.cpu(), expected)
