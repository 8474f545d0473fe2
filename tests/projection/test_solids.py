"""Paths through solids: closed forms, a peer's ray casting, and the hard positions."""

import numpy as np
import pytest
import trimesh
from generators.solids import frontal, lumpy, rotation, solid_of

from synthex.core import Affine, Camera, Rigid
from synthex.projection.solids import trace_solids, winding_number

# Source at the origin, SDD 1000, centre at depth 500: detector offset (u, v) to chord in mm.
OFFSETS = ((0, 0), (50, 0), (60, 30), (90, 0))
BOX = (60.0, 60.07495, 60.13485, 60.24251)
SPHERE = (100.0, 86.63853, 74.29777, 44.32925)
ELLIPSOID = (60.0, 54.59822, 46.93089, 39.85807)
CYLINDER = (60.0, 60.07495, 52.06269, 60.24251)
ALONG_X = trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0))[:3, :3]
ALONG_Y = trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0))[:3, :3]
CENTER = (0.0, 0.0, 500.0)


def path_at(solid, camera):
    return float(trace_solids([solid], camera).path_mm[0, 0, 0])


@pytest.mark.parametrize("flip", [False, True])
def test_chords_of_a_box_are_exact(solids, flip):
    # Float32 paths: 1e-5 mm at 60 mm; the table has five decimals.
    box = solid_of(trimesh.creation.box((100, 80, 60)), CENTER, flip=flip)
    got = [path_at(box, solids.ray_camera(*at)) for at in OFFSETS]
    np.testing.assert_allclose(got, BOX, atol=1e-5)


def test_chords_of_a_turned_box_are_exact(solids):
    turn = trimesh.transformations.rotation_matrix(np.deg2rad(30), (0, 1, 0))[:3, :3]
    box = solid_of(trimesh.creation.box((100, 80, 60)), CENTER, rotation=turn)
    assert path_at(box, solids.ray_camera(0, 0)) == pytest.approx(69.28203, abs=1e-5)
    assert path_at(box, solids.ray_camera(50, 0)) == pytest.approx(67.42227, abs=1e-5)


@pytest.mark.parametrize(
    ("scale", "chords"), [((50.0, 50.0, 50.0), SPHERE), ((60.0, 40.0, 30.0), ELLIPSOID)], ids=["sphere", "ellipsoid"]
)
def test_chords_of_round_meshes_converge_with_the_square_of_their_edges(solids, scale, chords):
    errors = []
    for level in (4, 5, 6):
        mesh = trimesh.creation.icosphere(level, 1.0)
        solid = solid_of(trimesh.Trimesh(mesh.vertices * scale, mesh.faces), CENTER)
        got = [path_at(solid, solids.ray_camera(*at)) for at in OFFSETS]
        errors.append(float(np.abs(np.array(got) - chords).max()))
    # Each level halves the edges. The finest errs by its facets' height, R (edge / R)^2 / 8 and less.
    assert errors[2] < 0.01
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.35)
    assert errors[2] == pytest.approx(errors[1] / 4, rel=0.35)


def test_chords_of_a_cylinder(solids):
    mesh = trimesh.creation.cylinder(30, 200, sections=4096)
    got = [path_at(solid_of(mesh, CENTER, rotation=ALONG_X), solids.ray_camera(*at)) for at in OFFSETS]
    # 4096 facets are at most R (1 - cos(pi / 4096)) = 9e-6 mm inside the circle, twice along a chord.
    np.testing.assert_allclose(got, CYLINDER, atol=5e-5)


def test_walls_of_a_tube(solids):
    # Outer radius 3 mm, lumen 2 mm, across the beam: a ray d off the axis passes both walls.
    tube = solid_of(trimesh.creation.annulus(2.0, 3.0, 35.0, sections=512), CENTER, rotation=ALONG_Y)
    for u in (0.0, 2.0, 3.9, 4.5, 5.8):
        d = 500 * np.sin(np.arctan(u / 1000))
        walls = 2 * (np.sqrt(9 - d**2) - np.sqrt(max(4 - d**2, 0)))
        assert path_at(tube, solids.ray_camera(u, 0)) == pytest.approx(walls, rel=2e-3)


def test_mask_of_a_capsule():
    # Analytic: rays that pass a segment closer than the radius.
    rng = np.random.default_rng(6)
    mesh = trimesh.creation.capsule(80.0, 6.0, count=(64, 64))
    turn, camera = rotation(rng), frontal(200, 200, 1.5)
    ends = np.array(((0, 0, mesh.bounds[0, 2] + 6), (0, 0, mesh.bounds[1, 2] - 6)))
    ends = ends @ turn.T + CENTER
    mask = trace_solids([solid_of(mesh, CENTER, rotation=turn)], camera).path_mm[0] > 0
    rows, columns = np.mgrid[:200, :200] + 0.5
    along = np.stack((columns - 100, rows - 100, np.full_like(rows, 1000 / 1.5)), axis=-1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    points = ends[0] + np.linspace(0, 1, 201)[:, None] * (ends[1] - ends[0])
    gap = np.min([np.linalg.norm(point - (along @ point)[..., None] * along, axis=-1) for point in points], axis=0)
    assert mask.sum() > 1000
    assert (mask & (gap < 6)).sum() / (mask | (gap < 6)).sum() > 0.99


def test_along_the_axis_of_a_cylinder_vertices_count_once():
    # The ray passes exactly through the hub vertices of both caps and the corners of many triangles.
    camera = frontal(1, 1, 1.0)
    for sections in (3, 8, 64, 500):
        mesh = trimesh.creation.cylinder(7, 40, sections=sections)
        assert path_at(solid_of(mesh, CENTER), camera) == pytest.approx(40, abs=1e-5)


def test_rays_through_shared_edges_and_corners_have_one_chord():
    # Box corners, edges and face diagonals fall exactly on pixel centres.
    camera = frontal(11, 11, 10.0)
    box = solid_of(trimesh.creation.box((40, 40, 40)), (0, 0, 520))
    path = trace_solids([box], camera).path_mm[0]
    rows, columns = (np.mgrid[:11, :11] - 5) * 10 / 1000
    chord = 40 * np.sqrt(1 + rows**2 + columns**2)
    whole = np.zeros((11, 11), dtype=bool)
    # Rays 40 mm off on the detector just touch the edges of the near face (20 mm off, depth 500) and are outside.
    whole[2:9, 2:9] = True
    np.testing.assert_allclose(path[whole], chord[whole], rtol=1e-6)
    assert path[~whole].max() < 1e-4


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_source_inside_and_detector_inside(flip, mirrored):
    camera = frontal(5, 7, 20.0, mirrored=mirrored)
    around = solid_of(trimesh.creation.box((30, 20, 4000)), flip=flip)
    assert abs(winding_number(around, camera.source_world)) == 1
    path = trace_solids([around], camera).path_mm[0]
    rows, columns = np.mgrid[:5, :7]
    x, y = (columns - 3) * 0.02, (rows - 2) * 0.02
    # Leaves through a wall, or runs to the detector.
    depth = np.minimum(np.minimum(15 / np.maximum(abs(x), 1e-9), 10 / np.maximum(abs(y), 1e-9)), 1000)
    np.testing.assert_allclose(path, depth * np.sqrt(1 + x**2 + y**2), rtol=1e-5)
    rays = trace_solids([around], camera)
    assert len(rays.pixels) == 35
    np.testing.assert_array_equal(rays.near, 0)
    assert rays.far.max() == 1000


def test_source_in_a_hollow_sees_the_shell():
    ball = trimesh.creation.icosphere(5, 1.0)
    shell = trimesh.util.concatenate(
        trimesh.Trimesh(ball.vertices * 30, ball.faces), trimesh.Trimesh(ball.vertices * 20, ball.faces[:, ::-1])
    )
    solid = solid_of(shell)
    assert winding_number(solid, np.zeros(3)) == 0
    assert winding_number(solid, np.array((25.0, 0, 0))) == 1
    path = trace_solids([solid], frontal(9, 9, 200.0)).path_mm[0]
    np.testing.assert_allclose(path, 10, atol=0.02)


def test_what_lies_behind_the_source_or_beyond_the_detector_is_not_hit():
    camera = frontal(9, 9, 20.0)
    box = trimesh.creation.box((40, 40, 40))
    for depth, expected in ((-60, 0), (1060, 0), (1000, 20), (500, 40), (0, 20)):
        assert trace_solids([solid_of(box, (0, 0, depth))], camera).path_mm[0, 4, 4] == pytest.approx(
            expected, abs=1e-4
        )


def test_a_bar_across_the_source_plane_is_its_part_ahead():
    # Beside the source, from behind it to the detector: its triangles have no bounded shadow.
    camera = frontal(41, 41, 10.0)
    whole = trace_solids([solid_of(trimesh.creation.box((20, 20, 1400)), (60, 0, 300))], camera).path_mm[0]
    ahead = trace_solids([solid_of(trimesh.creation.box((20, 20, 999)), (60, 0, 500.5))], camera).path_mm[0]
    assert (ahead > 0).sum() > 30
    np.testing.assert_allclose(whole, ahead, atol=1e-4)


def everything(bounds):
    """An index of boxes that rules nothing out, in place of the r-tree that trimesh would build."""

    class Everything:
        def __init__(self) -> None:
            self.bounds = bounds

        def intersection(self, box):
            return range(len(self.faces))

    return Everything()


def peer_paths(mesh: trimesh.Trimesh, camera: Camera) -> np.ndarray:
    """Paths by trimesh's own ray casting, from the source to the detector."""
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    pixels = np.stack((columns.ravel(), rows.ravel(), np.ones(rows.size)), axis=1)
    directions = pixels @ camera.world_from_pixel.T
    origins = np.repeat(camera.source_world[None], len(pixels), axis=0)
    index = everything(mesh.bounds.ravel())
    index.faces = mesh.faces
    _, rays, points = trimesh.ray.ray_triangle.ray_triangle_id(mesh.triangles, origins, directions, tree=index)
    distances = np.linalg.norm(points - camera.source_world, axis=1)
    path = np.zeros(len(pixels))
    for ray in np.unique(rays):
        along = np.sort(distances[rays == ray])
        assert len(along) % 2 == 0
        path[ray] = (along[1::2] - along[::2]).sum()
    return path.reshape(camera.height, camera.width)


@pytest.mark.parametrize("seed", range(4))
def test_random_meshes_against_the_ray_casting_of_trimesh(seed):
    rng = np.random.default_rng(seed)
    pose = Rigid.from_parts(rotation(rng), (*rng.uniform(-10, 10, 2), 400))
    base = frontal(24, 31, 6.0, mirrored=seed % 2 == 1)
    camera = Camera(base.intrinsics, pose, base.height, base.width, base.pixel_mm)
    mesh = (lumpy(rng, 25.0), trimesh.creation.torus(20, 6, major_sections=24, minor_sections=12))[seed % 2]
    mesh.apply_transform(np.vstack((np.c_[rotation(rng), rng.uniform(-5, 5, 3)], (0, 0, 0, 1))))
    path = trace_solids([solid_of(mesh, flip=seed > 1)], camera).path_mm[0]
    expected = peer_paths(mesh, camera)
    assert (expected > 0).sum() > 60
    np.testing.assert_allclose(path, expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_no_streaks_and_the_volume_of_lumps(seed):
    # Path times the ray's cross-section, added over a fine detector, is the mesh's volume.
    rng = np.random.default_rng(10 + seed)
    mesh = lumpy(rng, 30.0)
    camera = frontal(300, 300, 0.6)
    rays = trace_solids([solid_of(mesh, (3, -2, 600), rotation=rotation(rng))], camera)
    rows, columns = (np.mgrid[:300, :300] - 149.5) * 0.6 / 1000
    cosine = 1 / np.sqrt(1 + rows**2 + columns**2)
    depth = np.zeros(rays.path_mm.shape[1:])
    np.add.at(depth.reshape(-1), np.repeat(rays.pixels, np.diff(rays.spans)), (rays.far**3 - rays.near**3) / 3)
    assert (depth * (0.6 / 1000) ** 2).sum() == pytest.approx(abs(mesh.volume), rel=2e-3)
    steps = np.zeros_like(depth)
    np.add.at(steps.reshape(-1), np.repeat(rays.pixels, np.diff(rays.spans)), rays.far - rays.near)
    np.testing.assert_allclose(steps / cosine, rays.path_mm[0], rtol=1e-5, atol=1e-5)


def test_the_later_of_two_overlapping_solids_has_the_space():
    camera = frontal(1, 1, 1.0)
    plate = solid_of(trimesh.creation.box((50, 50, 30)), CENTER, "plate")
    screw = solid_of(trimesh.creation.box((4, 4, 50)), (0, 0, 510), "screw")
    # Plate 485..515, screw 485..535.
    np.testing.assert_allclose(trace_solids([plate, screw], camera).path_mm[:, 0, 0], (0, 50), atol=1e-4)
    np.testing.assert_allclose(trace_solids([screw, plate], camera).path_mm[:, 0, 0], (20, 30), atol=1e-4)
    rays = trace_solids([screw, plate], camera)
    np.testing.assert_allclose((*rays.near, *rays.far), (485, 535), atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_paths_of_overlapping_solids_share_the_path_of_their_union(seed):
    rng = np.random.default_rng(seed)
    camera = frontal(48, 48, 2.5)
    parts = [solid_of(lumpy(rng, 20.0), rng.uniform(-15, 15, 3) + CENTER, f"part {n}") for n in range(5)]
    rays = trace_solids(parts, camera)
    rows, columns = np.divmod(rays.pixels, camera.width)
    lengths = np.linalg.norm(np.stack((columns - 23.5, rows - 23.5), axis=1) * 2.5 / 1000, axis=1)
    occupied = np.array(
        [(rays.far[a:b] - rays.near[a:b]).sum() for a, b in zip(rays.spans, rays.spans[1:], strict=False)]
    )
    np.testing.assert_allclose(rays.path_mm.sum(axis=0)[rows, columns], occupied * np.sqrt(1 + lengths**2), rtol=1e-5)
    assert (rays.near[1:] >= rays.far[:-1])[np.diff(np.repeat(rays.pixels, np.diff(rays.spans))) == 0].all()
    alone = [trace_solids([part], camera).path_mm[0] for part in parts]
    # The last is whole; none has more than alone; what covers one ray alone is the same in company.
    np.testing.assert_allclose(rays.path_mm[-1], alone[-1], atol=1e-5)
    assert (rays.path_mm <= np.stack(alone) + 1e-4).all()
    shared = (np.stack(alone) > 0).sum(axis=0)
    assert (shared > 1).sum() > 50
    np.testing.assert_allclose(rays.path_mm[:, shared == 1], np.stack(alone)[:, shared == 1], atol=1e-5)


def test_overlapping_parts_of_one_solid_are_one_body():
    ball, rod = trimesh.creation.icosphere(3, 10.0), trimesh.creation.box((4, 4, 60))
    camera = frontal(31, 31, 1.5)
    both = solid_of(trimesh.util.concatenate(ball, rod), CENTER)
    apart = trace_solids([solid_of(ball, CENTER), solid_of(rod, CENTER)], camera).path_mm.sum(axis=0)
    np.testing.assert_allclose(trace_solids([both], camera).path_mm[0], apart, atol=1e-4)


def test_order_of_triangles_and_of_vertices_does_not_matter():
    rng = np.random.default_rng(3)
    camera = frontal(40, 40, 3.0)
    mesh = lumpy(rng, 25.0)
    order, names = rng.permutation(len(mesh.faces)), rng.permutation(len(mesh.vertices))
    shuffled = trimesh.Trimesh(mesh.vertices[np.argsort(names)], names[mesh.faces[order]], process=False)
    a, b = (trace_solids([solid_of(one, CENTER)], camera).path_mm for one in (mesh, shuffled))
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert (a > 0).sum() > 100


def test_turning_everything_changes_nothing():
    rng = np.random.default_rng(4)
    camera = frontal(40, 40, 3.0)
    solid = solid_of(lumpy(rng, 25.0), CENTER)
    turn = Rigid.from_parts(rotation(rng), rng.uniform(-50, 50, 3))
    moved = Camera(camera.intrinsics, turn.inverse(), 40, 40, 3.0)
    a, b = trace_solids([solid], camera), trace_solids([solid.moved(turn)], moved)
    np.testing.assert_allclose(a.path_mm, b.path_mm, atol=1e-3)


def test_mirrored_image_is_the_image_mirrored():
    solid = solid_of(lumpy(np.random.default_rng(5), 25.0), (4, 3, 500))
    plain, mirrored = (trace_solids([solid], frontal(30, 30, 3.0, mirrored=flip)).path_mm for flip in (False, True))
    np.testing.assert_allclose(mirrored, plain[:, :, ::-1], atol=1e-3)


def test_no_solids_and_solids_off_the_image_have_no_rays():
    camera = frontal(6, 5, 1.0)
    assert trace_solids([], camera).path_mm.shape == (0, 6, 5)
    rays = trace_solids([solid_of(trimesh.creation.box((1, 1, 1)), (80, 0, 500))], camera)
    assert len(rays.pixels) == 0
    assert rays.spans.tolist() == [0]
    assert not rays.path_mm.any()


def test_more_crossings_than_first_thought_of():
    # One pixel, hundreds of plates: the room for crossings has to grow.
    plates = [trimesh.creation.box((10, 10, 0.5), Affine.from_parts(np.eye(3), (0, 0, n)).matrix) for n in range(300)]
    path = trace_solids([solid_of(trimesh.util.concatenate(plates), (0, 0, 400))], frontal(1, 1, 1.0)).path_mm
    assert path[0, 0, 0] == pytest.approx(150, rel=1e-5)
