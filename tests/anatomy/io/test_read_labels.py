"""Label ids become named structures on the CT's grid; whatever is ambiguous is refused."""

from pathlib import Path

import numpy as np
import pytest
from generators.ct_files import SHAPE, ct_values, ras_affine, reoriented, write_itk

from synthex.anatomy.io import SYNTHEX_HIP, TOTALSEGMENTATOR, read_labels
from synthex.core import Affine, ConfigError, InputError, Volume

CT = Volume(np.full(SHAPE, 120, np.int16), Affine(ras_affine()))
V2 = "totalsegmentator"
HIP_IDS = {"hip_left": 1, "hip_right": 2, "vertebrae": 3, "sacrum": 4, "femur_left": 5, "femur_right": 6}


def _blocks(ids: list[int], dtype: type = np.uint8) -> np.ndarray:
    """One k-slice per id, of a different size each: crumbs, too small to say anything about anatomy."""
    values = np.zeros(SHAPE, dtype=dtype)
    for k, number in enumerate(ids):
        values[2 : 4 + k, 2:4, k] = number
    return values


def _save(folder: Path, values: np.ndarray, codes: str = "RAS", name: str = "labels.nii.gz") -> Path:
    return write_itk(folder / name, *reoriented(values, ras_affine(), codes))


def test_totalsegmentator_table_agrees_with_its_published_ids() -> None:
    known = {"spleen": 1, "sacrum": 25, "vertebrae_S1": 26, "vertebrae_L5": 27, "vertebrae_L3": 29, "heart": 51}
    known |= {"femur_left": 75, "femur_right": 76, "hip_left": 77, "hip_right": 78, "skull": 91, "rib_left_1": 92}
    known |= {"rib_right_12": 115, "sternum": 116, "vertebrae_C1": 50, "humerus_left": 69, "lung_upper_lobe_left": 10}
    assert {name: TOTALSEGMENTATOR[name][0] for name in known} == known
    assert len(TOTALSEGMENTATOR) == 117


def test_ids_up_to_six_are_synthex_hip_and_say_so(tmp_path: Path) -> None:
    values = _blocks([1, 2, 3, 4, 5, 6])
    labels = read_labels(_save(tmp_path, values), CT, structures="hip")
    assert labels.structures == HIP_IDS
    assert "synthex_hip (no id beyond 6" in labels.numbering
    np.testing.assert_array_equal(labels.volume.data, values)
    assert labels.volume.same_grid(CT)


def test_totalsegmentator_ids_merge_into_the_six_bones(tmp_path: Path) -> None:
    values = _blocks([77, 78, 29, 27, 26, 25, 75, 76])
    values[0, 0] = 5  # liver: no hip structure
    labels = read_labels(_save(tmp_path, values), CT, names="totalsegmentator", structures="hip")
    assert labels.structures == HIP_IDS
    assert labels.numbering == "totalsegmentator"
    expected = np.zeros(256, np.uint8)
    expected[[77, 78, 29, 27, 26, 25, 75, 76]] = (1, 2, 3, 3, 4, 4, 5, 6)
    np.testing.assert_array_equal(labels.volume.data, expected[values])


def test_upper_lumbar_vertebrae_are_an_option(tmp_path: Path) -> None:
    path = _save(tmp_path, _blocks([77, 31, 30, 29]))
    assert np.unique(read_labels(path, CT, V2, "hip").volume.data[..., 1:3]).tolist() == [0]
    assert np.unique(read_labels(path, CT, V2, "hip_l1_l5").volume.data[..., 1:3]).tolist() == [0, 3]


def test_without_grouping_names_keep_their_ids(tmp_path: Path) -> None:
    labels = read_labels(_save(tmp_path, _blocks([5, 51, 116])), CT)
    assert labels.structures == {"liver": 5, "heart": 51, "sternum": 116}


@pytest.mark.parametrize("codes", ["LPS", "LAS", "SRA"])
def test_labels_in_another_axis_order_are_turned(tmp_path: Path, codes: str) -> None:
    values = _blocks([1, 2, 3, 4, 5, 6])
    labels = read_labels(_save(tmp_path, values, codes), CT)
    np.testing.assert_array_equal(labels.volume.data, values)


@pytest.mark.parametrize("text", ["tumour: 3\nlung: [7, 900]\n", "3: tumour\n7: lung\n900: lung\n"])
def test_yaml_names_merge_and_large_ids_are_remapped(tmp_path: Path, text: str) -> None:
    (tmp_path / "names.yaml").write_text(text)
    values = _blocks([3, 7, 900], np.uint16)
    labels = read_labels(_save(tmp_path, values), CT, names=tmp_path / "names.yaml")
    assert labels.structures == {"tumour": 3, "lung": 7}
    np.testing.assert_array_equal(labels.volume.data, np.where(values == 900, 7, values))
    only = read_labels(_save(tmp_path, _blocks([900], np.uint16)), CT, names={"big": 900})
    assert only.structures == {"big": 1}
    assert only.volume.data.max() == 1


def test_user_groups_by_name_and_id(tmp_path: Path) -> None:
    (tmp_path / "groups.yaml").write_text("spine: [vertebrae_L3, 27]\nheart: heart\n")
    path = _save(tmp_path, _blocks([29, 27, 51, 5]))
    labels = read_labels(path, CT, V2, tmp_path / "groups.yaml")
    assert labels.structures == {"spine": 1, "heart": 2}
    assert np.bincount(labels.volume.data.ravel()).tolist()[1:] == [4 + 6, 8]


def test_folder_of_masks(tmp_path: Path) -> None:
    names = ["hip_left", "hip_right", "vertebrae_L4", "sacrum", "femur_left", "femur_right", "liver"]
    for k, name in enumerate(names):
        mask = (_blocks(list(range(1, 8))) == k + 1).astype(np.uint8)
        _save(tmp_path / "segmentations", mask, "LPS", f"{name}.nii.gz")
    grouped = read_labels(tmp_path / "segmentations", CT, structures="hip")
    assert grouped.structures == HIP_IDS
    np.testing.assert_array_equal(grouped.volume.data, _blocks([1, 2, 3, 4, 5, 6, 0]))
    every = read_labels(tmp_path / "segmentations", CT)
    assert set(every.structures) == set(names)
    assert np.bincount(every.volume.data.ravel())[every.structures["liver"]] == 2 * 8


@pytest.mark.parametrize("values", [ct_values(), _blocks([1, 2]), _blocks([1, 0]).astype(np.float32) / np.float32(3)])
def test_only_masks_count_as_masks(tmp_path: Path, values: np.ndarray) -> None:
    _save(tmp_path / "segmentations", values, name="liver.nii.gz")
    if len(np.unique(values)) > 2:
        _refused(tmp_path / "segmentations", "liver.nii.gz", "no mask")
    else:
        read = read_labels(tmp_path / "segmentations", CT)
        np.testing.assert_array_equal(read.volume.data > 0, values > 0)


@pytest.mark.parametrize(
    "groups", [{"left": ["hip_left", 6], "all": "femur_right"}, {"a": 1, "b": [2, 1]}, {"a": "hip_left", "b": 1}]
)
def test_an_id_in_two_groups_is_refused(tmp_path: Path, groups: dict[str, object]) -> None:
    _refused(_save(tmp_path, _blocks([1, 2, 3, 4, 5, 6])), "is in two groups", structures=groups)


def _refused(path: Path, *words: str, **options: object) -> None:
    with pytest.raises((InputError, ConfigError)) as caught:
        read_labels(path, CT, **options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_labels_on_another_grid_are_refused(tmp_path: Path) -> None:
    values = _blocks([1, 2])
    for change in (ras_affine(origin=(-9.0, 20.0, 30.0)), ras_affine(spacing=(2.0, 3.0, 4.1))):
        _refused(write_itk(tmp_path / "labels.nrrd", values, change), "another grid", "mm apart")


def test_values_that_are_no_ids_are_refused(tmp_path: Path) -> None:
    _refused(_save(tmp_path, _blocks([1]).astype(np.float32) / 2), "no whole numbers")
    _refused(_save(tmp_path, ct_values()), "negative")
    _refused(_save(tmp_path, _blocks([0])), "empty")
    _refused(_save(tmp_path, _blocks([7, 200])), "200", "labels.yaml")


def test_unknown_names_come_with_the_nearest(tmp_path: Path) -> None:
    path = _save(tmp_path, _blocks([77, 78]))
    _refused(path, "'hip_lefft'", "did you mean hip_left", names=V2, structures={"hip": ["hip_lefft"]})
    _refused(path, "did you mean totalsegmentator", names="totalsegmenter")
    _refused(path, "did you mean hip", names=V2, structures="hips")
    _refused(_save(tmp_path, _blocks([1, 2])), "none of hip_left", names={"a": 1, "b": 2}, structures="hip")
    _refused(_save(tmp_path, _blocks([50, 51])), "none of hip_left", "occurs", names=V2, structures="hip")


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [1, x]\n", "a: 1\nb: 1\n", "a: -1\n", "{", "1: 2\n"])
def test_bad_name_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "names.yaml").write_text(text)
    _refused(_save(tmp_path, _blocks([1, 2])), "names.yaml", names=tmp_path / "names.yaml")


def test_hip_numbering_is_the_papers() -> None:
    assert {name: ids[0] for name, ids in SYNTHEX_HIP.items()} == HIP_IDS


def test_totalsegmentator_ids_merge_into_the_chest(tmp_path: Path) -> None:
    lobes_and_bones = [10, 11, 12, 13, 14, 92, 103, 104]
    values = _blocks(lobes_and_bones)
    values[0, 0] = (51, 73, 74, 71, 72, 33, 116, 5)  # the last is the liver: no chest structure
    labels = read_labels(_save(tmp_path, values), CT, V2, "chest")
    assert list(labels.structures) == [
        *("lung_left", "lung_right", "heart", "ribs_left", "ribs_right", "clavicle_left", "clavicle_right"),
        *("scapula_left", "scapula_right", "vertebrae", "sternum"),
    ]
    names = dict(zip(labels.structures.values(), labels.structures, strict=True)) | {0: "background"}
    assert [names[i] for i in labels.volume.data[0, 0]] == [
        *("heart", "clavicle_left", "clavicle_right", "scapula_left", "scapula_right", "vertebrae", "sternum"),
        "background",
    ]
    merged = ["lung_left"] * 2 + ["lung_right"] * 3 + ["ribs_left"] * 2 + ["ribs_right"]
    assert [names[i] for i in labels.volume.data[3, 3]] == merged


@pytest.mark.parametrize("name", ["lesion", "covid_lesion"])
def test_lesions_of_a_ct_lie_over_the_lung_they_are_in(tmp_path: Path, name: str) -> None:
    lung, lesion = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    lung[2:8, 2:8, 2:6], lesion[3:5, 3:5, 3:5] = 1, 1
    folder = tmp_path / "masks"
    for file, mask in ((name, lesion), ("lung_lower_lobe_left", lung), ("lung_upper_lobe_right", 0 * lung)):
        _save(folder, mask, name=f"{file}.nii.gz")
    labels = read_labels(folder, CT, structures="chest")
    assert set(labels.structures) == {"lung_left", "lung_right", "lesion"}
    assert (labels.volume.data == labels.structures["lesion"]).sum() == lesion.sum()
    assert (labels.volume.data == labels.structures["lung_left"]).sum() == lung.sum() - lesion.sum()
