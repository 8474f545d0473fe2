"""A user's instrument from one YAML file, and the one line that each mistake gives."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh
import yaml

from synthex.core import ConfigError, InputError
from synthex.instruments import Instrument, InstrumentFile
from synthex.instruments.description import SHAPE_KEYS
from synthex.instruments.mesh_file import UNITS_MM

ROOT = Path(__file__).parents[2]
DRILL = ROOT / "examples" / "instruments" / "drill.yaml"

FORCEPS = {
    "name": "forceps",
    "parts": {
        "shaft": {"shape": "cylinder", "radius": 3, "length": 100, "at": [0, 0, -100], "material": "steel_316l"},
        "lower": {"shape": "box", "size": [4, 2, 20], "at": [0, -1, 10], "material": "steel_316l", "parent": "shaft"},
        "upper": {
            "shape": "box",
            "size": [4, 2, 20],
            "at": [0, 1, 10],
            "material": "ti6al4v",
            "density": 4.4,
            "parent": "shaft",
            "joint": {"type": "revolute", "axis": [1, 0, 0], "limits": [-40, 0], "rest": -10},
        },
    },
    "landmarks": {
        "base": {"part": "shaft", "position": [0, 0, 0]},
        "tip": {"part": "upper", "position": [0, 1, 20]},
    },
    "shaft": [[0, 0, -100], "base"],
}


def write(folder, changes=(), name="forceps.yaml"):
    """The forceps with values at dotted paths changed; None takes a key away."""
    description = copy.deepcopy(FORCEPS)
    for place, value in dict(changes).items():
        *path, key = place.split(".")
        node = description
        for step in path:
            node = node.setdefault(step, {})
        if value is None:
            node.pop(key, None)
        else:
            node[key] = value
    (folder / name).write_text(yaml.safe_dump(description, sort_keys=False), encoding="utf-8")
    return folder / name


def test_the_documented_drill_is_an_instrument():
    drill = InstrumentFile(DRILL)
    assert isinstance(drill, Instrument)
    assert (drill.name, drill.landmarks, drill.joints) == ("drill", ("base", "tip"), {"bit": (-15.0, 15.0)})
    rest = drill.body({})
    np.testing.assert_allclose(rest.landmarks["tip"], (0, 0, 35), atol=1e-12)
    np.testing.assert_allclose(rest.shaft, [(0, 0, -250), (0, 0, 0)], atol=1e-12)
    assert rest.radius_mm == 2.3
    assert rest.record == {"bit": 0.0}
    advanced = drill.body({"bit": 12.5})
    np.testing.assert_allclose(advanced.centerline, [(0, 0, 0), (0, 0, 47.5)], atol=1e-12)
    assert [solid.name for solid in rest.solids][:2] == ["drill/motor", "drill/handle"]


def test_joints_are_drawn_uniformly_within_their_limits(tmp_path):
    forceps = InstrumentFile(write(tmp_path))
    rng = np.random.default_rng(0)
    angles = np.array([forceps.draw(rng)["upper"] for _ in range(2000)])
    assert angles.min() >= -40
    assert angles.max() <= 0
    # Mean and standard deviation of a uniform distribution of width 40; 4 standard errors.
    assert angles.mean() == pytest.approx(-20, abs=4 * 40 / np.sqrt(12 * 2000))
    assert angles.std() == pytest.approx(40 / np.sqrt(12), rel=0.05)
    assert forceps.draw(np.random.default_rng(3)) == forceps.draw(np.random.default_rng(3))


def test_bodies_follow_their_joints_and_are_pure(tmp_path):
    forceps = pickle.loads(pickle.dumps(InstrumentFile(write(tmp_path))))
    body, again = forceps.body({"upper": -30}), forceps.body({"upper": -30})
    turn = np.deg2rad(-30)
    wanted = (0, np.cos(turn) - 20 * np.sin(turn), np.sin(turn) + 20 * np.cos(turn))
    np.testing.assert_allclose(body.landmarks["tip"], wanted, atol=1e-9)
    np.testing.assert_array_equal(body.solids[2].vertices_world, again.solids[2].vertices_world)
    assert (body.solids[2].material, body.solids[2].density_g_cm3) == ("ti6al4v", 4.4)
    # The radius is that of the farthest corner, one of the lower jaw, about the line from base to tip, at rest.
    rest = forceps.body({})
    line = rest.landmarks["tip"] / np.linalg.norm(rest.landmarks["tip"])
    assert body.radius_mm == pytest.approx(np.linalg.norm(np.cross((2, -2, 20), line)))
    assert rest.record == {"upper": -10.0}


def test_a_file_has_any_frame_and_unit(tmp_path):
    centimetres = copy.deepcopy(FORCEPS)
    centimetres["unit"] = "cm"
    for part in centimetres["parts"].values():
        for key in ("radius", "length", "size", "at"):
            if key in part:
                part[key] = (np.array(part[key]) / 10).tolist()
        if "at" in part:
            part["at"] = np.add(part["at"], (1, 2, 3)).tolist()
        if "joint" in part:
            part["joint"]["origin"] = [1, 2, 3]
    for point in centimetres["landmarks"].values():
        point["position"] = np.add(np.array(point["position"]) / 10, (1, 2, 3)).tolist()
    centimetres["shaft"] = [[1, 2, -7], "base"]
    (tmp_path / "cm.yaml").write_text(yaml.safe_dump(centimetres, sort_keys=False), encoding="utf-8")
    plain = InstrumentFile(write(tmp_path)).body({})
    moved = InstrumentFile(tmp_path / "cm.yaml").body({})
    for one, other in zip(plain.solids, moved.solids, strict=True):
        np.testing.assert_allclose(other.vertices_world, one.vertices_world, atol=1e-9)
    np.testing.assert_allclose(moved.landmarks["tip"], plain.landmarks["tip"], atol=1e-9)
    assert moved.radius_mm == pytest.approx(plain.radius_mm)
    np.testing.assert_allclose(moved.shaft, [(0, 0, -100), (0, 0, 0)], atol=1e-9)


def test_meshes_lie_beside_the_file(tmp_path):
    mesh = trimesh.creation.cylinder(0.003, 0.1, sections=24)
    mesh.invert()
    mesh.export(tmp_path / "shaft.stl")
    part = {"mesh": "shaft.stl", "unit": "m", "at": [0, 0, -50], "material": "steel_316l"}
    body = InstrumentFile(write(tmp_path, {"parts.shaft": part})).body({})
    assert body.solids[0].name == "forceps/shaft"
    np.testing.assert_allclose(np.ptp(body.solids[0].vertices_world @ np.array((0, 0, 1.0))), 100, rtol=0.05)


def test_the_default_radius_is_that_beside_the_centre_line(tmp_path):
    needle = {"shape": "cylinder", "radius": 1.5, "length": 200, "at": [0, 0, -100], "material": "titanium"}
    ball = {"shape": "sphere", "radius": 9, "at": [0, 0, -60], "material": "titanium"}
    description = {
        "name": "needle",
        "parts": {"needle": needle, "ball": ball},
        "landmarks": {"a": {"part": "needle", "position": [0, 0, 0]}, "b": {"part": "needle", "position": [0, 0, 60]}},
    }
    (tmp_path / "needle.yaml").write_text(yaml.safe_dump(description), encoding="utf-8")
    needle = InstrumentFile(tmp_path / "needle.yaml")
    assert needle.draw(np.random.default_rng(0)) == {}
    body = needle.body({})
    # Corners of a polygon of the circle's area lie 0.3 % outside; the ball is behind the base.
    assert body.radius_mm == pytest.approx(1.5, rel=0.005)
    np.testing.assert_allclose(body.shaft, [(0, 0, -100), (0, 0, 0)], atol=1e-9)


MISTAKES = {
    "misspelt key": ({"parts.upper.materal": "titanium"}, r"parts\.upper\.materal.*did you mean material"),
    "key of another shape": ({"parts.lower.radius": 3}, r"parts\.lower\.radius is not a key"),
    "top-level key": ({"landmark": {}}, "did you mean landmarks"),
    "no name": ({"name": None}, "name is missing"),
    "slash": ({"name": "a/b"}, "slash"),
    "no parts": ({"parts": {}}, "parts is empty"),
    "no size": ({"parts.shaft.radius": None}, r"parts\.shaft\.radius is missing"),
    "size": ({"parts.shaft.radius": -3}, r"parts\.shaft\.radius is -3; write a length above 0"),
    "word for a number": ({"parts.shaft.radius": "thick"}, r"parts\.shaft\.radius is 'thick'"),
    "two numbers for a point": ({"parts.shaft.at": [0, 1]}, r"parts\.shaft\.at is \[0, 1\]; write three numbers"),
    "no shape": ({"parts.shaft.shape": None}, r"parts\.shaft needs either a shape or a mesh"),
    "shape": ({"parts.shaft.shape": "cilinder"}, r"parts\.shaft\.shape is 'cilinder'; did you mean cylinder"),
    "material": ({"parts.shaft.material": "titanum"}, r"parts\.shaft\.material .*'titanum'; did you mean titanium"),
    "density": ({"parts.shaft.density": 0}, r"parts\.shaft\.density is 0"),
    "unit": ({"unit": "km"}, "unit is 'km'; did you mean"),
    "tool in another unit": ({"unit": "m"}, r"unit is m, which makes the instrument 1\.2e\+05 mm long; set unit: mm"),
    "parent": ({"parts.upper.parent": "shafd"}, r"parts\.upper\.parent is 'shafd'.*did you mean shaft"),
    "circle": ({"parts.shaft.parent": "upper"}, r"parts\.shaft\.parent makes a circle \(shaft on upper on shaft\)"),
    "joint without parent": ({"parts.upper.parent": None}, r"parts\.upper\.joint has no part to move on"),
    "joint type": ({"parts.upper.joint.type": "hinge"}, r"parts\.upper\.joint\.type is 'hinge'"),
    "no axis": ({"parts.upper.joint.axis": [0, 0, 0]}, r"parts\.upper\.joint\.axis .*points nowhere"),
    "limits": (
        {"parts.upper.joint.limits": [0, -40]},
        r"joint\.limits is \[0, -40\], low above high; write \[-40, 0\]",
    ),
    "one limit": ({"parts.upper.joint.limits": 40}, r"joint\.limits is 40; write \[low, high\] in degrees"),
    "rest": ({"parts.upper.joint.rest": 5}, r"joint\.rest is 5, outside of limits"),
    "no rest": (
        {"parts.upper.joint.rest": None, "parts.upper.joint.limits": [-40, -5]},
        r"joint\.rest is not given and therefore 0, outside of limits",
    ),
    "self-intersection": (
        {"parts.upper.joint.limits": [-40, 30]},
        r"parts\.upper\.joint\.limits let lower and upper run into each other \(upper at 3\.75 degrees\); narrow",
    ),
    "landmark on an unknown part": ({"landmarks.tip.part": "uper"}, r"landmarks\.tip\.part is 'uper'.*mean upper"),
    "landmark far away": ({"landmarks.tip.position": [0, 0, 2000]}, r"landmarks\.tip\.position is 1950 mm away"),
    "landmark that nobody defines": (
        {"centerline": ["base", "top"]},
        r"centerline\[1\] is 'top', a landmark that nobody defines; did you mean tip",
    ),
    "centre line of one point": ({"centerline": ["base"]}, "centerline has 1 points"),
    "centre line that stands still": (
        {"centerline": ["base", "base"]},
        "centerline has its points 1 and 2 in the same",
    ),
    "no centre line": ({"landmarks.tip": None}, "centerline is missing"),
    "radius": ({"radius_mm": 0}, "radius_mm is 0"),
    "radius in another unit": (
        {"radius_mm": 300},
        "radius_mm is 300, and the instrument is 120 mm long; give it in mm",
    ),
    "limits in another unit": (
        {"parts.upper.joint": {"type": "prismatic", "axis": [0, 0, 1], "limits": [0, 15000]}},
        r"parts\.upper\.joint\.limits make the instrument 1\.51e\+04 mm long; give them in the unit of the file \(mm\)",
    ),
    "shaft": ({"shaft": 5}, "shaft is 5; write a list"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line_with_file_and_key(tmp_path, mistake):
    changes, message = MISTAKES[mistake]
    path = write(tmp_path, changes)
    with pytest.raises(InputError, match=message) as caught:
        InstrumentFile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", "not valid YAML in line 1: 'name' is there twice"),
        ("name: a\nparts:\n  on: {shape: box}\n", "not valid YAML in line 3: True is no name; put it in quotes"),
        ("name: [a\n", "not valid YAML in line 2"),
        ("- name\n", "does not hold a mapping"),
        ("", "does not hold a mapping"),
    ],
)
def test_what_is_no_description(tmp_path, text, message):
    (tmp_path / "tool.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        InstrumentFile(tmp_path / "tool.yaml")


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.yaml: there is no such file"):
        InstrumentFile(tmp_path / "nothing.yaml")


def open_mesh(path):
    mesh = trimesh.creation.box((4, 4, 40))
    mesh.update_faces(np.arange(11))
    mesh.export(path)


def mixed_mesh(path):
    mesh = trimesh.creation.box((4, 4, 40))
    faces = np.array(mesh.faces)
    faces[3] = faces[3, ::-1]
    trimesh.Trimesh(mesh.vertices, faces, process=False).export(path)


def long_mesh(path):
    trimesh.creation.box((6000, 6000, 35000)).export(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (open_mesh, "not closed.*fill holes"),
        (mixed_mesh, "which side is outside.*consistent"),
        (long_mesh, r"3\.5e\+04 mm long in mm; set unit: um \(would be 35 mm\)"),
        (lambda path: None, "there is no such file"),
    ],
)
def test_bad_meshes_name_the_part(tmp_path, make, message):
    make(tmp_path / "jaw.stl")
    path = write(tmp_path, {"parts.lower": {"mesh": "jaw.stl", "material": "titanium"}})
    with pytest.raises(InputError, match=rf"parts\.lower\.mesh .*jaw\.stl.*{message}") as caught:
        InstrumentFile(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("joints", "message"),
    [({"uper": 0}, "has no joint 'uper'; its joints are: upper"), ({"upper": 1}, r"its limits are \[-40, 0\]")],
)
def test_wrong_joint_values(tmp_path, joints, message):
    with pytest.raises(ConfigError, match=message):
        InstrumentFile(write(tmp_path)).body(joints)


def test_the_page_about_instruments_is_true(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "instruments.md").read_text(encoding="utf-8")
    trimesh.creation.cylinder(0.00225, segment=((0, 0, -0.1), (0, 0, 0.035))).export(tmp_path / "bit.stl")
    (tmp_path / "drill.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    body = InstrumentFile(tmp_path / "drill.yaml").body({"bit": 5.0})
    np.testing.assert_allclose(body.landmarks["tip"], (0, 0, 40), atol=1e-9)
    assert body.solids[1].vertices_world[:, 2].max() == pytest.approx(40, rel=1e-6)
    monkeypatch.chdir(ROOT)
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    assert f"{names['joints']['bit']:.1f}" in page
    assert len(names["body"].solids) == 6
    assert all(f"`{shape}`" in page for shape in SHAPE_KEYS)
    assert all(f"`{unit}`" in page for unit in UNITS_MM)
