import shutil

import h5py
import numpy as np
import pytest
import tifffile
from generators.tool_archive import SIZES, tool_case, write_tool_archive, write_tool_part
from PIL import Image as PILImage

from synthex.core import ConfigError, InputError, Reader
from synthex.data import open_export
from synthex.data.real import ToolFolders, is_tool_folder
from synthex.data.real.tool_layout import all_parts


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    return write_tool_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture
def archive(unpacked, tmp_path):
    """A copy to be damaged."""
    return shutil.copytree(unpacked, tmp_path / "archive")


def test_the_five_test_folders_are_pooled(unpacked):
    reader = ToolFolders(unpacked)
    assert isinstance(reader, Reader)
    assert len(reader) == 5 * SIZES["test"]
    assert reader.case_ids()[:4] == ("fold1-test-00000", "fold1-test-00001", "fold1-test-00002", "fold2-test-00000")
    assert (reader.structures, reader.landmarks) == (("manipulator",), ("base", "tip"))
    assert {reader[i].subject_id for i in range(len(reader))} == {f"fold{n}" for n in range(1, 6)}


def test_pixels_masks_and_points_are_those_of_the_files(unpacked):
    sample = ToolFolders(unpacked, fold=3)[0]
    image, mask, (base, tip) = tool_case(0, seed=34)
    assert np.array_equal(sample.image, image)
    assert np.array_equal(sample.masks, mask[None] > 0)
    assert np.array_equal(sample.landmarks, np.stack((base, tip)) + 0.5)
    assert sample.visible.all()
    assert sample.annotated.all()
    assert (sample.domain, sample.pixel_mm, sample.magnification) == ("log", 0.5804, 1.0)


def test_not_annotated_is_not_absent(unpacked):
    reader = ToolFolders(unpacked, fold=1)
    unknown, outside = reader[1], reader[2]
    assert unknown.annotated.tolist() == [True, False]
    assert unknown.visible.tolist() == [True, False]
    assert outside.annotated.tolist() == [True, True]
    assert outside.visible.tolist() == [False, True]
    assert np.isnan(unknown.landmarks[1]).all()
    assert np.isnan(outside.landmarks[0]).all()


@pytest.mark.parametrize(
    ("below", "fold", "split", "first", "count"),
    [
        ("", 2, "train", "fold2-train-00000", 2),
        ("real", "all", "valid", "fold1-valid-00000", 5),
        ("real/Fold4", "all", "test", "fold4-test-00000", 3),
        ("real/Fold4", 4, "valid", "fold4-valid-00000", 1),
        ("real/Fold4/train", None, "test", "fold4-train-00000", 2),
        ("", None, "train", "sim-train-00000", 2),
        ("sim", None, "valid", "sim-valid-00000", 1),
        ("sim/valid_data", "all", "test", "sim-valid-00000", 1),
    ],
)
def test_every_way_to_name_a_part(unpacked, below, fold, split, first, count):
    reader = ToolFolders(unpacked / below, fold=fold, split=split)
    assert reader.case_ids()[0] == first
    assert len(reader) == count
    assert is_tool_folder(unpacked / below)


def test_all_parts_of_an_archive(unpacked, tmp_path):
    assert len(all_parts(unpacked)) == 2 + 15
    assert len(all_parts(unpacked / "real" / "Fold2")) == 3
    assert not is_tool_folder(tmp_path)


def test_a_folder_elsewhere_gives_away_no_name(tmp_path):
    reader = ToolFolders(write_tool_part(tmp_path / "mrs-smith", 2), structures=["drill"], landmarks=["a", "b"])
    assert reader.case_ids() == ("00000", "00001")
    assert reader[0].subject_id == "images"
    assert (reader.structures, reader.landmarks) == (("drill",), ("a", "b"))
    assert open_export(tmp_path / "mrs-smith").case_ids() == reader.case_ids()


def test_subjects_from_a_list(archive):
    cases = ToolFolders(archive).case_ids()
    lines = "\n".join(f"{case},specimen-{index % 2}" for index, case in enumerate(cases))
    (archive / "elsewhere.csv").write_text(f"case,subject\n{lines}\n")
    reader = ToolFolders(archive, subjects=archive / "elsewhere.csv")
    assert [reader[i].subject_id for i in range(3)] == ["subject-0001", "subject-0002", "subject-0001"]
    (archive / "subjects.csv").write_text("case,subject\nfold1-test-00000,a\n")
    with pytest.raises(InputError, match=r"subjects\.csv: names no subject of 14 of 15 cases.*fold1-test-00001"):
        ToolFolders(archive)
    (archive / "subjects.csv").write_text("case,subject\nfold1-test-00000,a\nfold1-test-00000,b\n")
    with pytest.raises(InputError, match="another subject"):
        ToolFolders(archive)
    (archive / "subjects.csv").write_text("case,who\nfold1-test-00000,a\n")
    with pytest.raises(InputError, match="no case or no subject"):
        ToolFolders(archive)


def test_names_not_counts_pair_files(archive):
    part = archive / "real" / "Fold1" / "test"
    for kind, ending in (("proj", "tiff"), ("seg", "tiff"), ("lands", "h5")):
        (part / kind / f"00001.{ending}").rename(part / kind / f"b-7.{ending}")
    (part / "proj" / ".DS_Store").write_bytes(b"clutter")
    (part / "seg" / "Thumbs.db").write_bytes(b"clutter")
    reader = ToolFolders(archive, fold=1)
    last = reader.case_ids()[-1]
    assert last.startswith("fold1-test-case-")
    assert "b-7" not in last
    assert reader.named_files()[last].name == "b-7.tiff"
    (archive / "subjects.csv").write_text(
        "case,subject\nfold1-test-00000,ann\nfold1-test-00002,bob\nfold1-test-b-7,bob\n"
    )
    assert [sample.subject_id for sample in ToolFolders(archive, fold=1)] == ["subject-0001", *["subject-0002"] * 2]
    assert not reader[2].annotated[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: (part / "seg" / "00001.tiff").unlink(), r"proj/00001\.tiff: has no seg/00001\.tiff; restore"),
        (lambda part: (part / "lands" / "00002.h5").unlink(), r"proj/00002\.tiff: has no lands/00002\.h5"),
        (lambda part: (part / "proj" / "00000.tiff").unlink(), r"seg/00000\.tiff: belongs to no image"),
        (lambda part: (part / "proj" / "notes.txt").write_text("x"), r"notes\.txt: does not belong there"),
        (lambda part: shutil.copy(part / "proj" / "00000.tiff", part / "proj" / "00000.tif"), "has the name of"),
        (lambda part: shutil.rmtree(part / "lands"), "lands: is missing"),
        (lambda part: [path.unlink() for path in (part / "proj").iterdir()], "holds no TIFF image"),
    ],
)
def test_stray_and_missing_files(archive, change, message):
    change(archive / "real" / "Fold2" / "test")
    with pytest.raises(InputError, match=message) as caught:
        ToolFolders(archive)
    assert "\n" not in str(caught.value)


def _points(path, **values):
    with h5py.File(path, "w") as file:
        file.update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: tifffile.imwrite(p / "proj/00000.tiff", np.full((24, 26), np.nan, np.float32)), "NaN or infinity"),
        (lambda p: tifffile.imwrite(p / "proj/00000.tiff", np.full((24, 26), 1e300)), "NaN or infinity"),
        (lambda p: tifffile.imwrite(p / "proj/00000.tiff", np.eye(24)[..., None] * [1.0, 0, 0]), "colour|grey"),
        (lambda p: tifffile.imwrite(p / "seg/00000.tiff", np.zeros((26, 24), np.uint8)), "26 x 24 pixels, its image"),
        (lambda p: (p / "seg/00000.tiff").write_bytes(b""), r"seg/00000\.tiff: is not a readable picture"),
        (lambda p: (p / "lands/00000.h5").write_bytes(b"no"), "is not a readable HDF5 file"),
        (lambda p: _points(p / "lands/00000.h5", ld1=[1.0, 2.0]), "has no ld2; it needs ld1 to ld2"),
        (lambda p: _points(p / "lands/00000.h5", ld1=[1.0, 2.0], ld2=[np.nan, 1.0]), "ld2 holds NaN or infinity"),
        (lambda p: _points(p / "lands/00000.h5", ld1=[1.0, 2.0, 3.0], ld2=[1.0, 1.0]), "ld1 is not two finite"),
        (lambda p: _points(p / "lands/00000.h5", ld1="here", ld2=[1.0, 1.0]), "ld1 holds no numbers"),
    ],
)
def test_damaged_files(archive, change, message):
    change(archive / "real" / "Fold1" / "test")
    reader = ToolFolders(archive, fold=1)
    with pytest.raises(InputError, match=message) as caught:
        reader[0]
    assert "\n" not in str(caught.value)


def _outcome(archive):
    try:
        return ToolFolders(archive, fold=1)[0]
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("kind", ["proj/00000.tiff", "lands/00000.h5"])
def test_cut_files_are_refused_or_whole(archive, kind):
    path = archive / "real" / "Fold1" / "test" / kind
    whole, content = _outcome(archive), path.read_bytes()
    refused = 0
    for keep in range(0, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:keep])
        found = _outcome(archive)
        if isinstance(found, str):
            refused += path.name in found
        else:
            assert np.array_equal(found.image, whole.image)
            assert np.array_equal(found.landmarks, whole.landmarks)
    assert refused > 10


def test_masks_above_zero_and_odd_files(archive):
    part = archive / "real" / "Fold1" / "test"
    mask = tifffile.imread(part / "seg" / "00000.tiff")
    PILImage.fromarray(mask * np.uint8(255)).save(part / "seg" / "00000.tiff", compression="tiff_lzw")
    tifffile.imwrite(part / "proj" / "00000.tiff", np.zeros((1, 24, 26), np.uint16), photometric="minisblack")
    _points(part / "lands" / "00000.h5", ld1=np.array([[3], [4]]), ld2=np.array([[5, 6]], np.float16))
    sample = ToolFolders(archive, fold=1)[0]
    assert np.array_equal(sample.masks[0], mask > 0)
    assert sample.image.shape == (24, 26)
    assert np.array_equal(sample.landmarks, ((3.5, 4.5), (5.5, 6.5)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fold": 6}, "fold=6: .* has the folds 1, 2, 3, 4, 5"),
        ({"fold": "every"}, "fold=every: give the number"),
        ({"fold": True}, "fold=True: give the number"),
        ({"split": "tests"}, "split=tests: choose one of train, valid, test"),
        ({"fold": None, "split": "test"}, "split=test: the simulated images"),
        ({"structures": ("a", "b")}, "has one mask"),
        ({"pixel_mm": 0}, "pixel_mm=0"),
        ({"domain": "hu"}, "domain=hu"),
    ],
)
def test_settings_that_cannot_be(unpacked, arguments, message):
    with pytest.raises(ConfigError, match=message):
        ToolFolders(unpacked, **arguments)


def test_a_fold_that_is_missing_is_not_passed_over(archive):
    shutil.rmtree(archive / "real" / "Fold3")
    with pytest.raises(InputError, match="has Fold5 but no Fold3"):
        ToolFolders(archive)
    assert len(ToolFolders(archive, fold=4)) == SIZES["test"]
    shutil.rmtree(archive / "real" / "Fold4" / "test")
    with pytest.raises(InputError, match=r"Fold4/test: has no folder proj"):
        ToolFolders(archive, fold=4)


def test_where_to_get_what_is_not_there(tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=r"github\.com/arcadelab/SyntheX"):
            ToolFolders(root)
