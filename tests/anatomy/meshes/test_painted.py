"""Bone surfaces become painted people."""

from pathlib import Path

import numpy as np
import pytest
from generators.meshes import write_toy_pelvis

from synthex.anatomy.meshes import MeshFolder, PaintedMeshes
from synthex.core import AnatomySource


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> PaintedMeshes:
    folder: Path = write_toy_pelvis(tmp_path_factory.mktemp("meshes") / "toy")
    return PaintedMeshes(MeshFolder(folder, spacing_mm=5.0), paintings=2)


def test_subjects_are_paintings_with_the_six_bones_and_the_given_landmarks(source: PaintedMeshes) -> None:
    assert isinstance(source, AnatomySource)
    assert source.subject_ids() == ("mesh-01~00", "mesh-01~01")
    anatomy = source.load("mesh-01~00")
    assert set(np.unique(anatomy.labels.data)) == {0, *anatomy.structures.values()}
    assert anatomy.landmarks["FH-l"] == pytest.approx((-110.0, 0.0, 0.0))
    bone = anatomy.ct.data[anatomy.labels.data == anatomy.structures["femur_left"]]
    assert 200 < bone.mean() < 1500
    assert (anatomy.ct.data[[0, -1]] == -1000).mean() > 0.9  # air at the sides, and not much of it
    assert (anatomy.ct.data[5] > -900).any()


def test_paintings_differ_and_follow_from_their_number(source: PaintedMeshes) -> None:
    first, second = (source.load(name).ct.data for name in source.subject_ids())
    again = PaintedMeshes(source.meshes, paintings=2).load("mesh-01~00").ct.data
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert source.fingerprint("mesh-01~00") != source.fingerprint("mesh-01~01")
