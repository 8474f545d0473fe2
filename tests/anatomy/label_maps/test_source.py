"""A label map becomes painted subjects."""

from pathlib import Path

import numpy as np
import pytest
from generators.label_maps import write_label_map

from synthex.anatomy.io.images import simpleitk
from synthex.anatomy.label_maps import LabelMapFolder
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.anatomy.variants import base_subject
from synthex.core import AnatomySource, InputError


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> LabelMapFolder:
    root = tmp_path_factory.mktemp("maps")
    write_label_map(root / "tiny_1")
    return LabelMapFolder(root, paintings=2, spacing_mm=4.0)


def test_subjects_are_paintings_of_people(source: LabelMapFolder) -> None:
    assert isinstance(source, AnatomySource)
    assert source.subject_ids() == ("map-01~00", "map-01~01")
    assert {base_subject(name) for name in source.subject_ids()} == {"map-01"}


def test_pairs_are_split_and_bones_keep_their_place(source: LabelMapFolder) -> None:
    """The phantom that the map was made of has its six bones under ids of their own: they come back."""
    phantoms = PelvisPhantoms(count=1, seed=0, spacing_mm=4.0)
    truth, found = phantoms.load(phantoms.subject_ids()[0]), source.load("map-01~00")
    assert found.structures == truth.structures
    for name, number in truth.structures.items():
        voxels = np.argwhere(found.labels.data == number).astype(float)
        true_voxels = np.argwhere(truth.labels.data == number).astype(float)
        middle = found.labels.world_from_ijk.apply(voxels).mean(axis=0)
        true_points = truth.labels.world_from_ijk.apply(true_voxels)
        # The vertebrae and shafts are cut where the map's part ends.
        if name not in ("vertebrae", "femur_left", "femur_right"):
            assert np.abs(middle - true_points.mean(axis=0)).max() < 2.5, name
            assert len(voxels) == pytest.approx(len(true_voxels), rel=0.2), name
    for name in ("FH-l", "FH-r", "ASIS-l", "SPS-r"):
        assert np.linalg.norm(found.landmarks[name] - truth.landmarks[name]) < 8.0, name


def test_a_painting_is_a_pure_function_and_paintings_differ(source: LabelMapFolder) -> None:
    first, second = source.load("map-01~00"), source.load("map-01~01")
    again = source.load("map-01~00")
    assert np.array_equal(first.ct.data, again.ct.data)
    assert np.array_equal(first.labels.data, again.labels.data)
    bone = (first.labels.data > 0) & (second.labels.data > 0)
    assert np.abs(first.ct.data[bone].astype(float) - second.ct.data[bone]).mean() > 20
    assert first.landmarks.keys() == second.landmarks.keys()


def test_tissues_have_their_numbers(source: LabelMapFolder) -> None:
    anatomy = source.load("map-01~00")
    hu, labels = anatomy.ct.data, anatomy.labels.data
    corner = hu[:2, :2, :2]
    assert (corner == -1000).all()
    assert np.percentile(hu[labels > 0], 95) > 500
    soft = hu[(labels == 0) & (hu > -300)]
    assert 0.2 < np.mean((soft > 20) & (soft < 90)) < 0.95
    assert np.mean((soft > -130) & (soft < -60)) > 0.05


def test_a_body_is_grown_where_skin_is_missing(tmp_path: Path) -> None:
    write_label_map(tmp_path / "bare_1", body=False)
    anatomy = LabelMapFolder(tmp_path, paintings=1, spacing_mm=5.0).load("map-01~00")
    inside = anatomy.ct.data > -300
    assert inside[anatomy.labels.data > 0].mean() > 0.99
    # Every bone is covered: no label voxel touches air.
    shifted = np.roll(inside, 1, axis=0) & np.roll(inside, -1, axis=0) & np.roll(inside, 1, axis=1)
    assert shifted[anatomy.labels.data > 0].mean() > 0.99


def test_exchanged_sides_are_refused(tmp_path: Path) -> None:
    sitk = simpleitk()
    folder = write_label_map(tmp_path / "tiny_1")
    path = folder / "labels.nii.gz"
    image = sitk.ReadImage(str(path))
    ids = sitk.GetArrayFromImage(image)
    middle = ids.shape[2] // 2
    ids[:, :, :middle][ids[:, :, :middle] == 2] = 6  # low x in LPS is the patient's right
    changed = sitk.GetImageFromArray(ids)
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))
    (folder / "labels.yaml").write_text("{pelvis: 1, femur_right: 2, femur_left: 6, sacrum: 3, spine: 4, muscle: 5}")
    with pytest.raises(InputError, match="left and right"):
        LabelMapFolder(tmp_path, spacing_mm=5.0).load("map-01~00")


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label maps"):
        LabelMapFolder(tmp_path)
    folder = write_label_map(tmp_path / "tiny_1")
    (folder / "labels.json").write_text('{"1": "pelvis"}')
    with pytest.raises(InputError, match="ids without a name"):
        LabelMapFolder(tmp_path).load("map-01~00")
    (folder / "labels.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="nested"):
        LabelMapFolder(tmp_path).load("map-01~00")
