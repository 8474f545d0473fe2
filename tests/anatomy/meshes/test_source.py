"""Folders of bone surfaces as subjects, good and bad."""

import os
import shutil

import numpy as np
import pytest
import trimesh
from generators.meshes import box_at, sphere_at, write_bone, write_landmarks, write_toy_pelvis
from scipy.spatial import cKDTree

from synthex.anatomy.meshes import MeshFolder
from synthex.anatomy.meshes.loading import read_surface
from synthex.core import AnatomySource, ConfigError, InputError


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = write_toy_pelvis(tmp_path_factory.mktemp("meshes") / "toy")
    source = MeshFolder(folder, spacing_mm=3.0)
    return source, source.load("mesh-01")


def _label(anatomy, point):
    index = np.round(anatomy.ct.world_from_ijk.inverse().apply(np.array([point], dtype=float))[0]).astype(int)
    return int(anatomy.labels.data[tuple(index)])


def _hu(anatomy, point):
    index = np.round(anatomy.ct.world_from_ijk.inverse().apply(np.array([point], dtype=float))[0]).astype(int)
    return int(anatomy.ct.data[tuple(index)])


def test_labels_landmarks_and_absent(toy):
    source, anatomy = toy
    assert isinstance(source, AnatomySource)
    assert source.subject_ids() == ("mesh-01",)
    assert _label(anatomy, (-110, 0, 0)) == 5
    assert _label(anatomy, (110, 0, 0)) == 6
    assert _label(anatomy, (-65, 0, 100)) == 1
    assert _label(anatomy, (65, 0, 100)) == 2
    assert _label(anatomy, (0, -60, 60)) == 4
    assert _label(anatomy, (0, -30, 125)) == 3
    np.testing.assert_allclose(anatomy.landmarks["FH-l"], (-110, 0, 0))
    assert anatomy.absent == {"KNEE"}
    volumes = np.bincount(anatomy.labels.data.ravel(), minlength=7) * 27.0
    assert volumes[1] == pytest.approx(55 * 120 * 200, rel=0.08)
    assert volumes[3] == pytest.approx(2 * 45 * 55 * 28, rel=0.08)


def test_tissues(toy):
    _, anatomy = toy
    assert anatomy.ct.data.min() == -1000
    assert 50 < _hu(anatomy, (-65, 0, 100)) < 400
    assert anatomy.ct.data[anatomy.labels.data == 5].max() > 900
    # Between the bodies of L4 and L5 (gap of 7 mm) is disc.
    assert _hu(anatomy, (0, -15, 142.5)) == pytest.approx(80, abs=40)
    # Outside bone nothing is denser than soft tissue but for partial volume next to it.
    assert np.quantile(anatomy.ct.data[anatomy.labels.data == 0], 0.95) < 150
    soft = (anatomy.ct.data > -200) & (anatomy.ct.data < 150)
    assert soft.sum() > 2 * (anatomy.labels.data > 0).sum()


def test_joints_are_open(toy):
    _, anatomy = toy
    # The toy's heads overlap its hips by 6 mm: the hip has lost what was within 2.5 mm of the head, so
    # that voxels of the two (3 mm apart, centres inside) never touch.
    hip, femur = (np.argwhere(anatomy.labels.data == i) * 3.0 for i in (1, 5))
    distances, _ = cKDTree(femur).query(hip)
    assert 2.5 < distances.min() < 7


def test_seed_changes_the_body_but_not_the_bones(tmp_path):
    source = MeshFolder(write_toy_pelvis(tmp_path / "toy"), spacing_mm=3.0, keep_names=True)
    anatomy = source.load("toy")
    again = source.load("toy")
    np.testing.assert_array_equal(again.ct.data, anatomy.ct.data)
    other = MeshFolder(tmp_path / "toy", spacing_mm=3.0, seed=1, keep_names=True)
    loaded = other.load("toy")
    assert loaded.ct.data.shape != anatomy.ct.data.shape or not np.array_equal(loaded.ct.data, anatomy.ct.data)
    counts = [np.bincount(a.labels.data.ravel(), minlength=7)[1:] for a in (anatomy, loaded)]
    np.testing.assert_allclose(counts[0], counts[1], rtol=0.05)


def test_fingerprint_follows_the_files(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    before = MeshFolder(folder).fingerprint("mesh-01")
    assert before == MeshFolder(folder).fingerprint("mesh-01")
    assert before != MeshFolder(folder, seed=1).fingerprint("mesh-01")
    write_bone(folder, "sacrum.ply", box_at((0, -60, 60), (70, 40, 80)))
    assert MeshFolder(folder).fingerprint("mesh-01") != before


def test_fingerprint_tells_equal_files_of_two_folders_apart(tmp_path):
    folder = write_toy_pelvis(tmp_path / "one" / "s")
    copy = shutil.copytree(folder, tmp_path / "two" / "s")
    for path in folder.iterdir():
        os.utime(copy / path.name, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    assert MeshFolder(folder).fingerprint("mesh-01") != MeshFolder(copy).fingerprint("mesh-01")


@pytest.mark.parametrize("suffix", ["stl", "obj"])
def test_other_formats_and_folder_of_subjects(tmp_path, suffix):
    write_toy_pelvis(tmp_path / "b", suffix=suffix)
    write_toy_pelvis(tmp_path / "a", suffix=suffix)
    (tmp_path / "notes").mkdir()
    source = MeshFolder(tmp_path, spacing_mm=6.0)
    assert source.subject_ids() == ("mesh-01", "mesh-02")
    assert MeshFolder(tmp_path, keep_names=True).subject_ids() == ("a", "b")
    assert set(np.unique(source.load("mesh-02").labels.data)) == set(range(7))


def test_lps_surfaces_and_inverted_normals(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    for path in folder.glob("*.ply"):
        mesh = trimesh.load(path)
        mesh.vertices = mesh.vertices * (-1, -1, 1)
        mesh.export(path)
    with pytest.raises(InputError, match="set frame=LPS"):
        MeshFolder(folder).load("mesh-01")
    hip = trimesh.load(folder / "pelvis_left.ply")
    hip.invert()
    hip.export(folder / "pelvis_left.ply")
    anatomy = MeshFolder(folder, spacing_mm=6.0, frame="LPS").load("mesh-01")
    assert _label(anatomy, (-65, 0, 100)) == 1


def test_region_all_holds_every_bone(tmp_path):
    anatomy = MeshFolder(write_toy_pelvis(tmp_path / "s"), spacing_mm=6.0, region="all").load("mesh-01")
    bone = anatomy.ct.world_from_ijk.apply(np.argwhere(anatomy.labels.data == 5).astype(float))
    assert bone[:, 2].min() < -230


def test_without_landmarks_nothing_is_annotated(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    (folder / "landmarks.mrk.json").unlink()
    anatomy = MeshFolder(folder, spacing_mm=6.0).load("mesh-01")
    assert not anatomy.landmarks
    assert not anatomy.absent


def _open_mesh():
    mesh = sphere_at((0, 0, 0), 60)
    mesh.update_faces(np.arange(len(mesh.faces)) > 2)
    return mesh


def _error(folder):
    with pytest.raises(InputError) as caught:
        MeshFolder(folder).load("mesh-01")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_open_surface_is_named(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    write_bone(folder, "sacrum.ply", _open_mesh())
    assert "sacrum.ply: the surface is not closed" in _error(folder)


def test_unreadable_and_empty_files(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    (folder / "sacrum.ply").write_bytes(b"ply\nformat ascii 1.0\nnonsense")
    assert "sacrum.ply" in _error(folder)
    (folder / "sacrum.ply").write_bytes(b"")
    assert "sacrum.ply" in _error(folder)


def test_triangles_of_missing_vertices_are_named(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    mesh = trimesh.load(folder / "sacrum.ply", process=False)
    text = trimesh.exchange.ply.export_ply(mesh, encoding="ascii").decode()
    corners = " ".join(str(number) for number in mesh.faces[-1])
    assert f"3 {corners}" in text
    (folder / "sacrum.ply").write_text(text.replace(f"3 {corners}", "3 0 1 99"))
    assert "sacrum.ply: has triangles of vertices that are not in it" in _error(folder)


def test_unknown_landmark_names_are_refused(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    write_landmarks(folder / "landmarks.mrk.json", {"FH-r": (110.0, 0.0, 0.0), "FH_left": (-110.0, 0.0, 0.0)})
    assert "unknown landmark 'FH_left' (did you mean FH-l?)" in _error(folder)
    write_landmarks(folder / "landmarks.mrk.json", {"KNEE": (110.0, 0.0, 0.0)})
    assert "unknown landmark 'KNEE'" in _error(folder)


def test_unknown_bone_names_the_nearest(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    write_bone(folder, "femurleft.ply", sphere_at((0, 0, 0), 60))
    assert "femur_left" in _error(folder)


@pytest.mark.parametrize(("scale", "unit"), [(1e-3, "metres"), (1e-1, "centimetres"), (1e3, "micrometres")])
def test_wrong_unit(tmp_path, scale, unit):
    assert f"looks like {unit}" in _error(write_toy_pelvis(tmp_path / "s", scale=scale))


def test_one_bone_twice_and_two_landmark_files(tmp_path):
    folder = write_toy_pelvis(tmp_path / "s")
    write_bone(folder, "hip_left.stl", sphere_at((-60, 0, 0), 60))
    assert "hip_left once more" in _error(folder)
    (folder / "hip_left.stl").unlink()
    write_landmarks(folder / "more.mrk.json", {"FH-l": (0.0, 0.0, 0.0)})
    assert "2 landmark files" in _error(folder)


def test_bad_roots_and_settings(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        MeshFolder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no bone surfaces"):
        MeshFolder(tmp_path)
    for setting in ({"spacing_mm": 0.0}, {"region": "knee"}, {"frame": "LAS"}):
        with pytest.raises(ConfigError, match=next(iter(setting))):
            MeshFolder(tmp_path, **setting)


def test_real_skeleton(shared_data):
    source = MeshFolder(shared_data / "bones", spacing_mm=3.0)
    (name,) = source.subject_ids()
    anatomy = source.load(name)
    assert len(anatomy.landmarks) == 14
    assert _label(anatomy, anatomy.landmarks["FH-l"]) == 5
    assert _label(anatomy, anatomy.landmarks["FH-r"]) == 6
    volumes = np.bincount(anatomy.labels.data.ravel(), minlength=7) * 27 / 1000
    # The files' volumes are 280.9 (hips) and 213.5 cm3 (sacrum), less what the joints take.
    assert 268 < volumes[1] < 281
    assert 268 < volumes[2] < 281
    assert 205 < volumes[4] < 214
    # Left and right are mirror images in the files.
    assert volumes[5] == pytest.approx(volumes[6], rel=0.01)


@pytest.mark.parametrize("suffix", ["obj", "ply"])
def test_files_that_a_mesh_names_are_not_opened(tmp_path, suffix):
    """They could be pipes, devices, or pictures of any size."""
    path = tmp_path / f"sacrum.{suffix}"
    mesh = box_at((0, 0, 0), (20, 30, 40))
    if suffix == "obj":
        path.write_text(f"mtllib named\n{mesh.export(file_type='obj')}".replace("\nf ", "\nusemtl a\nf ", 1))
    else:
        header, _, body = mesh.export(file_type="ply", encoding="ascii").decode().partition("\nelement")
        path.write_text(f"{header}\ncomment TextureFile named\nelement{body}")
    os.mkfifo(tmp_path / "named")
    assert len(read_surface(path).faces) == 12
