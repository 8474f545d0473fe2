import itertools
import re

import numpy as np
import pytest

from synthex.evaluation.outlines import UNITS, outline, simplify


def rings(path):
    """The rings of a path as arrays of points, and its area by the even-odd rule."""
    found = []
    for start, steps in re.findall(r"M([-\d ]+)l([-\d ]+)z", path):
        first = np.array(start.split(), dtype=int)
        moves = np.array(steps.split(), dtype=int).reshape(-1, 2)
        found.append(np.concatenate((first[None], first + np.cumsum(moves, axis=0))))
    assert "".join(re.findall(r"M[-\d ]+l[-\d ]+z", path)) == path
    return found


def area(ring):
    x, y = ring.T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def test_a_rectangle_is_its_four_sides():
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 20:50] = True
    (ring,) = rings(outline(mask, 40, 60))
    assert ring.min(axis=0).tolist() == [20 * UNITS, 10 * UNITS]
    assert ring.max(axis=0).tolist() == [50 * UNITS, 30 * UNITS]
    assert area(ring) == pytest.approx(600 * UNITS**2, rel=0.01)
    assert len(ring) <= 9


def test_a_mask_that_fills_the_picture_is_closed_at_its_border():
    (ring,) = rings(outline(np.ones((8, 8), dtype=bool), 8, 8))
    assert (ring.min(), ring.max()) == (0, 8 * UNITS)


def test_a_ring_has_a_hole_and_a_shrunk_disc_its_area():
    row, column = np.mgrid[:400, :400] + 0.5
    radius = np.hypot(row - 200, column - 180)
    found = sorted(map(area, rings(outline((radius < 150) & (radius > 80), 100, 100))))
    expected = [np.pi * (r / 4 * UNITS) ** 2 for r in (80, 150)]
    assert found == pytest.approx(expected, rel=0.03)


def test_nothing_has_no_outline_and_specks_vanish_with_the_size():
    mask = np.zeros((400, 400), dtype=bool)
    assert outline(mask, 100, 100) == ""
    mask[3, 3] = True
    assert outline(mask, 100, 100) == ""


def test_simplified_lines_stay_within_the_tolerance():
    angle = np.linspace(0, 2 * np.pi, 400)
    line = 50 * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    short = simplify(line, 0.8)
    assert len(short) < 60
    assert np.array_equal(short[0], line[0])
    assert np.array_equal(short[-1], line[-1])
    ends = itertools.pairwise(short)
    dense = np.concatenate([a + np.linspace(0, 1, 50)[:, None] * (b - a) for a, b in ends])
    away = np.hypot(*(line[:, None] - dense[None]).transpose(2, 0, 1)).min(axis=1)
    assert away.max() < 0.85
