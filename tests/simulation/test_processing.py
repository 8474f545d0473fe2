"""Fluoroscopy's processing: transfer by closed form, polarity, fields and defects."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from synthex.core import ConfigError, derive_rng
from synthex.geometry import CArm, View
from synthex.simulation import Mixed, Naive, Realistic
from synthex.simulation.stages import Processing

CAMERA = CArm().binned(64).camera(View(np.zeros(3)))
PLAIN = Processing(
    recursion=0, dead_fraction=0, dead_lines=0, vignette=0, edge_gain=0, detail_gain=0, broad_gain=0,
    low_percentile=0, high_percentile=100, gamma=1, curve=0, bone="bright",
)  # fmt: skip


def ramp():
    """A line integral that rises from left to right by 3, as an intensity, and one burnt-out pixel."""
    log = np.tile(np.linspace(1, 4, 64, dtype=np.float32), (64, 1))
    log[0, 0] = 0
    return np.exp(-log)


def test_enhancement_is_the_sum_of_unsharp_masks():
    log = derive_rng("processing").normal(size=(64, 64)).astype(np.float32)
    level = replace(PLAIN, detail_gain=0.7, detail_mm=9, broad_gain=0.4, broad_mm=20)
    pixel = CAMERA.pixel_mm
    blurred = [gaussian_filter(log.astype(np.float64), mm / pixel, mode="reflect", truncate=8) for mm in (9, 20)]
    expected = log + 0.7 * (log - blurred[0]) + 0.4 * (log - blurred[1])
    np.testing.assert_allclose(level.enhanced(log, pixel, level.draw(0)), expected, atol=2e-3)
    np.testing.assert_allclose(PLAIN.enhanced(log, pixel, PLAIN.draw(0)), log, atol=1e-5)


def test_the_plain_chain_is_the_line_integral_between_its_ends():
    image, domain = PLAIN.display(ramp(), 1e-4, CAMERA, PLAIN.draw(0), 0)
    assert domain == "log"
    np.testing.assert_allclose(image[1:], np.tile(np.linspace(0, 1, 64), (63, 1)), atol=1 / 255)


def test_bone_is_dark_as_often_as_bright_and_the_domain_tells():
    either = replace(PLAIN, bone="either")
    shown = [either.display(ramp(), 1e-4, CAMERA, either.draw(key), key) for key in range(200)]
    dark = [image for image, domain in shown if domain == "intensity"]
    assert len(dark) == pytest.approx(100, abs=4 * np.sqrt(50))
    assert all(image[5, 60] < image[5, 3] for image in dark)
    assert all(image[5, 60] > image[5, 3] for image, domain in shown if domain == "log")


def test_a_temporal_filter_is_worth_so_many_doses():
    assert PLAIN.doses({"recursion": 0.5}) == 3
    rng = derive_rng("frames")
    frame = np.zeros(20000)
    for _ in range(40):
        frame = 0.5 * rng.standard_normal(20000) + 0.5 * frame
    assert frame.var() == pytest.approx(1 / 3, rel=0.05)


def test_the_window_is_that_of_the_round_field(scene):
    camera = replace(CAMERA, opening_mm=0.6 * 64 * CAMERA.pixel_mm)
    image, _ = PLAIN.display(ramp(), 1e-4, camera, PLAIN.draw(0), 0)
    opened = camera.open_pixels()
    assert image[opened].max() == 1
    assert image[opened].min() == 0


def test_defects_are_where_they_are_asked_for():
    broken = replace(PLAIN, dead_fraction=0.01, dead_lines=1, high_percentile=99)
    image, _ = broken.display(ramp(), 1e-4, CAMERA, broken.draw(0), 0)
    whole = np.isclose(image, 1).mean(axis=0).max(), np.isclose(image, 1).mean(axis=1).max()
    assert max(whole) == 1  # a whole row or column


def test_fluoroscopy_and_films_share_scenes_and_targets(scene):
    mixed = Mixed({"film": Realistic(), "frame": Realistic(processing=Processing()), "none": None}, {"frame": 3})
    made = [mixed(scene, CAMERA, (3,), derive_rng(index)) for index in range(24)]
    names = {rendering.record["mixed"] for rendering in made}
    assert names == {"film", "frame"}
    expected = Naive()(scene, CAMERA, (3,), derive_rng(0)).label_path_mm
    assert all(np.array_equal(rendering.label_path_mm, expected) for rendering in made)
    assert all(rendering.radiograph.image.max() <= 1 for rendering in made if rendering.record["mixed"] == "frame")


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="names film"):
        Mixed({"a": Naive()}, {"film": 1})
    with pytest.raises(ConfigError, match="above 0"):
        Mixed({"a": Naive()}, {"a": 0})
