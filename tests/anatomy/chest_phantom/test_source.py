import dataclasses
import json

import numpy as np
import pytest

from synthex.anatomy.chest_phantom import ChestPhantoms, build_chest, sample_chest_parameters
from synthex.core import ConfigError, derive_rng


def test_names_are_absolute_indices():
    assert ChestPhantoms(count=2, first=9).subject_ids() == ("chest-000009", "chest-000010")


@pytest.mark.parametrize("name", ["chest-000002", "chest-2", "chest-00000x", "phantom-0000", "chest"])
def test_unknown_subjects_are_named(name):
    with pytest.raises(ConfigError, match="choose from chest-000000 to chest-000001"):
        ChestPhantoms(count=2).load(name)


@pytest.mark.parametrize("settings", [{"count": 0}, {"first": -1}, {"spacing_mm": 0.4}, {"spacing_mm": 11}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ConfigError):
        ChestPhantoms(**settings)


def test_fingerprints_follow_seed_subject_and_voxel_size():
    prints = {
        source.fingerprint(name)
        for source in (ChestPhantoms(2), ChestPhantoms(2, seed=1), ChestPhantoms(2, spacing_mm=3))
        for name in source.subject_ids()
    }
    assert len(prints) == 6


def test_a_voxel_size_out_of_range_is_refused():
    with pytest.raises(ValueError, match="spacing_mm must lie in"):
        build_chest(sample_chest_parameters(np.random.default_rng(0)), 0.2)


def test_parameters_keep_their_ranges_and_vary():
    drawn = [sample_chest_parameters(derive_rng(0, index)) for index in range(400)]
    ranges = {
        "age": (20, 88), "height": (0.93, 1.27), "width": (0.9, 1.28), "depth": (0.9, 1.32),
        "kyphosis_deg": (20, 68), "dome_level": (8, 10.9), "cardiothoracic_ratio": (0.38, 0.66),
        "parenchyma_hu": (-905, -790), "calcification": (0, 0.5), "fat_mm": (5, 48), "protraction": (0, 1),
    }  # fmt: skip
    for name, (low, high) in ranges.items():
        values = np.array([getattr(p, name) for p in drawn])
        assert low <= values.min() < values.max() <= high, name
        assert values.std() > 0.05 * (high - low), name
    ratios = np.array([p.cardiothoracic_ratio for p in drawn])
    assert 0.08 < (ratios > 0.5).mean() < 0.35
    assert 0.4 < np.mean([p.female for p in drawn]) < 0.6
    assert all((p.breast_mm > 0) == p.female for p in drawn)
    json.dumps(dataclasses.asdict(drawn[0]))
