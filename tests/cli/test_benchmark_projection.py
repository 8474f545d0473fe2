"""The projection benchmark: its two measures are right, its rows are complete, peers see the same rays."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from synthex.benchmarks import peers as benchmark_peers
from synthex.benchmarks.peers import PEERS, choose_peers, installed, prepare_peer
from synthex.benchmarks.projection import plain_loop, reference
from synthex.benchmarks.scene import DETECTOR_MM, SDD_MM, BenchmarkScene, built_in_volume, hats, make_scene
from synthex.core import Affine, ConfigError, MissingExtraError, Volume
from synthex.geometry import CArm
from synthex.projection import project

SMALL = ("shape=[24,20,16]", "size=16", "twin_size=8", "rounds=1", "peers=[]")


@pytest.fixture(scope="module")
def scene() -> BenchmarkScene:
    return make_scene(None, None, (48, 40, 24), 3, 3)


def density(scene):
    return Volume(np.maximum(scene.ct.data.astype(np.float32) + 1000, 0) / 1000, scene.ct.world_from_ijk)


def view(size, angle=0.0, tilt=0.0, side="anterior"):
    arm = CArm(size, size, DETECTOR_MM / size / 4, SDD_MM, 850.0, side)
    return arm.camera(arm.view(np.zeros(3), angle, tilt, 10.0 if angle else 0.0))


@pytest.mark.long
def test_the_rows_say_what_was_measured(synthex, tmp_path):
    text = synthex("benchmark projection", *SMALL, "materials=2", "masks=2", f"json={tmp_path / 'rows.json'}")
    assert "plain Numba loop" in text
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["renderer"], row["size"], row["materials"], row["masks"]) for row in rows] == [
        ("plain Numba loop", 16, 0, 0),
        ("synthex", 16, 0, 0),
        ("synthex", 16, 0, 2),
        ("synthex", 16, 2, 0),
        ("synthex", 16, 2, 2),
        ("plain Numba loop", 8, 0, 0),
        ("synthex", 8, 0, 0),
        ("synthex PyTorch twin", 8, 0, 0),
    ]
    for row in rows:
        assert 0 < row["fastest_seconds"] <= row["median_seconds"]
        loop = next(other for other in rows if other["size"] == row["size"])
        assert row["ratio_to_plain"] == pytest.approx(row["median_seconds"] / loop["median_seconds"])
        assert row["relative_l2"] < 0.01
        assert row["threads"] == 2
    assert Path("rows.json").exists() == (tmp_path == Path.cwd())


@pytest.mark.long
def test_a_ct_and_its_labels_can_be_given(synthex, shared_data):
    folder = shared_data / "pelvis_ct"
    ct = next(path for path in sorted(folder.iterdir()) if "ct" in path.name and path.name.endswith(".nii.gz"))
    text = synthex("benchmark projection", f"ct={ct}", "size=16", "twin_size=0", "rounds=1", "peers=[]", "materials=0")
    assert ct.name in text
    arguments = (f"ct={ct}", f"labels={folder / 'labels.nii.gz'}", "label_names=totalsegmentatr", "peers=[]")
    assert "totalsegmentatr" in synthex("benchmark projection", *arguments, code=2)
    assert str(folder) not in text


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("threads=4096", ["threads=4096", "cores"]),
        ("materials=9", ["materials=9", "at most 8"]),
        ("rounds=0", ["rounds=0"]),
        ("peers=[rtkk]", ["rtkk", "rtk-joseph"]),
        ("ct=nowhere.nii.gz", ["nowhere.nii.gz"]),
        ("masks=30", ["30 masks", "masks="]),
    ],
)
def test_a_bad_setting_is_one_line(setting, words, synthex):
    error = synthex("benchmark projection", *SMALL, setting, code=2)
    assert all(word in error for word in words), error


def test_peers_that_are_missing_are_named_with_their_extra(monkeypatch):
    monkeypatch.setattr(benchmark_peers, "installed", lambda peer: peer == "nanodrr")
    assert choose_peers("auto") == (("nanodrr",), ("rtk-joseph", "diffdrr-trilinear", "diffdrr-siddon"))
    assert choose_peers([]) == ((), ())
    assert choose_peers("nanodrr") == (("nanodrr",), ())
    monkeypatch.setitem(benchmark_peers.PEERS, "diffdrr-siddon", "no_such_module")
    with pytest.raises(MissingExtraError, match=r"pip install 'synthex\[peers\]'"):
        choose_peers(["diffdrr-siddon"])
    with pytest.raises(ConfigError, match="diffdr: there is no such peer"):
        choose_peers(["diffdr"])


def test_the_loop_and_the_reference_give_the_length_of_a_chord():
    # 20 voxels of 2 mm of water along the central ray, each end a linear ramp of one voxel: 40 mm in all.
    spacing, shape = 2.0, (22, 20, 24)
    affine = Affine.from_parts(np.eye(3) * spacing, -spacing * (np.array(shape) - 1) / 2)
    water = Volume(np.zeros(shape, dtype=np.int16), affine)
    arm = CArm(1, 1, 1.0, SDD_MM, 850.0)
    camera = arm.camera(arm.view(np.zeros(3)))
    loop = plain_loop(Volume(np.ones(shape, dtype=np.float32), affine), camera)()
    assert loop[0, 0] == pytest.approx(40.0, rel=1e-6)
    _, image = reference(water, camera)
    # Steps of 0.6 mm over ramps of 2 mm; on a CT the same share of a voxel is a far smaller one of the path.
    assert image[0, 0] == pytest.approx(40.0, rel=1e-3)


def test_the_reference_has_converged(scene, monkeypatch):
    _, coarse = reference(scene.ct, scene.camera(24))
    monkeypatch.setattr("synthex.benchmarks.projection.REFERENCE_STEP", 0.1)
    _, fine = reference(scene.ct, scene.camera(24))
    assert np.linalg.norm(coarse - fine) / np.linalg.norm(fine) < 1e-3


@pytest.mark.parametrize(("angle", "tilt"), [(0, 0), (90, 0), (0, 88), (25, 10)])
def test_the_loop_makes_the_picture_of_our_projector_from_every_side(scene, angle, tilt):
    camera = view(20, angle, tilt)
    ours = project(scene.ct, None, (), camera, threads=1).water_path_mm
    loop = plain_loop(density(scene), camera)()
    assert ours.max() > 10
    # One axis for the whole view; the rays of these narrow views agree on it.
    np.testing.assert_allclose(loop, ours, atol=2e-4 * ours.max())


@pytest.mark.parametrize("side", ["anterior", "posterior"])
@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_sees_the_same_rays(peer, side, scene):
    if not installed(peer):
        pytest.skip(f"{peer} is not installed")
    camera = view(24, 20.0, 8.0, side)
    ours = project(scene.ct, None, (), camera, threads=1).water_path_mm
    theirs = prepare_peer(peer, density(scene), camera, 1)()
    assert theirs.shape == ours.shape
    error = np.linalg.norm(theirs - ours) / np.linalg.norm(ours)
    mirrored = np.linalg.norm(theirs[:, ::-1] - ours) / np.linalg.norm(ours)
    # Siddon's boxes and RTK's treatment of the outermost half voxel differ from interpolation on so coarse a grid.
    assert error < 0.08
    assert error < mirrored / 2


def test_the_built_in_volume_is_of_a_ct_s_values():
    volume = built_in_volume((40, 36, 20))
    values = volume.data
    assert values.dtype == np.int16
    shares = [np.mean((values > low) & (values < high)) for low, high in ((-950, -700), (-150, 100), (300, 700))]
    assert all(share > 0.01 for share in shares), shares


def test_hats_share_a_voxel_s_density_out():
    table = hats(6)
    hu = np.arange(len(table.values)) - 1000
    between = (hu >= -800) & (hu <= 1600)
    np.testing.assert_allclose(table.values.sum(axis=1)[between], 1 + hu[between] / 1000, rtol=1e-5)
    assert math.isclose(float(table.values[0].sum()), 0.0)
