import dataclasses

import numpy as np
import pytest

from synthex.anatomy.phantom import PelvisPhantoms, sample_pelvis_parameters
from synthex.core import AnatomySource, ConfigError, derive_rng


@pytest.fixture(scope="module")
def population():
    return [sample_pelvis_parameters(derive_rng(0, "phantom", index)) for index in range(300)]


def test_draws_are_reproducible_and_differ_between_subjects():
    first, again, other = (sample_pelvis_parameters(derive_rng(3, "phantom", index)) for index in (5, 5, 6))
    assert first == again
    assert first != other


def test_all_draws_lie_in_the_documented_ranges(population):
    ranges = {
        "size": (0.88, 1.14), "hip_half_distance_mm": (66, 119), "tilt_deg": (-24, 16), "density": (0.6, 1.3),
        "fat_mm": (8, 60), "belly_mm": (60, 150), "symphysis_gap_mm": (2.5, 8), "bowel_gas": (0.05, 0.6),
    }  # fmt: skip
    for name, (low, high) in ranges.items():
        values = np.array([getattr(p, name) for p in population])
        assert low <= values.min() < values.max() <= high, name
    for p in population:
        for femur in (p.femur_left, p.femur_right):
            assert 18 < femur.head_radius_mm < 30
            assert 110 <= femur.neck_shaft_deg <= 145
            assert -12 <= femur.version_deg <= 37
            assert -11 <= femur.flexion_deg <= 29


def test_population_has_published_means(population):
    angles = np.array([p.femur_left.neck_shaft_deg for p in population])
    assert abs(angles.mean() - 127) < 1.5
    female = np.array([p.female for p in population])
    arch = np.array([p.subpubic_mm for p in population])
    size = np.array([p.size for p in population])
    assert 0.4 < female.mean() < 0.6
    assert arch[female].mean() > arch[~female].mean() + 3
    assert size[female].mean() < size[~female].mean()


def test_sides_differ_a_little(population):
    spread = [np.subtract(p.field_left, p.field_right) for p in population]
    assert 0.3 < np.std(spread) < 2.0
    assert all(p.femur_left != p.femur_right for p in population)


def test_modes_spread_wider_than_the_people_they_were_fitted_to(population):
    modes = np.array([p.modes_left for p in population])
    assert np.allclose(modes.std(axis=0), 1.15, atol=0.2)
    assert np.abs(modes).max() <= 2.5
    assert np.mean([np.corrcoef(p.modes_left, p.modes_right)[0, 1] for p in population]) > 0.8


def test_source_lists_absolute_indices_and_keeps_the_contract():
    source = PelvisPhantoms(count=3, seed=1, first=7)
    assert isinstance(source, AnatomySource)
    assert source.subject_ids() == ("phantom-0007", "phantom-0008", "phantom-0009")
    shifted = PelvisPhantoms(count=9, seed=1)
    assert source.parameters("phantom-0008") == shifted.parameters("phantom-0008")


def test_fingerprint_follows_seed_subject_and_voxel_size(monkeypatch):
    base = PelvisPhantoms(2, seed=0).fingerprint("phantom-0000")
    assert base == PelvisPhantoms(8, seed=0).fingerprint("phantom-0000")
    others = {
        PelvisPhantoms(2, seed=1).fingerprint("phantom-0000"),
        PelvisPhantoms(2, seed=0).fingerprint("phantom-0001"),
        PelvisPhantoms(2, seed=0, spacing_mm=1.0).fingerprint("phantom-0000"),
    }
    monkeypatch.setattr("synthex.anatomy.phantom.source.MODEL_VERSION", -1)
    others.add(PelvisPhantoms(2, seed=0).fingerprint("phantom-0000"))
    assert base not in others
    assert len(others) == 4


@pytest.mark.parametrize("settings", [{"count": 0}, {"first": -1}, {"spacing_mm": 0.1}, {"spacing_mm": 30.0}])
def test_bad_settings_are_refused_in_one_line(settings):
    with pytest.raises(ConfigError) as caught:
        PelvisPhantoms(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["phantom-0002", "phantom-1", "someone", "phantom-0000\n"])
def test_unknown_subject_names_the_valid_ones(name):
    with pytest.raises(ConfigError, match="phantom-0000 to phantom-0001"):
        PelvisPhantoms(2).load(name)


def test_parameters_are_plain_values(population):
    for value in dataclasses.asdict(population[0]).values():
        assert isinstance(value, bool | float | tuple | dict)
