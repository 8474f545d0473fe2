"""Solids: what is accepted as a closed surface, and that values are owned."""

import numpy as np
import pytest

from synthex.core import Affine, Solid

CORNERS = np.array(((0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10)), dtype=np.float64)
FACES = np.array(((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)))


def test_either_orientation_is_closed():
    for faces in (FACES, FACES[:, ::-1]):
        assert len(Solid("tip", CORNERS, faces, "titanium").faces) == 4


def test_several_closed_parts_are_one_solid():
    vertices = np.concatenate((CORNERS, CORNERS + 50))
    assert len(Solid("pair", vertices, np.concatenate((FACES, FACES + 4)), "titanium").faces) == 8
    # Two tetrahedra that share an edge: it belongs to four triangles, and nothing is open.
    shared = np.concatenate((CORNERS, -CORNERS[2:] - 1))
    other = np.array((0, 1, 4, 5))[FACES]
    assert len(Solid("hinge", shared, np.concatenate((FACES, other)), "titanium").faces) == 8


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (FACES[:3], "not closed: 3 edges"),
        (FACES[:0], "no faces"),
        (np.concatenate((FACES[:3], FACES[3:, ::-1])), "disagree about which side is outside"),
        (FACES + 1, "do not exist"),
        (FACES - 1, "do not exist"),
    ],
)
def test_surfaces_without_an_inside_are_refused(faces, message):
    with pytest.raises(ValueError, match=f"solid screw .*{message}"):
        Solid("screw", CORNERS, faces, "titanium")


def test_unmerged_corners_are_an_open_surface():
    # As STL files have it: three vertices of its own for every triangle.
    with pytest.raises(ValueError, match=r"not closed: 12 edges .*merge"):
        Solid("soup", CORNERS[FACES.reshape(-1)], np.arange(12).reshape(4, 3), "titanium")


@pytest.mark.parametrize("density", [0, -1.0, float("nan")])
def test_densities_are_positive(density):
    with pytest.raises(ValueError, match="density"):
        Solid("screw", CORNERS, FACES, "titanium", density)


def test_vertices_are_finite():
    with pytest.raises(ValueError, match="finite"):
        Solid("screw", np.where(CORNERS == 10, np.inf, CORNERS), FACES, "titanium")


def test_arrays_are_copied_and_frozen():
    vertices = CORNERS.copy()
    solid = Solid("screw", vertices, FACES, "titanium")
    vertices[0] = 99
    assert solid.vertices_world[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        solid.vertices_world[0, 0] = 1.0


def test_moving_maps_the_vertices_and_keeps_the_rest():
    solid = Solid("screw", CORNERS, FACES, "titanium", 4.4)
    mirrored = solid.moved(Affine.from_parts(np.diag((-1.0, 1.0, 2.0)), (5, 0, 0)))
    np.testing.assert_array_equal(mirrored.vertices_world[[1, 3]], [(-5, 0, 0), (5, 0, 20)])
    assert (mirrored.name, mirrored.material, mirrored.density_g_cm3) == ("screw", "titanium", 4.4)
    np.testing.assert_array_equal(solid.vertices_world, CORNERS)
