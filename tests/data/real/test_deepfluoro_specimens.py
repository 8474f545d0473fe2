"""The specimens of DeepFluoro, and a stand-in written in its format."""

import h5py
import numpy as np
import pytest

from synthex.core import Affine, Anatomy, ConfigError, InputError, Sample, Volume
from synthex.data import InOrder, Replayable, choose_subject
from synthex.data.real import DeepFluoro, write_deepfluoro
from synthex.data.real.hip_names import LANDMARKS, STRUCTURES
from synthex.geometry import CArm

SIDE = 60
CARM = CArm(rows=SIDE, columns=SIDE, pixel_mm=0.9, sdd_mm=1000.0, source_side="posterior")


def anatomy(seed) -> Anatomy:
    """A turned grid with another edge length along each axis, all structures and landmarks."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    place = Affine.from_parts(turn * (2.0, 3.0, 4.0), rng.uniform(-50, 50, 3))
    labels = rng.integers(0, len(STRUCTURES) + 1, (7, 6, 5)).astype(np.uint8)
    hu = rng.integers(-1000, 1500, labels.shape).astype(np.int16)
    hu[0, 0, 0] = -1000
    middle = Volume(hu, place).center_world
    points = {name: middle + rng.uniform(-15, 15, 3) for name in LANDMARKS}
    numbered = {name: value for value, name in enumerate(STRUCTURES, start=1)}
    return Anatomy(f"body-{seed}", Volume(hu, place), Volume(labels, place), numbered, points)


def shot(one: Anatomy, seed, domain="intensity") -> Sample:
    rng = np.random.default_rng((seed, 1))
    view = CARM.view(one.ct.center_world, *rng.uniform(-30, 30, 3))
    camera = CARM.camera(view)
    masks = np.zeros((len(STRUCTURES), SIDE, SIDE), dtype=bool)
    for index, mask in enumerate(masks):
        mask[8 * index + 2 : 8 * index + 8, 5:30] = True  # apart from each other: one label a pixel
    return Sample(
        case_id=f"case-{seed}",
        subject_id=one.subject_id,
        image=rng.uniform(0.1, 1, (SIDE, SIDE)).astype(np.float32),
        domain=domain,
        masks=masks,
        landmarks=camera.project(np.array([one.landmarks[name] for name in LANDMARKS])),
        visible=np.ones(len(LANDMARKS), dtype=bool),
        annotated=np.ones(len(LANDMARKS), dtype=bool),
        pixel_mm=camera.pixel_mm,
        record={"camera": camera.to_record()},
    )


BODIES = [anatomy(seed) for seed in range(3)]
SHOTS = [[shot(one, 10 * number + index) for index in range(2)] for number, one in enumerate(BODIES)]


@pytest.fixture
def file(tmp_path):
    return write_deepfluoro(tmp_path / "there" / "standin.h5", zip(BODIES, SHOTS, strict=True))


def test_what_is_written_is_read_again(file):
    reader = DeepFluoro(file, downsampling=1, border=0, domain="intensity")
    assert isinstance(reader, Replayable)
    assert len(reader) == 6
    for index, (body, wanted) in enumerate(
        (body, one) for body, shots in zip(BODIES, SHOTS, strict=True) for one in shots
    ):
        found, camera = reader[index], reader.camera(index)
        seen = found.visible
        assert seen.sum() > 5
        assert np.allclose(found.landmarks[seen], wanted.landmarks[seen], atol=1e-6)
        assert np.array_equal(found.masks, wanted.masks)  # also where every second lies upside down
        assert np.allclose(found.image / found.image.max(), wanted.image / wanted.image.max(), atol=1e-4)
        points = np.array([body.landmarks[name] for name in LANDMARKS])
        assert np.allclose(camera.project(points), wanted.landmarks, atol=1e-6)
        assert np.allclose(camera.camera_from_world.matrix, wanted.record["camera"]["camera_from_world"], atol=1e-9)


def test_specimens_lie_where_their_poses_see_them(file):
    reader = DeepFluoro(file, fold=2, split="train", downsampling=1, border=0)
    source = reader.anatomies()
    assert source.subject_ids() == ("01", "03")
    assert reader.subjects() == ("01", "01", "03", "03")
    found, wanted = source.load("03"), BODIES[2]
    assert np.array_equal(found.ct.data, wanted.ct.data)
    assert np.array_equal(found.labels.data, wanted.labels.data)
    assert np.allclose(found.ct.world_from_ijk.matrix, wanted.ct.world_from_ijk.matrix)
    assert all(np.allclose(found.landmarks[name], wanted.landmarks[name]) for name in LANDMARKS)
    assert source.fingerprint("01") != source.fingerprint("03")


def test_samples_take_the_subjects_of_the_cases_in_order(file):
    reader = DeepFluoro(file, downsampling=1, border=0)
    order = InOrder(reader.anatomies(), reader.subjects())
    assert [choose_subject(order, index, seed=5) for index in range(8)] == [
        "01",
        "01",
        "02",
        "02",
        "03",
        "03",
        "01",
        "01",
    ]
    with pytest.raises(ConfigError, match="no case to replay"):
        InOrder(reader.anatomies(), ())


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("vol/pixels", np.full((5, 6, 7), 24, np.float32), "no air below -500, so it is not in HU"),
        ("vol/pixels", np.full((5, 6, 7), np.nan, np.float32), "NaN or infinity"),
        ("vol/pixels", np.zeros((5, 6)), "is no volume"),
        ("vol/dir-mat", np.ones((3, 3)), "is no rotation"),
        ("vol/spacing", np.array((1.0, 0.0, 1.0)), "no spacing and origin"),
        ("vol-seg/image/origin", np.zeros(3), "another grid"),
        ("vol-landmarks/FH-l", np.zeros(2), "FH-l is no point"),
    ],
)
def test_a_damaged_specimen_is_refused(file, key, value, words):
    with h5py.File(file, "r+") as opened:
        del opened[f"17-1882/{key}"]
        opened[f"17-1882/{key}"] = value
    source = DeepFluoro(file, downsampling=1, border=0, residual_px=None).anatomies()
    with pytest.raises(InputError, match=words):
        source.load("01")


def test_pictures_of_several_detectors_are_no_such_file(tmp_path):
    other = CArm(rows=SIDE, columns=SIDE, pixel_mm=0.8, sdd_mm=1000.0)
    camera = other.camera(other.view(BODIES[0].ct.center_world))
    strange = shot(BODIES[0], 0)
    object.__setattr__(strange, "record", {"camera": camera.to_record()})
    with pytest.raises(ConfigError, match="share a detector"):
        write_deepfluoro(tmp_path / "x.h5", [(BODIES[0], [SHOTS[0][0], strange])])
    assert not (tmp_path / "x.h5").exists()
