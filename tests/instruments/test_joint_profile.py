"""The curve of a bent chain, smooth profiles and how far it may bend."""

import numpy as np
import pytest

from synthex.instruments.joint_profile import PlanarChain, largest_total_bend, smooth_profile

ARCS = np.linspace(0.0, 35.0, 71)


@pytest.mark.parametrize("total", [0.3, -2.0, 3.6])
def test_equal_angles_make_an_arc_of_a_circle(total):
    chain = PlanarChain(np.full(27, total / 27), 35.0)
    places, tangents, headings = chain.at(ARCS)
    radius, turned = 35 / total, total * ARCS / 35
    circle = np.stack([radius * (1 - np.cos(turned)), radius * np.sin(turned)], axis=1)
    np.testing.assert_allclose(places, circle, atol=1e-12)
    np.testing.assert_allclose(headings, turned, atol=1e-12)
    np.testing.assert_allclose(tangents, np.stack([np.sin(turned), np.cos(turned)], axis=1), atol=1e-12)


def test_any_profile_is_the_integral_of_its_directions():
    chain = PlanarChain(np.random.default_rng(0).uniform(-0.2, 0.2, 9), 20)
    fine = np.linspace(0.0, 20.0, 180001)
    places, tangents, _ = chain.at(fine)
    middles = (tangents[1:] + tangents[:-1]) / 2
    summed = np.concatenate([np.zeros((1, 2)), np.cumsum(middles * np.diff(fine)[:, None], axis=0)])
    np.testing.assert_allclose(places, summed, atol=1e-8)
    nodes = np.concatenate([[0.0], np.cumsum(chain.angles)])
    np.testing.assert_allclose(chain.at(np.linspace(0, 20, 10))[2], nodes, atol=1e-12)


def test_before_and_behind_the_chain_goes_on_straight():
    chain = PlanarChain(np.full(4, 0.25), 10.0)
    places, tangents, _ = chain.at(np.array([-7.0, 10.0, 12.5]))
    np.testing.assert_allclose(places[0], [0, -7], atol=1e-12)
    np.testing.assert_allclose(places[2] - places[1], 2.5 * np.array([np.sin(1), np.cos(1)]), atol=1e-12)
    np.testing.assert_allclose(tangents[2], [np.sin(1), np.cos(1)], atol=1e-12)


def test_profiles_are_smooth_pass_their_controls_and_keep_the_limit():
    controls = np.array([1.0, -2.0, 3.0, 0.5, 1.0])
    profile = smooth_profile(controls, 25, 10.0)
    np.testing.assert_allclose(profile[::6], controls, atol=1e-12)
    cubic = np.poly1d([3.0, -2.0, 1.0, 0.5])
    where = np.linspace(0, 1, 5), np.linspace(0, 1, 27)
    np.testing.assert_allclose(smooth_profile(cubic(where[0]), 27, 10.0), cubic(where[1]), atol=1e-12)
    assert np.abs(smooth_profile(controls, 25, 2.5)).max() == 2.5
    np.testing.assert_allclose(smooth_profile(np.full(3, 4.0), 8, 9), 4.0)


@pytest.mark.parametrize(("length", "clearance", "protrusion"), [(35.0, 6.0, 3.0), (25, 6, 0), (80.0, 6.0, 12.0)])
def test_the_largest_bend_brings_the_end_to_the_shaft(length, clearance, protrusion):
    total = largest_total_bend(length, clearance, protrusion)
    assert np.pi < total < 1.5 * np.pi
    chain = PlanarChain(np.full(30, total / 30), length)
    across = chain.at(np.linspace(0.0, length + protrusion, 4000))[0]
    behind = across[across[:, 1] < 0]
    assert behind[:, 0].min() == pytest.approx(clearance, abs=1e-6)


def test_a_long_line_may_bend_by_three_quarters_of_a_turn():
    assert largest_total_bend(80.0, 6.0, 0.0) == 1.5 * np.pi


def test_a_thick_short_line_may_bend_by_half_a_turn():
    assert largest_total_bend(5.0, 6.0, 0.0) == np.pi
