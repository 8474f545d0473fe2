"""Samples whose projections come from the training process are the samples of workers that do it all."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from generators.anatomies import Balls
from torch.utils.data import DataLoader

from synthex.anatomy.cache import PreparedAnatomies
from synthex.augment import strong
from synthex.core import ConfigError, Scene, Solid, Volume
from synthex.data import LearningDataset, SyntheticReader, collate
from synthex.geometry import CArm, ViewRanges
from synthex.learning import device_render
from synthex.learning.device_render import (
    DeviceRenderer,
    ProjectionRequest,
    ProjectionServer,
    VoxelFile,
    with_projector,
)
from synthex.projection import project
from synthex.projection.cuda import DeviceProjection
from synthex.simulation.levels.heuristic import Heuristic
from synthex.simulation.levels.naive import Naive
from synthex.tasks import hip_landmarks

VIEWS = ViewRanges((-30, 30), (-15, 15), (-10, 10), ((-40, 40), (-10, 10), (-30, 30)), (530, 700))


def on_cpu(requests):
    """What a device answers, from the CPU kernel."""
    answers = []
    for request in requests:
        ct, labels = (volume(file, request.world_from_ijk) for file in (request.ct, request.labels))
        done = project(ct, labels, request.label_ids, request.camera, table=request.table, threads=1)
        answers.append(np.concatenate((done.water_path_mm[None], done.label_path_mm, done.quantity_mm)))
    return answers


def volume(file, world_from_ijk):

    return Volume(file.open(), world_from_ijk)


def make_reader(source, simulator, scene=None):
    task = hip_landmarks.build()
    if scene is not None:
        task = replace(task, scene=scene)
    return SyntheticReader("train", source, task, simulator, CArm(), VIEWS, 48, seed=2, count=12)


def batches(reader, workers):
    dataset = LearningDataset(reader, 48, strong(gate=1.0, p=1.0), seed=3)
    return list(DataLoader(dataset, 4, num_workers=workers, collate_fn=collate))


def assert_same(batch, other):
    assert batch.keys() == other.keys()
    for key, value in batch.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(torch.nan_to_num(value.float(), -1), torch.nan_to_num(other[key].float(), -1)), key
        else:
            assert value == other[key]


@pytest.fixture
def prepared(tmp_path):
    """Two subjects, as memory maps."""
    source = PreparedAnatomies(Balls(2), tmp_path, 8.0)
    source.prepare()
    return source


def a_wire(anatomy, rng):
    corners = np.array([(x, y, z) for x in (-90, 90) for y in (-2, 2) for z in (-2, 2)], dtype=float)
    faces = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
    faces += [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]
    return Scene(anatomy, {}, (Solid("wire", corners + rng.uniform(-9, 9, 3), np.array(faces), "steel_316l"),))


@pytest.mark.parametrize(("level", "scene"), [(Naive(), None), (Heuristic(hu_lower=(-600, -300)), a_wire)])
def test_batches_are_those_of_workers_that_project(prepared, level, scene):
    reader = make_reader(prepared, level, scene)
    with ProjectionServer(2, on_cpu) as server:
        served = batches(with_projector(reader, server.projector), workers=2)
    assert server.served == 12
    for batch, other in zip(served, batches(reader, workers=2), strict=True):
        assert_same(batch, other)


def test_volumes_that_are_in_memory_alone_are_projected_by_the_worker():
    reader = make_reader(Balls(2), Naive())
    with ProjectionServer(2, on_cpu) as server:
        served = batches(with_projector(reader, server.projector), workers=2)
    assert server.served == 0
    for batch, other in zip(served, batches(reader, workers=0), strict=True):
        assert_same(batch, other)


def test_outside_of_workers_nothing_is_asked(prepared):
    reader = make_reader(prepared, Naive())
    server = ProjectionServer(1, on_cpu)
    np.testing.assert_array_equal(with_projector(reader, server.projector)[3].image, reader[3].image)
    assert isinstance(reader.simulator, Naive)
    assert reader.simulator.projector is project


def test_an_error_of_the_device_reaches_the_worker(monkeypatch, prepared):
    def broken(requests):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(device_render, "get_worker_info", lambda: SimpleNamespace(id=0))
    with ProjectionServer(1, broken) as server:
        reader = with_projector(make_reader(prepared, Naive()), server.projector)
        for index in (0, 1):
            with pytest.raises(RuntimeError, match=r"could not project: RuntimeError: out of memory"):
                reader[index]


def test_a_worker_does_not_wait_for_a_service_that_has_ended(monkeypatch, prepared):
    monkeypatch.setattr(device_render, "get_worker_info", lambda: SimpleNamespace(id=0))
    server = ProjectionServer(1, on_cpu)
    with server:
        pass
    with pytest.raises(RuntimeError, match="no longer projects"):
        with_projector(make_reader(prepared, Naive()), server.projector)[0]


def test_an_answer_meant_for_an_earlier_worker_is_passed_over(prepared):
    server = ProjectionServer(1, on_cpu)
    ours = server._ours[0]
    ours.send(((-1, 1), "an answer nobody waited for"))
    reader = make_reader(prepared, Naive())
    with server:
        served = batches(with_projector(reader, server.projector), workers=1)
    for batch, other in zip(served, batches(reader, workers=0), strict=True):
        assert_same(batch, other)


def test_only_whole_read_only_maps_are_known_by_their_file(tmp_path, prepared):
    data = prepared.load("ball-000").ct.data
    file = VoxelFile.of(data)
    again = pickle.loads(pickle.dumps(file)).open()
    np.testing.assert_array_equal(again, data)
    assert VoxelFile.of(again) == file
    assert VoxelFile.of(data[1:]) is None
    assert VoxelFile.of(np.array(data)) is None
    np.save(tmp_path / "fortran.npy", np.asfortranarray(data))
    fortran = np.load(tmp_path / "fortran.npy", mmap_mode="r")
    np.testing.assert_array_equal(VoxelFile.of(fortran).open(), data)
    assert VoxelFile.of(np.load(tmp_path / "fortran.npy", mmap_mode="c")) is None


def test_requests_on_one_volume_are_one_launch(monkeypatch, prepared):
    launches = []

    def fake(ct, labels, label_ids, cameras, *, table, device, volumes):
        launches.append(len(cameras))
        tables = table or [None] * len(cameras)
        done = [project(ct, labels, label_ids, c, table=t, threads=1) for c, t in zip(cameras, tables, strict=True)]
        parts = ("water_path_mm", "label_path_mm", "quantity_mm")
        return DeviceProjection(*(torch.from_numpy(np.stack([getattr(one, part) for one in done])) for part in parts))

    monkeypatch.setattr(device_render, "project_cuda", fake)
    monkeypatch.setattr(device_render, "cuda_device", lambda device: torch.device("cpu"))
    requests = []
    for index in range(5):
        anatomy = prepared.load(f"ball-{index % 2:03d}")
        camera = make_reader(prepared, Naive()).setup(index)[1]
        files = VoxelFile.of(anatomy.ct.data), VoxelFile.of(anatomy.labels.data)
        requests.append(ProjectionRequest(*files, anatomy.ct.world_from_ijk, (1, 4), camera, None))
    for mine, its in zip(DeviceRenderer()(requests), on_cpu(requests), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert launches == [3, 2]


def test_what_cannot_be_served_is_refused():
    with pytest.raises(ConfigError, match=r"data\.workers to 1 or more"):
        ProjectionServer(0, on_cpu)
    reader = make_reader(Balls(1), lambda *arguments: None)
    with pytest.raises(ConfigError, match=r"use data\.render=worker"):
        with_projector(reader, project)
