"""Solids from mesh files, and the one line that bad files give."""

import numpy as np
import pytest
import trimesh

from synthex.core import Affine, ConfigError, InputError
from synthex.instruments.mesh_file import load_solid


@pytest.fixture
def screw(tmp_path):
    path = tmp_path / "screw.stl"
    trimesh.creation.cylinder(2.0, 40.0, sections=24).export(path)
    return path


@pytest.mark.parametrize("suffix", ["stl", "ply", "obj"])
def test_formats_give_the_same_closed_solid(tmp_path, suffix):
    mesh = trimesh.creation.annulus(2.0, 3.0, 35.0, sections=32)
    mesh.export(tmp_path / f"tube.{suffix}")
    solid = load_solid(tmp_path / f"tube.{suffix}", "nitinol", density_g_cm3=6.4)
    assert (solid.name, solid.material, solid.density_g_cm3) == ("tube", "nitinol", 6.4)
    assert len(solid.vertices_world) == len(mesh.vertices)
    again = trimesh.Trimesh(solid.vertices_world, solid.faces)
    # STL holds float32.
    assert again.volume == pytest.approx(mesh.volume, rel=1e-5)


def test_unit_and_pose_place_it(screw):
    pose = Affine.from_parts(np.diag((1.0, -1.0, 1.0)), (100, 0, 0))
    solid = load_solid(screw, "titanium", "peg", pose, unit="cm")
    np.testing.assert_allclose(np.ptp(solid.vertices_world, axis=0), (40, 40, 400), rtol=1e-3)
    np.testing.assert_allclose(solid.vertices_world.mean(axis=0), (100, 0, 0), atol=1e-3)
    assert solid.name == "peg"


def open_mesh(path):
    mesh = trimesh.creation.box((4, 4, 4))
    mesh.update_faces(np.arange(11))
    mesh.export(path)


def empty_mesh(path):
    path.write_text("solid nothing\nendsolid nothing\n", encoding="utf-8")


def garbage(path):
    path.write_bytes(b"\x00\x01 this is no mesh")


def torn_windings(path):
    mesh = trimesh.creation.box((4, 4, 4))
    faces = np.array(mesh.faces)
    faces[3] = faces[3, ::-1]
    trimesh.Trimesh(mesh.vertices, faces, process=False).export(path)


def torn_at_a_seam(path):
    # Four caps on one ring, three of them wound alike: pairs of triangles agree, the surface does not.
    ring = [(4.0, 0, 0), (0, 4.0, 0), (-4.0, 0, 0), (0, -4.0, 0)]
    apexes = [(0, 0, z) for z in (2.0, 5.0, -2.0, -5.0)]
    caps = [[(n, (n + 1) % 4, 4 + cap)[:: -1 if cap == 3 else 1] for n in range(4)] for cap in range(4)]
    trimesh.Trimesh(ring + apexes, np.concatenate(caps), process=False).export(path)


def in_metres(path):
    trimesh.creation.box((0.035, 0.006, 0.006)).export(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (open_mesh, "not closed"),
        (empty_mesh, "no triangles|not a readable mesh"),
        (garbage, "not a readable mesh|no triangles"),
        (torn_windings, "which side is outside"),
        (torn_at_a_seam, "which side is outside"),
        (in_metres, r"0.035 mm long in mm; set unit: m \(would be 35 mm\)"),
        (lambda path: None, "no such file"),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, make, message):
    path = tmp_path / "tool.stl"
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        load_solid(path, "titanium")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_formats_are_refused(tmp_path):
    (tmp_path / "tool.step").write_text("ISO-10303-21;", encoding="utf-8")
    with pytest.raises(InputError, match=r"\.step is not a mesh format"):
        load_solid(tmp_path / "tool.step", "titanium")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"material": "titanum"}, "titanium"),
        ({"unit": "km"}, "choose one of mm"),
        ({"density_g_cm3": 0}, "must be positive"),
    ],
)
def test_bad_settings_are_refused(screw, settings, message):
    with pytest.raises(ConfigError, match=message):
        load_solid(screw, **{"material": "titanium", **settings})
