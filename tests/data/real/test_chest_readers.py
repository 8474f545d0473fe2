import shutil

import numpy as np
import pytest
from generators.real_archives import CHEST, chest_case, write_covid_cxr, write_pictures, write_qata
from PIL import Image as PILImage

from synthex.core import ConfigError, InputError, Reader
from synthex.data.real import CovidCxr, QataCov19


@pytest.fixture
def chests(tmp_path):
    return write_covid_cxr(tmp_path / "chests")


@pytest.fixture
def qata(tmp_path):
    return write_qata(tmp_path / "archive")


def test_pixels_masks_and_patients_are_those_of_the_files(chests):
    reader = CovidCxr(chests)
    assert isinstance(reader, Reader)
    assert reader.case_ids() == ("d000", "d001", "d002", "d003")
    assert (reader.structures, reader.landmarks) == (("lesion", "lung_left", "lung_right"), ())
    assert [reader[i].subject_id for i in range(4)] == ["patient-0001", "patient-0001", "patient-0002", "patient-0003"]
    for index in range(4):
        sample, (image, masks) = reader[index], chest_case(index)
        assert np.array_equal(sample.image, image)
        assert (sample.domain, sample.image.dtype) == ("log", np.float32)
        assert np.array_equal(sample.masks[:2], [masks["lesion"], masks["lung_left"]])
        assert np.array_equal(sample.masks[2], masks["lung_right"]) == (index < 3)
        assert dict(sample.record) == ({} if index < 3 else {"unlabelled": ["lung_right"]})


def test_folds_are_by_patient_and_cover_every_image_once(chests):
    parts = [CovidCxr(chests, fold=k, split="test").case_ids() for k in range(3)]
    assert parts == [("d000", "d001"), ("d002",), ("d003",)]
    for fold, part in enumerate(parts):
        train = CovidCxr(chests, fold=fold, split="train").case_ids()
        assert sorted(train + part) == ["d000", "d001", "d002", "d003"]


def test_lungs_are_the_union_of_two(chests):
    wanted = chest_case(0)[1]["lung_left"] | chest_case(0)[1]["lung_right"]
    for structures in (["lesion", "lungs"], {"lesion": ["lesion"], "lungs": ["lung_left", "lung_right"]}):
        reader = CovidCxr(chests, structures=structures)
        assert reader.structures == ("lesion", "lungs")
        assert np.array_equal(reader[0].masks[1], wanted)
    assert reader[3].record["unlabelled"] == ["lungs"]
    assert CovidCxr(chests, structures=["lesion"])[3].record == {}


def test_a_folder_without_folds_and_other_formats(tmp_path):
    root = write_covid_cxr(tmp_path / "plain", folds=None)
    with pytest.raises(ConfigError, match="has no folds; leave fold and split away"):
        CovidCxr(root, fold=0, split="test")
    image = chest_case(0)[0]
    (root / "images" / "d000.png").unlink()
    PILImage.fromarray(image.astype(np.uint16) * 257).save(root / "images" / "d000.tif")
    PILImage.fromarray(np.stack([chest_case(1)[0]] * 3, axis=-1)).save(root / "images" / "d001.png")
    mask = chest_case(0)[1]["lesion"]
    PILImage.fromarray(mask).save(root / "labels" / "d000_lesion.png")
    PILImage.fromarray(mask.astype(np.uint8)).save(root / "labels" / "d001_lesion.png")
    reader = CovidCxr(root)
    assert np.array_equal(reader[0].image, image * 257.0)
    assert np.array_equal(reader[1].image, chest_case(1)[0])
    assert np.array_equal(reader[0].masks[0], mask)
    assert np.array_equal(reader[1].masks[0], mask)


def _save(path, pixels):
    PILImage.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "index.csv").unlink(), r"index\.csv: there is no such file"),
        (lambda p: (p / "images/d001.png").unlink(), "lists d001, which images does not hold"),
        (lambda p: (p / "labels/d001_lesion.png").unlink(), r"d001\.png: has no labels/d001_lesion\.png"),
        (lambda p: shutil.copy(p / "images/d001.png", p / "images/x.png"), r"x\.png: is not listed in index"),
        (lambda p: shutil.copy(p / "images/d001.png", p / "labels/x_lesion.png"), "belongs to no image"),
        (lambda p: _save(p / "images/d000.png", np.zeros((26, 20), np.uint8)), "has the width 20, index.csv says 26"),
        (lambda p: _save(p / "labels/d000_lesion.png", np.zeros((26, 20), np.uint8)), "26 x 20 pixels, its image 20"),
        (lambda p: _save(p / "labels/d000_lesion.png", chest_case(0)[0]), r"is no mask \(values"),
        (lambda p: _save(p / "labels/d000_lesion.png", np.full(CHEST, 255, np.uint8) // 2), "is no mask"),
        (
            lambda p: _save(
                p / "images/d000.png", np.arange(1560).astype(np.uint8).reshape(3, 20, 26).transpose(1, 2, 0)
            ),
            "is in colour",
        ),
        (lambda p: (p / "images/d000.png").write_bytes(b"GIF"), "is not a readable picture"),
    ],
)
def test_damaged_folders(chests, change, message):
    change(chests)
    with pytest.raises(InputError, match=message) as caught:
        CovidCxr(chests)[0]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("d001,1,dev", "d000,1,dev", "line 3 lists an image for the second time"),
        ("d001,1,dev", "../d1,1,dev", "line 3 has no usable image_id"),
        ("d001,1,dev", "d001,,dev", "line 3 has no usable patient_id"),
        ("26,20,1,1,0\nd002", "26,20,1,1,1\nd002", "patient 1 in two folds"),
        ("26,20,1,1,1", "26,20,1,1,1,9", "line 4 has not as many cells"),
        ("26,20,1,1,1", "2x,20,1,1,1", "has the width '2x' of image d002"),
        ("26,20,1,1,1", "9" * 5000 + ",20,1,1,1", "of image d002"),
    ],
)
def test_damaged_lines(chests, old, new, message):
    text = (chests / "index.csv").read_text()
    assert old in text
    (chests / "index.csv").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        CovidCxr(chests)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fold": 4, "split": "test"}, "fold=4: .* has the folds 0, 1, 2"),
        ({"fold": 1}, "give a fold with split=train or test"),
        ({"split": "test"}, "give a fold with"),
        ({"fold": 0, "split": "valid"}, "choose one of all, train, test"),
        ({"structures": ["lesion", "heart"]}, "the folder has the masks lesion, lung_left, lung_right"),
        ({"pixel_mm": 0}, "pixel_mm=0"),
    ],
)
def test_settings_that_cannot_be(chests, arguments, message):
    with pytest.raises(ConfigError, match=message):
        CovidCxr(chests, **arguments)


def test_the_real_radiographs(shared_data):
    root = shared_data / "covid_cxr"
    reader = CovidCxr(root, structures=["lesion", "lungs"])
    assert len(reader) == 56
    assert len({CovidCxr(root)[0].subject_id} | {case.subject_id for case in reader._cases}) == 39
    folds = [CovidCxr(root, fold=k, split="test") for k in range(5)]
    assert [len(fold) for fold in folds] == [12, 10, 11, 11, 12]
    assert sorted(case for fold in folds for case in fold.case_ids()) == sorted(reader.case_ids())
    sample = reader[0]
    assert sample.image.shape == (389, 450)
    assert sample.masks[0].mean() == pytest.approx(0.03213, abs=1e-5)  # lesion_area_fraction of index.csv


def test_the_studys_folds_are_pooled(qata):
    reader = QataCov19(qata)
    assert isinstance(reader, Reader)
    assert reader.case_ids() == ("fold1-test-00000", "fold1-test-00001", "fold2-test-00000", "fold2-test-00001")
    assert (reader.structures, reader.landmarks) == (("lesion",), ())
    image, masks = chest_case((24, 1))
    assert np.array_equal(reader[3].image, image)
    assert np.array_equal(reader[3].masks[0], masks["lesion"])
    assert reader[3].subject_id == "fold2"


@pytest.mark.parametrize(
    ("below", "arguments", "first"),
    [
        ("", {"fold": 2, "split": "train"}, "fold2-train-00000"),
        ("QaTa-COV19", {"split": "valid"}, "fold1-valid-00000"),
        ("", {"fold": None, "split": "train"}, "sim-train-00000"),
        ("imageng_data", {"fold": None, "split": "valid"}, "sim-valid-00000"),
        ("QaTa-COV19/Fold1/test", {}, "00000"),
    ],
)
def test_every_way_to_name_a_part(qata, below, arguments, first):
    assert QataCov19(qata / below, **arguments).case_ids()[0] == first


def test_folders_of_images_and_masks(tmp_path):
    root = write_pictures(tmp_path / "set", 2, 5, images="pictures/all", masks="truth", mask_name="mask_{name}_a")
    reader = QataCov19(root, images="pictures/all", masks="truth", mask_name="mask_{name}_a")
    assert reader.case_ids() == ("00000", "00001")
    assert np.array_equal(reader[1].masks[0], chest_case((5, 1))[1]["lesion"])
    (root / "subjects.csv").write_text("case,subject\n00000,a\n00001,b\n")
    again = QataCov19(root, images="pictures/all", masks="truth", mask_name="mask_{name}_a")
    assert [again[i].subject_id for i in range(2)] == ["subject-0001", "subject-0002"]
    with pytest.raises(InputError, match="is not named m_"):
        QataCov19(root, images="pictures/all", masks="truth", mask_name="m_{name}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fold": 6}, "fold=6: .* has the folds 1, 2"),
        ({"fold": True}, "fold=True: give the number"),
        ({"split": "tests"}, "choose one of train, valid, test"),
        ({"fold": None}, "the simulated images are split"),
        ({"images": "proj"}, "give both folders"),
        ({"mask_name": "mask"}, "needs {name} once"),
    ],
)
def test_settings_of_the_study_that_cannot_be(qata, arguments, message):
    with pytest.raises(ConfigError, match=message):
        QataCov19(qata, **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: (p / "seg/00001.png").unlink(), "has no mask of that name"),
        (lambda p: (p / "proj/00001.png").unlink(), "belongs to no image"),
        (lambda p: (p / "seg/notes.txt").write_text("x"), "does not belong there"),
        (lambda p: shutil.rmtree(p / "seg"), "seg: there is no such folder; give the folder with Fold1"),
        (lambda p: shutil.rmtree(p.parent), "has Fold2 but no Fold1"),
    ],
)
def test_damaged_studies(qata, change, message):
    change(qata / "QaTa-COV19" / "Fold1" / "test")
    with pytest.raises(InputError, match=message):
        QataCov19(qata)
