"""The continuum manipulator: its joints, its outline, its ends and its metal in the projector."""

import json
import time

import numpy as np
import pytest
import trimesh

from synthex.core import Affine, ConfigError, Rigid, Volume
from synthex.geometry import CArm
from synthex.instruments import ContinuumManipulator, Instrument
from synthex.physics import get_material
from synthex.projection import project
from synthex.projection.solids import trace_solids

MANIPULATOR = ContinuumManipulator()
CARM = CArm().binned(384)
BEND = {"angles_deg": [4.0] * 27, "roll_deg": 35.0, "drill": True, "protrusion_mm": 2.0}


def camera_of(carm, point=(0.0, 0.0, 0.0), lao=0.0, cranial=0.0):
    return carm.camera(carm.view(np.array(point, dtype=float), lao, cranial))


def pose(rng):
    matrix = np.eye(4)
    matrix[:3, :3] = trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
    matrix[:3, 3] = rng.uniform(-20, 20, 3)
    return Rigid(matrix)


def outline(body, camera):
    return (trace_solids(body.solids, camera).path_mm > 0).any(axis=0)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def rays_of(camera):
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3)
    directions = pixels @ camera.world_from_pixel.T
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def along_cylinder(origin, directions, radius, low, high):
    """Closed form: mm of rays in a cylinder about z that ends at two planes."""
    square = (directions[:, :2] ** 2).sum(axis=1)
    half = directions[:, :2] @ origin[:2]
    under = half**2 - square * (origin[:2] @ origin[:2] - radius**2)
    root = np.sqrt(np.maximum(under, 0))
    planes = (np.array([low, high])[:, None] - origin[2]) / directions[:, 2]
    near = np.maximum((-half - root) / square, planes.min(axis=0))
    far = np.minimum((-half + root) / square, planes.max(axis=0))
    return np.where(under > 0, np.maximum(far - near, 0), 0)


class Boxes:
    """Which triangles' boxes meet a box: the search tree that trimesh's ray casting asks for."""

    def __init__(self, triangles):
        self.low, self.high = triangles.min(axis=1), triangles.max(axis=1)
        self.bounds = np.concatenate([self.low.min(axis=0), self.high.max(axis=0)])

    def intersection(self, bounds):
        meets = (self.low <= bounds[3:]).all(axis=1) & (self.high >= bounds[:3]).all(axis=1)
        return np.flatnonzero(meets).tolist()


def test_it_is_an_instrument():
    assert isinstance(MANIPULATOR, Instrument)
    body = MANIPULATOR.body({})
    assert [solid.name for solid in body.solids] == ["manipulator/lumen", "manipulator/tube", "manipulator/shaft"]
    assert [solid.material for solid in body.solids] == ["water", "nitinol", "steel_316l"]
    assert all(get_material(solid.material) for solid in MANIPULATOR.body(BEND).solids)
    assert tuple(body.landmarks) == MANIPULATOR.landmarks
    np.testing.assert_allclose(body.landmarks["base"], [0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(body.landmarks["tip"], [0, 0, 35], atol=1e-12)
    np.testing.assert_allclose(body.shaft, [[0, 0, -300], [0, 0, 0]], atol=1e-12)
    assert body.radius_mm == 3


def test_draws_are_json_within_the_limits_and_always_make_a_body():
    kinds = set()
    for seed in range(25):
        joints = MANIPULATOR.draw(np.random.default_rng(seed))
        assert joints == MANIPULATOR.draw(np.random.default_rng(seed)) == json.loads(json.dumps(joints))
        assert np.abs(joints["angles_deg"]).max() <= 7.9
        body, again = MANIPULATOR.body(joints), MANIPULATOR.body(json.loads(json.dumps(joints)))
        np.testing.assert_array_equal(body.landmarks["tip"], again.landmarks["tip"])
        np.testing.assert_allclose(MANIPULATOR.body(body.record).landmarks["tip"], body.landmarks["tip"], atol=1e-9)
        assert len(body.solids) == (4 if joints["drill"] else 3)
        kinds.add(joints["drill"])
        steps = np.linalg.norm(np.diff(body.centerline, axis=0), axis=1)
        assert steps.sum() == pytest.approx(35, rel=1e-3)
        np.testing.assert_array_equal(body.centerline[-1], body.landmarks["tip"])
    assert kinds == {True, False}


def test_ranges_limit_what_is_drawn():
    straight = ContinuumManipulator(bend=[0, 0], drill_probability=0, roll_deg=[10, 20])
    joints = straight.draw(np.random.default_rng(0))
    assert joints["angles_deg"] == [0.0] * 27
    assert not joints["drill"]
    assert 10 <= joints["roll_deg"] <= 20
    arcs = ContinuumManipulator(bend=(0.5, 0.5), unevenness=0)
    np.testing.assert_allclose(arcs.draw(np.random.default_rng(0))["angles_deg"], 3.95)


def test_equal_angles_bend_it_along_an_arc_towards_the_roll():
    body = MANIPULATOR.body(BEND)
    total, roll = np.deg2rad(27 * 4.0), np.deg2rad(35)
    # 34 mm bend, the last one is a collar that goes on straight.
    across = 34 / total * (1 - np.cos(total)) + np.sin(total)
    tip = [across * np.cos(roll), across * np.sin(roll), 34 / total * np.sin(total) + np.cos(total)]
    np.testing.assert_allclose(body.landmarks["tip"], tip, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_outline_of_the_straight_tool_is_a_cylinders(seed):
    rng = np.random.default_rng(seed)
    placed = pose(rng)
    camera = camera_of(CARM, lao=rng.uniform(-30, 30), cranial=rng.uniform(-30, 30))
    back = placed.inverse()
    origin, directions = back.apply(camera.source_world[None])[0], rays_of(camera) @ back.linear.T
    wanted = along_cylinder(origin, directions, 3.0, -300.0, 35.0) > 0
    got = outline(MANIPULATOR.body({}).moved(placed), camera)
    assert got.sum() > 100
    assert overlap(got, wanted.reshape(got.shape)) >= 0.98


@pytest.mark.parametrize("joints", [BEND, {"angles_deg": np.linspace(6, -5, 27).tolist()}])
def test_the_outline_of_the_bent_tool_is_that_of_traced_rays(joints):
    body = MANIPULATOR.body(joints)
    camera = camera_of(CArm(rows=44, columns=44, pixel_mm=1.9), point=(5.0, 3.0, 15.0))
    mesh = trimesh.util.concatenate(
        [trimesh.Trimesh(solid.vertices_world, solid.faces, process=False) for solid in body.solids]
    )
    directions = rays_of(camera)
    origins = np.broadcast_to(camera.source_world, directions.shape)
    tree = Boxes(mesh.triangles)
    _, rays = trimesh.ray.ray_triangle.ray_triangle_id(mesh.triangles, origins, directions, tree=tree)[:2]
    hit = np.zeros(len(directions), dtype=bool)
    hit[rays] = True
    assert hit.sum() > 200
    assert overlap(outline(body, camera), hit.reshape(44, 44)) >= 0.98


def test_the_outline_of_the_bent_tool_is_what_lies_near_its_arc():
    """Independent of any mesh: pixels whose rays pass within a radius of the exact arc."""
    joints = {"angles_deg": [5.0] * 27}
    camera = camera_of(CArm(rows=128, columns=128, pixel_mm=0.6), point=(8.0, 0.0, 20.0), lao=20.0, cranial=10.0)
    total = np.deg2rad(135)
    turned = np.linspace(-0.5, total, 400)
    arc = 34 / total * np.stack([1 - np.cos(turned), 0 * turned, np.sin(turned)], axis=1)
    arc[turned < 0] = np.stack([0 * turned, 0 * turned, turned * 34 / total], axis=1)[turned < 0]
    directions = rays_of(camera)
    offsets = arc[None] - camera.source_world
    along = np.einsum("rx,px->rp", directions, offsets[0])
    distance = np.sqrt(np.maximum((offsets[0] ** 2).sum(axis=1) - along**2, 0))
    nearest = distance.argmin(axis=1)
    inside = (distance.min(axis=1) < 3.0).reshape(128, 128)
    # Ends are flat, not round: what is nearest to an end is left out.
    middle = ((nearest > 0) & (nearest < 399)).reshape(128, 128)
    got = outline(MANIPULATOR.body(joints), camera)
    assert (inside & middle).sum() > 1000
    assert overlap(got & middle, inside & middle) >= 0.98


def test_the_ends_are_where_their_landmarks_are_projected():
    """Fine pixels about the central ray, which runs through the end's plane: its edge passes the image's middle."""
    fine = CArm(rows=400, columns=400, pixel_mm=0.02)
    tenth = 0.1 * 0.58  # of a pixel of the tool task, mm on the detector
    for angles in ([0.0] * 27, [4.0] * 27):
        body = MANIPULATOR.body({"angles_deg": angles})
        heading = np.deg2rad(sum(angles))
        tangents = {"base": np.array([0, 0, 1.0]), "tip": np.array([np.sin(heading), 0, np.cos(heading)])}
        for name, point in body.landmarks.items():
            camera = camera_of(fine, point=point)
            np.testing.assert_allclose(camera.project(point[None])[0], [200, 200], atol=1e-6)
            ahead, there = camera.project(np.stack([point + tangents[name], point]))
            direction = (ahead - there) / np.linalg.norm(ahead - there)
            path = trace_solids(body.solids, camera).path_mm
            end = path.sum(axis=0) > 0 if name == "tip" else path[2] > 0
            steps = np.arange(-150, 150)
            columns, rows = np.floor(there[:, None] + direction[:, None] * steps).astype(int)
            line = end[rows, columns]
            assert line[0]
            assert not line[-1]
            edge = steps[line].max() + 0.5
            assert abs(edge) * fine.pixel_mm <= tenth


def test_the_end_sections_are_centred_on_the_landmarks():
    placed = pose(np.random.default_rng(3))
    body = MANIPULATOR.body(BEND).moved(placed)
    camera = camera_of(CARM)
    tube = body.solids[1].vertices_world.reshape(2, 110, -1, 3)
    for ring, name in ((0, "base"), (-1, "tip")):
        corners = tube[0, ring]
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        opposite = (corners + np.roll(corners, len(corners) // 2, axis=0)).mean(axis=0) / 2
        wanted = camera.project(body.landmarks[name][None])[0]
        assert np.linalg.norm(camera.project(opposite[None])[0] - wanted) <= 0.1
        assert np.linalg.norm(middle - body.landmarks[name]) < 0.2


def test_the_shafts_metal_is_as_thick_as_a_tubes():
    camera = camera_of(CArm(rows=120, columns=160, pixel_mm=0.1), point=(0.0, 0.0, -75.0), lao=25.0, cranial=20.0)
    directions = rays_of(camera)
    chords = [along_cylinder(camera.source_world, directions, radius, -300.0, 0.0) for radius in (3.0, 2.0)]
    wanted = (chords[0] - chords[1]).reshape(120, 160)
    got = trace_solids(MANIPULATOR.body({}).solids, camera).path_mm[2]
    cross = np.cross(directions, [0, 0, 1.0])
    off = np.abs((cross / np.linalg.norm(cross, axis=1, keepdims=True)) @ camera.source_world).reshape(120, 160)
    # A closed form of its own: both chords across the axis, lengthened by the slant of the ray.
    clipped = [np.sqrt(np.maximum(radius**2 - off**2, 0)) for radius in (3.0, 2.0)]
    slant = np.linalg.norm(cross, axis=1).reshape(120, 160)
    np.testing.assert_allclose(wanted, 2 * (clipped[0] - clipped[1]) / slant, atol=1e-6)
    assert got.mean() == pytest.approx(wanted.mean(), rel=0.02)
    clear = (off < 2.9) & (np.abs(off - 2.0) > 0.1)
    assert clear.sum() > 5000
    np.testing.assert_allclose(got[clear], wanted[clear], rtol=0.02)


@pytest.mark.parametrize("joints", [{}, {"angles_deg": [3.0] * 27}])
def test_the_notched_parts_metal_adds_up_to_what_is_left_of_the_wall(joints):
    """From 100 m the beam is parallel to 3e-4: path times a pixel's area at the tool is volume."""
    carm = CArm(rows=300, columns=300, pixel_mm=0.2, sdd_mm=100000.0, source_isocenter_mm=99900.0)
    body = MANIPULATOR.body(joints)
    camera = camera_of(carm, point=(8.0, 0.0, 17.0), lao=17.0, cranial=9.0)
    path = trace_solids(body.solids, camera).path_mm
    volume = path[1].sum() * (carm.pixel_mm * 99900 / 100000) ** 2
    wall = np.pi * (3.0**2 - 2.0**2)
    cut = 54 * 0.46 * wall * np.arccos(-1 / 3) / np.pi
    assert volume == pytest.approx(wall * 35 - cut, rel=0.02)


def test_parts_displace_each_other_and_leave_no_hole():
    body = MANIPULATOR.body(BEND)
    camera = camera_of(CARM, point=(0.0, 0.0, 10.0), lao=40.0)
    parts = trace_solids(body.solids, camera).path_mm.sum(axis=(1, 2))
    assert (parts > 0).all()
    lumen = trace_solids(body.solids[:1], camera).path_mm
    metal = trace_solids(body.solids, camera).path_mm
    inside = lumen[0] > 1
    assert (metal[0] + metal[1:].sum(axis=0) >= lumen[0] - 1e-3)[inside].all()


def test_other_measures_make_other_bodies():
    thick = ContinuumManipulator(
        name="snake", shaft_diameter_mm=8, shaft_length_mm=40, notch_pairs=10, flexible_length_mm=20
    )
    body = thick.body({"angles_deg": [5] * 10, "drill": True})
    assert body.solids[0].name == "snake/lumen"
    shaft = body.solids[2].vertices_world
    assert np.hypot(shaft[:, 0], shaft[:, 1]).max() == pytest.approx(4, rel=0.01)
    assert shaft[:, 2].min() == -40


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"joint_limit_deg": 9}, r"joint_limit_deg=9 closes the notch .* at most 8\.78"),
        (
            {"joint_limit_deg": 8, "notch_pairs": 60, "flexible_length_mm": 80},
            r"can run into its shaft; .* at most 4\.50",
        ),
        ({"notch_width_mm": 0.7}, r"notch_width_mm=0.7 must lie in 0.01 to 0.598"),
        ({"notch_depth_mm": 6}, "notch_depth_mm=6 must lie in 0.3 to 5.7"),
        ({"lumen_diameter_mm": 6}, "lumen_diameter_mm=6 must lie in"),
        ({"cutter_diameter_mm": 4}, "cutter_diameter_mm=4 must lie in"),
        ({"cutter_length_mm": 1}, "cutter_length_mm=1 must lie in"),
        ({"shaft_diameter_mm": 4}, "shaft_diameter_mm=4 must lie in"),
        ({"bend": [0.5, 0.2]}, "bend=.* the smaller one first"),
        ({"bend": [0, 2]}, "bend=.* must be two numbers in 0 to 1"),
        ({"flexible_length_mm": 35000}, "flexible_length_mm=35000 must lie in 1 to 1000"),
        ({"notch_pairs": 0}, "notch_pairs=0 must lie in 1 to 200"),
        ({"name": "a/b"}, "name='a/b'"),
        ({"flexible_length_mm": float("nan")}, "flexible_length_mm=nan must be a number"),
        ({"sides": True}, "sides=True must be a number"),
        ({"bend": [0, float("nan")]}, "bend=.* must be two numbers"),
        ({"tube_material": "unobtainium"}, "unknown material 'unobtainium'"),
    ],
)
def test_impossible_settings_are_refused(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        ContinuumManipulator(**settings)


def test_the_largest_values_named_are_taken():
    ContinuumManipulator(joint_limit_deg=8.78)
    ContinuumManipulator(joint_limit_deg=4.5, notch_pairs=60, flexible_length_mm=80)
    with pytest.raises(ConfigError, match=r"at most 4\.50"):
        ContinuumManipulator(joint_limit_deg=4.51, notch_pairs=60, flexible_length_mm=80)


def test_no_draw_within_the_limits_runs_into_the_shaft():
    """The longest of tools at its limits: even arcs come nearest, uneven bends stay farther away."""
    for unevenness in (0, 0.3, 2):
        tool = ContinuumManipulator(
            joint_limit_deg=4.5, notch_pairs=60, flexible_length_mm=80, bend=(1, 1), unevenness=unevenness
        )
        for seed in range(10):
            line = tool.body(tool.draw(np.random.default_rng(seed))).centerline
            behind = line[line[:, 2] < 0]
            assert (np.hypot(behind[:, 0], behind[:, 1]) > 6).all()
            gaps = np.linalg.norm(line[:, None] - line[None], axis=-1)
            apart = np.abs(np.subtract.outer(np.arange(len(line)), np.arange(len(line)))) > 20
            assert gaps[apart].min() > 6


@pytest.mark.slow
def test_the_tool_costs_a_fifth_of_a_projection_at_most():
    """Time of the processor, which other processes do not lengthen; a chest CT's size at 384 x 384 pixels."""
    rng = np.random.default_rng(0)
    ct = Volume(rng.integers(-1000, 1000, (512, 512, 133), dtype=np.int16), Affine(np.diag([0.7, 0.7, 2.5, 1])))
    carm = CArm(rows=384, columns=384, pixel_mm=1.04, source_isocenter_mm=850)
    camera = camera_of(carm, point=ct.center_world)
    matrix = np.eye(4)
    matrix[:3, 3] = ct.center_world
    solids = MANIPULATOR.body(BEND).moved(Rigid(matrix)).solids
    seconds = {(): [], solids: []}
    for _ in range(4):
        for inserted, taken in seconds.items():
            start = time.process_time()
            path = project(ct, None, (), camera, solids=inserted, threads=2).solid_path_mm
            taken.append(time.process_time() - start)
    assert (path > 0).any(axis=0).sum() > 500
    assert min(seconds[solids]) <= 1.2 * min(seconds[()])


@pytest.mark.parametrize(
    ("joints", "problem"),
    [
        ({"angle": 3}, "no joint 'angle'; it has angles_deg"),
        ({"angles_deg": [1.0] * 26}, "angles_deg needs 27 finite numbers"),
        ({"angles_deg": [8.0] + [0.0] * 26}, "has 8; joints bend by 7.9 at most"),
        ({"angles_deg": ["a"] * 27}, "must be made of numbers"),
        ({"roll_deg": float("nan")}, "roll_deg needs one finite number"),
        ({"drill": "no"}, "drill='no' must be true or false"),
        ({"protrusion_mm": 2.0}, "must lie in 0 to 0 without a drill"),
        ({"drill": True, "protrusion_mm": 4}, "protrusion_mm=4 of manipulator must lie in 0 to 3"),
    ],
)
def test_impossible_joints_are_refused(joints, problem):
    with pytest.raises(ConfigError, match=problem):
        MANIPULATOR.body(joints)
