"""Properties of the projector that hold for any volume: symmetry, additivity, determinism."""

import itertools
import json
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest

from synthex.core import Affine, Volume
from synthex.projection import project
from synthex.projection.projector import default_threads


def restored(volume: Volume, order: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same voxels in the same places, stored along other axes and directions."""
    data = volume.data.transpose(order)
    linear = np.zeros((3, 3))
    shift = np.zeros(3)
    for new, old in enumerate(order):
        linear[old, new] = -1 if flips[new] else 1
        shift[old] = data.shape[new] - 1 if flips[new] else 0
        data = np.flip(data, new) if flips[new] else data
    return Volume(data, volume.world_from_ijk @ Affine.from_parts(linear, shift))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (False, True, False)])
@pytest.mark.parametrize("copied", [False, True])
def test_storage_does_not_change_the_image(random_scene, order, flips, copied):
    ct, labels, camera = random_scene(1)
    expected = project(ct, labels, (1, 2, 3), camera)
    again, labels_again = restored(ct, order, flips), restored(labels, order, flips)
    if copied:
        again = Volume(np.ascontiguousarray(again.data), again.world_from_ijk)
    result = project(again, labels_again, (1, 2, 3), camera)
    peak = expected.water_path_mm.max()
    np.testing.assert_allclose(result.water_path_mm, expected.water_path_mm, atol=1e-5 * peak)
    # A sample on the border of two voxels may fall either way when rounding runs backwards.
    differ = np.abs(result.label_path_mm - expected.label_path_mm).max(axis=0) > 1e-3
    assert differ.mean() < 0.005


def test_doubling_the_density_doubles_the_integral(random_scene):
    ct, _, camera = random_scene(2)
    density = np.maximum(ct.data.astype(int) + 1000, 0)
    single = Volume((density - 1000).astype(np.int16), ct.world_from_ijk)
    double = Volume((2 * density - 1000).astype(np.int16), ct.world_from_ijk)
    a, b = (project(volume, None, (), camera).water_path_mm for volume in (single, double))
    np.testing.assert_allclose(b, 2 * a, rtol=1e-5, atol=1e-4)


def test_label_paths_add_up_to_the_path_through_the_grid(random_scene):
    ct, labels, camera = random_scene(3)
    parts = project(ct, labels, (0, 1, 2, 3), camera).label_path_mm.sum(axis=0)
    everything = Volume(np.ones_like(labels.data), labels.world_from_ijk)
    total = project(ct, everything, (1,), camera).label_path_mm[0]
    np.testing.assert_allclose(parts, total, rtol=1e-6)
    assert total.max() > 30


def test_label_channels_follow_the_order_asked_for(random_scene):
    ct, labels, camera = random_scene(4)
    forward = project(ct, labels, (1, 2, 3), camera)
    backward = project(ct, labels, (3, 1), camera)
    np.testing.assert_array_equal(backward.label_path_mm, forward.label_path_mm[[2, 0]])
    np.testing.assert_array_equal(backward.water_path_mm, forward.water_path_mm)
    assert project(ct, None, (), camera).label_path_mm.shape == (0, 24, 24)


def test_result_is_bitwise_the_same_for_any_number_of_threads(random_scene):
    ct, labels, camera = random_scene(5, size=61)
    one = project(ct, labels, (1, 2, 3), camera, threads=1)
    for threads in (2, 3, 7, 100):
        many = project(ct, labels, (1, 2, 3), camera, threads=threads)
        np.testing.assert_array_equal(many.water_path_mm, one.water_path_mm)
        np.testing.assert_array_equal(many.label_path_mm, one.label_path_mm)


def test_result_is_bitwise_the_same_after_a_fork(random_scene):
    ct, labels, camera = random_scene(6)
    # Threads run before the fork, as when a training process previews before it starts its workers.
    here = project(ct, labels, (1,), camera, threads=2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(project(ct, labels, (1,), camera)))
    child.start()
    there = queue.get(timeout=60)
    child.join(60)
    np.testing.assert_array_equal(there.water_path_mm, here.water_path_mm)
    np.testing.assert_array_equal(there.label_path_mm, here.label_path_mm)


FRESH = """
import json, sys
import numpy as np
from synthex.core import Affine, Camera, Volume
from synthex.projection import project
data = np.load(sys.argv[1])
camera = Camera.from_record(json.loads(sys.argv[2]))
np.save(sys.argv[3], project(Volume(data["ct"], Affine(data["affine"])), None, (), camera).water_path_mm)
"""


def test_result_is_bitwise_the_same_in_a_fresh_process(random_scene, tmp_path):
    ct, _, camera = random_scene(6)
    np.savez(tmp_path / "in.npz", ct=ct.data, affine=ct.world_from_ijk.matrix)
    record = json.dumps(camera.to_record())
    command = [sys.executable, "-c", FRESH, str(tmp_path / "in.npz"), record, str(tmp_path / "out.npy")]
    subprocess.run(command, check=True, timeout=120)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), project(ct, None, (), camera).water_path_mm)


def test_memory_maps_are_read_in_place_by_the_same_kernel(random_scene, tmp_path):
    from synthex.projection.cpu_kernel import project_packets

    ct, labels, camera = random_scene(7)
    expected = project(ct, labels, (1, 2), camera)
    for name, volume in (("ct", ct), ("labels", labels)):
        np.save(tmp_path / f"{name}.npy", volume.data)
    mapped, mapped_labels = (
        Volume(np.load(tmp_path / f"{name}.npy", mmap_mode="r"), ct.world_from_ijk) for name in ("ct", "labels")
    )
    result = project(mapped, mapped_labels, (1, 2), camera)
    np.testing.assert_array_equal(result.water_path_mm, expected.water_path_mm)
    np.testing.assert_array_equal(result.label_path_mm, expected.label_path_mm)
    assert len(project_packets.signatures) == 1


def test_inputs_are_not_written(random_scene):
    ct, labels, camera = random_scene(8)
    before = ct.data.copy(), labels.data.copy()
    project(ct, labels, (1,), camera)
    np.testing.assert_array_equal(ct.data, before[0])
    np.testing.assert_array_equal(labels.data, before[1])
    assert ct.data.flags.writeable


def test_bad_requests_are_refused(random_scene):
    ct, labels, camera = random_scene(9)
    with pytest.raises(ValueError, match="int16"):
        project(Volume(ct.data.astype(np.float32), ct.world_from_ijk), None, (), camera)
    with pytest.raises(ValueError, match="no labels"):
        project(ct, None, (1,), camera)
    with pytest.raises(ValueError, match="distinct"):
        project(ct, labels, (1, 1), camera)
    with pytest.raises(ValueError, match=r"0\.\.255"):
        project(ct, labels, (256,), camera)
    with pytest.raises(ValueError, match="grid"):
        project(ct, Volume(labels.data[:-1], labels.world_from_ijk), (1,), camera)
    with pytest.raises((ValueError, TypeError), match="backend"):
        project(ct, None, (), camera, backend="metal")


def test_threads_are_those_of_the_environment_up_to_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(8))
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert default_threads() == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # OpenMP's nested form
    assert default_threads() == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert default_threads() == 3
    monkeypatch.setenv("NUMBA_NUM_THREADS", "64")
    assert default_threads() == 8
