"""Varied subjects: ids, purity, fingerprints."""

import numpy as np
import pytest

from synthex.anatomy.deformation import ShapeVariation
from synthex.anatomy.variants import VariedAnatomies, base_subject
from synthex.core import Affine, Anatomy, AnatomySource, ConfigError, Volume


class _Source:
    def __init__(self, version="1"):
        self.version = version

    def subject_ids(self):
        return ("a", "b~x")

    def load(self, subject_id):
        shape = (30, 28, 26)
        world_from_ijk = Affine.from_parts(np.eye(3) * 8, np.array((-116.0, -108.0, -100.0)))
        labels = np.zeros(shape, np.uint8)
        labels[8:22, 8:20, 8:18] = 1
        hu = (labels.astype(np.int16) * 700 + np.arange(26, dtype=np.int16)).astype(np.int16)
        landmarks = {"middle": np.zeros(3), "other": np.array([-50.0, -40.0, -30.0])}
        return Anatomy(
            subject_id,
            Volume(hu, world_from_ijk),
            Volume(labels, world_from_ijk),
            {"bone": 1},
            landmarks,
            frozenset({"gone"}),
        )

    def fingerprint(self, subject_id):
        return self.version


def test_ids_and_base_subjects():
    population = VariedAnatomies(_Source(), variants=3)
    assert isinstance(population, AnatomySource)
    assert population.subject_ids() == ("a~00", "a~01", "a~02", "b~x~00", "b~x~01", "b~x~02")
    assert [base_subject(name) for name in population.subject_ids()] == ["a"] * 3 + ["b~x"] * 3
    assert base_subject("map-01~03~00") == "map-01"  # a painting in another shape


def test_first_variant_is_the_original():
    original = VariedAnatomies(_Source()).load("a~00")
    assert original.subject_id == "a~00"
    np.testing.assert_array_equal(original.ct.data, _Source().load("a").ct.data)
    varied = VariedAnatomies(_Source(), keep_original=False).load("a~00")
    assert not np.array_equal(varied.ct.data, original.ct.data)


def test_load_is_a_pure_function_of_seed_and_id():
    first, second = (VariedAnatomies(_Source(), seed=4).load("a~02") for _ in range(2))
    np.testing.assert_array_equal(first.ct.data, second.ct.data)
    np.testing.assert_array_equal(first.landmarks["other"], second.landmarks["other"])
    assert first.absent == {"gone"}
    for other in (("a~03", 4), ("b~x~02", 4), ("a~02", 5)):
        name, seed = other
        assert not np.array_equal(VariedAnatomies(_Source(), seed=seed).load(name).ct.data, first.ct.data)


def test_variants_differ_in_proportion():
    population = VariedAnatomies(_Source(), variants=9, settings=ShapeVariation(displacement_mm=8.0))
    distances = []
    for name in population.subject_ids()[1:9]:
        points = population.load(name).landmarks
        distances.append(np.linalg.norm(points["middle"] - points["other"]))
    assert 2 < np.std(distances) < 15


def test_fingerprint_changes_with_everything_that_matters():
    base = VariedAnatomies(_Source(), seed=1)
    prints = {
        base.fingerprint("a~01"),
        base.fingerprint("a~02"),
        VariedAnatomies(_Source("2"), seed=1).fingerprint("a~01"),
        VariedAnatomies(_Source(), seed=2).fingerprint("a~01"),
        VariedAnatomies(_Source(), seed=1, settings=ShapeVariation(displacement_mm=3.0)).fingerprint("a~01"),
        VariedAnatomies(_Source(), seed=1, keep_original=False).fingerprint("a~00"),
        base.fingerprint("a~00"),
    }
    assert len(prints) == 7
    assert base.fingerprint("a~00") == VariedAnatomies(_Source(), seed=2).fingerprint("a~00")
    assert base.fingerprint("a~01") == VariedAnatomies(_Source(), seed=1, variants=20).fingerprint("a~01")


@pytest.mark.parametrize("name", ["a", "a~99", "a~x", "~01"])
def test_unknown_ids_are_refused(name):
    with pytest.raises(KeyError):
        VariedAnatomies(_Source()).load(name)


def test_no_variants_is_refused():
    with pytest.raises(ConfigError, match="variants=0"):
        VariedAnatomies(_Source(), variants=0)
