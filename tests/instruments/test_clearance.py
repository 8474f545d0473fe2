"""Parts that run into each other are found, parts that touch or slide are left alone."""

import numpy as np
import pytest

from synthex.core import Solid
from synthex.instruments import shapes
from synthex.instruments.chain import Joint, Link
from synthex.instruments.clearance import configurations, find_collision, overlap

X, Z = np.array((1.0, 0, 0)), np.array((0, 0, 1.0))


def block(name, size, at):
    vertices, faces = shapes.box(np.array(size, dtype=float))
    return Solid(name, vertices + at, faces, "titanium")


@pytest.mark.parametrize(("distance", "met"), [(4.5, False), (4.0, False), (3.9, False), (3.2, True), (0.0, True)])
def test_boxes_of_4_mm_overlap_where_they_are_nearer_than_that(distance, met):
    one, other = block("one", (4, 4, 4), (0, 0, 0)), block("other", (4, 4, 4), (distance, 0.3, -0.2))
    assert overlap(one, other) is met
    assert overlap(other, one) is met


def test_a_bit_that_fills_its_sleeve_is_no_overlap_and_a_thicker_one_is():
    sleeve = Solid("sleeve", *shapes.tube(5, 3, 40), "titanium")
    turn = shapes.placed(np.zeros(3), Z).linear @ np.array(((0.995, -0.0998, 0), (0.0998, 0.995, 0), (0, 0, 1)))
    for radius, met in ((3.0, False), (3.6, True)):
        vertices, faces = shapes.cylinder(radius, 60)
        assert overlap(sleeve, Solid("bit", vertices @ turn.T, faces, "titanium")) is met


def scissors(limit):
    """Two blades on one hand, 8 mm apart, each with a slide towards the other."""
    links = (
        Link("hand"),
        Link("left", "hand", Joint("prismatic", X, np.zeros(3), 0, limit)),
        Link("right", "hand", Joint("prismatic", -X, np.zeros(3), 0, limit)),
    )
    solids = {
        "hand": block("hand", (20, 4, 4), (0, 0, -2)),
        "left": block("left", (2, 2, 20), (-5, 0, 10)),
        "right": block("right", (2, 2, 20), (5, 0, 10)),
    }
    return links, solids


def test_collisions_of_one_joint_and_of_two_together():
    assert find_collision(*scissors(3.9)) is None
    together = find_collision(*scissors(5.0))
    assert together.parts == ("left", "right")
    assert together.values == {"left": 5.0, "right": 5.0}
    alone = find_collision(*scissors(12.0))
    # From rest outwards in steps of 1.5 mm: 8 mm apart, 9 mm is the first that meets.
    assert alone.values == {"left": 9.0}


def test_parts_that_overlap_at_rest_are_drawn_so():
    links, solids = scissors(12.0)
    drawn_so = {**solids, "right": block("right", (2, 2, 20), (-4, 0, 10))}
    assert find_collision(links, drawn_so) is None


def test_configurations_hold_both_limits_of_every_joint():
    links, _ = scissors(6.0)
    found = list(configurations(links))
    for name in ("left", "right"):
        assert {name: 0.0} in found
        assert {name: 6.0} in found
    assert {"left": 0.0, "right": 6.0} in found
    assert all(0 <= value <= 6 for values in found for value in values.values())
