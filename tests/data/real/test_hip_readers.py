import pickle

import h5py
import numpy as np
import pytest
import tifffile
from generators.real_archives import (
    DETECTOR,
    DETECTOR_MM,
    HIP,
    deepfluoro_camera,
    deepfluoro_pixels,
    hip_case,
    specimen_points,
    write_deepfluoro,
    write_hip_folders,
    write_hip_pair,
)

from synthex.core import Camera, ConfigError, InputError, Reader, Rigid
from synthex.data.real import DeepFluoro, HipFolders, HipStudy, camera_of
from synthex.data.real.hip_names import LANDMARKS, STRUCTURES, downsampling_of
from synthex.tasks.hip_landmarks import vocabulary

PITCH = 0.194 * 32


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_hip_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def fluoro(tmp_path_factory):
    return write_deepfluoro(tmp_path_factory.mktemp("fluoro") / "ipcai_2020_full_res_data.h5")


def test_names_are_those_of_the_hip_task():
    assert STRUCTURES == vocabulary.STRUCTURES
    assert LANDMARKS == vocabulary.LANDMARKS


def check(sample, seed):
    image, labels, points = hip_case(seed)
    assert np.array_equal(sample.image, image)
    assert np.array_equal(sample.masks, labels == np.arange(1, 7)[:, None, None])
    assert sample.visible.tolist() == [True] * 13 + [False]
    assert np.allclose(sample.landmarks[:13], points.T[:13] + 0.5, rtol=0, atol=1e-9)
    assert np.isnan(sample.landmarks[13]).all()
    assert sample.annotated.all()
    assert sample.pixel_mm == pytest.approx(PITCH)
    assert sample.domain == "log"


@pytest.mark.parametrize("combined", [False, True])
def test_the_pair_and_the_one_file(tmp_path, combined):
    reader = HipStudy(write_hip_pair(tmp_path, combined=combined))
    assert isinstance(reader, Reader)
    assert reader.case_ids() == ("01-0000", "01-0001", "02-0000", "02-0001", "03-0000", "03-0001")
    assert (reader.structures, reader.landmarks) == (STRUCTURES, LANDMARKS)
    for index in range(6):
        check(reader[index], (1 + index // 2, index % 2))
        assert reader[index].subject_id == f"0{1 + index // 2}"


def test_one_specimen_is_left_out(pair):
    assert HipStudy(pair, fold=2, split="test").case_ids() == ("02-0000", "02-0001")
    assert {case[:2] for case in HipStudy(pair, fold=2, split="train").case_ids()} == {"01", "03"}
    check(HipStudy(pair, fold=3, split="test")[1], (3, 1))


def test_landmarks_are_found_by_name(pair):
    chosen = HipStudy(pair, landmarks=["ASIS-l", "FH-l"])[0]
    assert np.allclose(chosen.landmarks, hip_case((1, 0))[2].T[[12, 0]] + 0.5)
    with pytest.raises(InputError, match="has no landmark PIIS-l"):
        HipStudy(pair, landmarks=["PIIS-l"])


@pytest.mark.parametrize(
    ("side", "factor"), [(1436, 1), (718, 2), (359, 4), (360, 4), (180, 8), (179, 8), (90, 16), (45, 32)]
)
def test_sizes_of_the_published_files(side, factor):
    assert downsampling_of(side) == factor


def test_other_sizes_need_a_pitch(tmp_path, pair):
    with pytest.raises(ConfigError, match="are no whole fraction"):
        downsampling_of(480)
    assert HipStudy(pair, pixel_mm=0.3)[0].pixel_mm == 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fold": 9, "split": "test"}, "has the specimens 01, 02, 03"),
        ({"fold": 1}, "give a fold with"),
        ({"domain": "hu"}, "domain=hu"),
        ({"pixel_mm": 0.0}, "pixel_mm=0.0"),
        ({"landmarks": ["FH-l", "FH-l"]}, "there twice"),
    ],
)
def test_settings_that_cannot_be(pair, arguments, message):
    with pytest.raises(ConfigError, match=message):
        HipStudy(pair, **arguments)


def test_errors_say_where_to_obtain_the_data(tmp_path):
    for reader in (HipStudy, DeepFluoro):
        with pytest.raises(InputError, match=r"10\.7281/T1/IFSXNV"):
            reader(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"github\.com/arcadelab/SyntheX"):
        HipFolders(tmp_path / "nowhere")


def test_labels_that_are_none(tmp_path):
    write_hip_pair(tmp_path)
    with h5py.File(tmp_path / "real_label.h5", "r+") as file:
        file["01/segs"][0, 3, 3] = 7
    with pytest.raises(InputError, match=r"01/segs holds values that are no label \(0 to 7\)"):
        HipStudy(tmp_path)[0]
    assert HipStudy(tmp_path)[1].masks.any()


def test_folders(tmp_path):
    reader = HipFolders(write_hip_folders(tmp_path))
    assert isinstance(reader, Reader)
    assert reader.case_ids() == ("valid-00000", "valid-00001")
    for index in range(2):
        check(reader[index], (len("valid_data"), index))
        assert reader[index].subject_id == "valid"
    assert HipFolders(tmp_path, split="train").case_ids()[0] == "train-00000"
    alone = HipFolders(tmp_path / "train_data")
    assert alone.case_ids()[0] == "00000"
    with pytest.raises(InputError, match="has 14 columns and 14 rows, not 2 of each"):
        HipFolders(tmp_path, landmarks=["a", "b"])[0]
    tifffile.imwrite(tmp_path / "valid_data/proj/00000.tiff", np.zeros((HIP, HIP + 2), np.float32))
    with pytest.raises(InputError, match="its image 45 x 47"):
        HipFolders(tmp_path)[0]


# ---- full resolution


def test_their_matrices_give_our_camera_back():
    """A camera of ours written by hand in their convention: source at (0, 0, 1000), looking at the origin."""
    focal, pitch = 1020.0, 0.194
    intrinsic = np.array(((-focal / pitch, 0, 767.5), (0, -focal / pitch, 767.5), (0, 0, 1.0)))
    camera_frame = np.eye(4)
    camera_frame[2, 3] = -1000.0  # their z is 0 at the source and negative towards the detector
    camera = camera_of(intrinsic, camera_frame, np.eye(4), 1536, 1536, pitch)
    # A point 10 mm towards +x of LPS (the patient's left, so -x of RAS) at magnification 1.02.
    found = camera.project(np.array(((0.0, 0, 0), (-10.0, 0, 0), (0.0, -10, 0))))
    step = 10 * 1.02 / pitch
    assert np.allclose(found, ((768, 768), (768 + step, 768), (768, 768 + step)))
    assert camera.sdd_mm == pytest.approx(focal)
    # Toward the source is +z of LPS and of RAS, and larger.
    assert camera.magnification(np.array((0.0, 0, 100))) > camera.magnification(np.zeros(3))
    assert np.allclose(camera.source_world, (0, 0, 1000))


@pytest.mark.parametrize("signs", [(-1, -1), (1, -1), (-1, 1), (1, 1)])
def test_projection_is_theirs_whatever_the_signs(signs):
    rng = np.random.default_rng(3)
    intrinsic = np.array(((signs[0] * 1000.0, 2.0, 300), (0, signs[1] * 1010.0, 200), (0, 0, 1)))
    poses = []
    for offset in ((0, 0, -900), (5, 6, 7)):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        poses.append(np.eye(4))
        poses[-1][:3, :3], poses[-1][:3, 3] = turn * np.linalg.det(turn), offset
    points = rng.uniform(-50, 50, size=(9, 3))
    theirs = (poses[0] @ np.linalg.inv(poses[1]) @ np.c_[points, np.ones(9)].T)[:3]
    wanted = intrinsic @ theirs
    camera = camera_of(intrinsic, poses[0], poses[1], 400, 600, 1.0)
    found = camera.project(points * (-1, -1, 1))
    # What lies behind the source has no picture.
    seen = theirs[2] < 0
    assert np.allclose(found[seen], (wanted[:2] / wanted[2]).T[seen] + 0.5)
    assert np.isnan(found[~seen]).all()


def test_poses_land_on_the_landmarks_of_the_sample(fluoro):
    """Through our projection of our points: whole picture or cut, turned and reduced."""
    for border, factor in ((0, 1), (50, 1), (50, 4), (20, 8)):
        reader = DeepFluoro(fluoro, downsampling=factor, border=border)
        for index in range(4):
            sample, camera = reader[index], reader.camera(index)
            assert (camera.height, camera.width) == sample.image.shape
            assert sample.record["turned"] == (index % 2 == 1)
            projected = camera.project(reader.landmarks_ras(index))
            assert sample.visible.any()
            # float32 in the file: 1e-4 of a pixel of some hundreds, divided by the factor.
            assert np.allclose(projected[sample.visible], sample.landmarks[sample.visible], rtol=0, atol=5e-3)
            assert np.array_equal(camera.contains(projected), sample.visible)


def test_the_cameras_are_those_that_wrote_the_file(fluoro):
    reader = DeepFluoro(fluoro, downsampling=1, border=0, upright=False)
    for index, seed in enumerate(((0, 0), (0, 1), (2, 0), (2, 1))):
        wanted, found = deepfluoro_camera(seed), reader.camera(index)
        assert np.allclose(found.intrinsics, wanted.intrinsics, atol=1e-3)
        assert np.allclose(found.source_world, wanted.source_world, atol=1e-3)
        assert np.allclose(found.camera_from_world.matrix, wanted.camera_from_world.matrix, atol=1e-4)
        assert found.sdd_mm == pytest.approx(1020, rel=1e-6)
        assert np.allclose(reader.landmarks_ras(index), specimen_points(seed[0])[:14], atol=1e-3)


def test_pixels_of_the_whole_picture(fluoro):
    reader = DeepFluoro(fluoro, downsampling=1, border=0, upright=False, domain="intensity")
    assert isinstance(reader, Reader)
    assert reader.case_ids() == ("01-000", "01-001", "03-000", "03-001")
    assert (reader.structures, reader.landmarks) == (STRUCTURES, LANDMARKS)
    image, labels = deepfluoro_pixels((2, 1))
    sample = reader[3]
    assert np.array_equal(sample.image, image)
    assert np.array_equal(sample.masks, labels == np.arange(1, 7)[:, None, None])
    assert (sample.subject_id, sample.pixel_mm, sample.domain) == ("03", DETECTOR_MM, "intensity")
    assert sample.image.shape == DETECTOR


def test_cut_turned_and_reduced_pixels(fluoro):
    image, labels = deepfluoro_pixels((0, 1))
    cut, kinds = image[50:-50, 50:-50][::-1, ::-1].astype(float), labels[50:-50, 50:-50][::-1, ::-1]
    sample = DeepFluoro(fluoro, downsampling=4, domain="intensity")[1]
    assert sample.image.shape == (35, 30)
    assert sample.image[3, 5] == pytest.approx(cut[12:16, 20:24].mean())
    assert sample.masks[5, 3, 5] == ((kinds[12:16, 20:24] == 6).mean() >= 0.5)
    assert sample.pixel_mm == pytest.approx(4 * DETECTOR_MM)
    logs = DeepFluoro(fluoro, downsampling=1)[1]
    assert np.allclose(logs.image, -np.log(cut / cut.max()), atol=1e-6)
    assert logs.image.min() == 0
    # Bone is bright in the logarithm.
    assert logs.image[logs.masks[5]].mean() > logs.image[~logs.masks.any(axis=0)].mean()


def test_folds_of_the_specimens(fluoro):
    assert DeepFluoro(fluoro.parent, fold=3, split="test").case_ids() == ("03-000", "03-001")
    assert DeepFluoro(fluoro, fold=3, split="train").case_ids() == ("01-000", "01-001")
    with pytest.raises(ConfigError, match="has the specimens 01, 03"):
        DeepFluoro(fluoro, fold=2, split="test")


def _write(path, key, values):
    with h5py.File(path, "r+") as file:
        del file[key]
        if values is not None:
            file[key] = values


SHOT = "17-1882/projections/000"


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("proj-params/intrinsic", None, "has no proj-params/intrinsic"),
        ("proj-params/intrinsic", np.eye(3), "focal lengths of 0.97"),
        ("proj-params/extrinsic", 2 * np.eye(4), "is no rotation and translation"),
        ("proj-params/pixel-col-spacing", 194.0, "pixels of 194 x 0.97 mm"),
        ("proj-params/num-rows", 1e9, "a detector of 1e"),
        ("17-1882/projections", None, "has no 17-1882/projections"),
        (f"{SHOT}/image/pixels", np.zeros(DETECTOR[::-1], np.uint16), "220 x 240 pixels, the detector 240 x 220"),
        (f"{SHOT}/image/pixels", np.full(DETECTOR, np.nan), "holds NaN"),
        (f"{SHOT}/image/pixels", np.full(DETECTOR, -1), "are no intensities"),
        (f"{SHOT}/image/spacing", [970.0, 970.0], "spacing is 970 x 970 mm"),
        (f"{SHOT}/gt-seg/pixels", np.full(DETECTOR, 9), "are no label"),
        (f"{SHOT}/rot-180-for-up", 2, "is 2, not 0 or 1"),
        (f"{SHOT}/gt-landmarks/GSN-l", [1.0, 2.0, 3.0], "has 3 numbers, not 2"),
        (f"{SHOT}/gt-landmarks/GSN-l", [1.0, 2.0], "GSN-l lies [0-9]+ pixels from where"),
        (f"{SHOT}/gt-landmarks/FH-r", [1.0, 2.0], "FH-r lies [0-9]+ pixels from where"),
        (f"{SHOT}/gt-poses/cam-to-pelvis-vol", np.eye(4), "pixels from where"),
        ("17-1882/vol-landmarks/GSN-l", "here", "holds no numbers"),
    ],
)
def test_files_that_contradict_themselves(tmp_path, key, values, message):
    path = write_deepfluoro(tmp_path / "file.h5", specimens=(0,), count=1)
    _write(path, key, values)
    with pytest.raises(InputError, match=message) as caught:
        DeepFluoro(path)[0]
    assert "\n" not in str(caught.value)


def test_poses_need_not_be_looked_at(tmp_path):
    path = write_deepfluoro(tmp_path / "file.h5", specimens=(0,), count=1)
    _write(path, f"{SHOT}/gt-landmarks/GSN-l", [100.0, 110.0])
    sample = DeepFluoro(path, downsampling=1, residual_px=None)[0]
    assert np.array_equal(sample.landmarks[2], (50.5, 60.5))


def test_a_camera_of_core_is_returned(fluoro):
    camera = DeepFluoro(fluoro).camera(0, "left-femur")
    assert isinstance(camera, Camera)
    assert isinstance(camera.camera_from_world, Rigid)
    with pytest.raises(ConfigError, match="choose one of pelvis, left-femur, right-femur"):
        DeepFluoro(fluoro).camera(0, "skull")


def test_readers_with_open_files_go_to_workers(pair, fluoro):
    for reader in (HipStudy(pair), DeepFluoro(fluoro)):
        wanted = reader[1]
        again = pickle.loads(pickle.dumps(reader))
        assert np.array_equal(again[1].image, wanted.image)
        assert again[1].case_id == wanted.case_id


def test_the_pitch_of_the_loopx_is_asked_for(pair, tmp_path):
    for name in ("real.h5", "real_label.h5"):
        (tmp_path / name.replace("real", "real_loopx")).write_bytes((pair / name).read_bytes())
    files = {"images": "real_loopx.h5", "labels": "real_loopx_label.h5"}
    with pytest.raises(InputError, match=r"LoopX.*not published; give real\.pixel_mm"):
        HipStudy(tmp_path, **files)
    assert HipStudy(tmp_path, **files, pixel_mm=0.8)[0].pixel_mm == 0.8
