"""Every realism level draws the same labels; every reader keeps the Reader contract."""

from pathlib import Path

import numpy as np
import pytest
from generators.anatomies import Balls
from generators.plain_files import write_plain_folder
from generators.real_archives import (
    write_covid_cxr,
    write_deepfluoro,
    write_hip_folders,
    write_hip_pair,
    write_pictures,
)
from generators.tool_archive import write_tool_part
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from synthex.config.compose import compose
from synthex.core import MissingExtraError, Reader, Simulator, derive_rng
from synthex.data import SyntheticReader, open_export, write_folder, write_hdf5
from synthex.data.real import CovidCxr, DeepFluoro, HipFolders, HipStudy, PlainFolder, QataCov19, ToolFolders
from synthex.geometry import CArm, ViewRanges
from synthex.tasks import hip_landmarks

CONF = Path(__file__).parents[2] / "conf"
LEVELS = sorted(path.stem for path in (CONF / "simulation").glob("*.yaml"))
RANGES = ViewRanges((-30, 30), (-15, 15), (-10, 10), ((-40, 40), (-10, 10), (-30, 30)), (530, 700))
COUNT = 4


def make_reader(level="naive"):
    config = compose("train", [f"simulation={level}"]).simulation
    try:
        simulator = instantiate(config)
    except InstantiationException as error:
        if isinstance(error.__cause__, MissingExtraError):
            pytest.skip(f"{level}: {error.__cause__}")
        raise
    return SyntheticReader("test", Balls(1), hip_landmarks.build(), simulator, CArm(), RANGES, 32, 0, COUNT)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_gives_the_same_label_paths_and_is_pure(level):
    plain, reader = make_reader(), make_reader(level)
    assert isinstance(reader.simulator, Simulator)
    for index in range(2):
        scene, camera, _ = plain.setup(index)
        ids = [scene.anatomy.structures[name] for name in plain.structures]
        wanted = plain.simulator(scene, camera, ids, derive_rng(1))
        try:
            one, other = (reader.simulator(scene, camera, ids, derive_rng(2)) for _ in range(2))
        except MissingExtraError as error:
            pytest.skip(f"{level}: {error}")
        assert np.array_equal(one.label_path_mm, wanted.label_path_mm)
        assert np.array_equal(one.radiograph.image, other.radiograph.image)
        assert one.radiograph.image.dtype == np.float32
        assert np.isfinite(one.radiograph.image).all()


HIP = hip_landmarks.build().vocabulary


HIP_NAMES = (HIP.structures, HIP.landmarks)
REAL = {
    "tool_folders": lambda at: (ToolFolders(write_tool_part(at, COUNT)), (("manipulator",), ("base", "tip"))),
    "covid_cxr": lambda at: (CovidCxr(write_covid_cxr(at)), (("lesion", "lung_left", "lung_right"), ())),
    "qata": lambda at: (QataCov19(write_pictures(at, COUNT, 1)), (("lesion",), ())),
    "hip_study": lambda at: (HipStudy(write_hip_pair(at, specimens=2)), HIP_NAMES),
    "hip_folders": lambda at: (HipFolders(write_hip_folders(at, COUNT)), HIP_NAMES),
    "deepfluoro": lambda at: (DeepFluoro(write_deepfluoro(at / "file.h5")), HIP_NAMES),
    "plain_folder": lambda at: (PlainFolder(write_plain_folder(at), "coco.json"), (("bone", "tool"), ("top", "tail"))),
}
"""Readers of real radiographs of COUNT cases, and the names that they should have."""


@pytest.fixture(params=["synthetic", "hdf5", "folder", *REAL])
def reader(request, tmp_path):
    """Every kind of reader, with the structures and landmarks that it should have."""
    if request.param in REAL:
        return REAL[request.param](tmp_path / "archive")
    synthetic = make_reader()
    names = (HIP.structures, HIP.landmarks)
    if request.param == "synthetic":
        return synthetic, names
    samples = (synthetic[index] for index in range(COUNT))
    {"hdf5": write_hdf5, "folder": write_folder}[request.param](tmp_path, samples, synthetic.task.vocabulary)
    return open_export(tmp_path), names


def test_every_reader_keeps_the_contract(reader):
    reader, names = reader
    assert isinstance(reader, Reader)
    assert len(reader) == len(reader.case_ids()) == COUNT
    assert len(set(reader.case_ids())) == COUNT
    assert (reader.structures, reader.landmarks) == names
    for index, case_id in enumerate(reader.case_ids()):
        sample, again = reader[index], reader[index]
        assert sample.case_id == case_id
        assert sample.masks.shape == (len(reader.structures), *sample.image.shape)
        assert sample.landmarks.shape == (len(reader.landmarks), 2)
        assert np.isnan(sample.landmarks[~sample.visible]).all()
        assert np.array_equal(sample.image, again.image)
    with pytest.raises(IndexError):
        reader[COUNT]
