"""Several sources of subjects by weight."""

from collections import Counter

import pytest

from synthex.anatomy.phantom import PelvisPhantoms
from synthex.core import ConfigError
from synthex.data import AnatomyMix, choose_subject


def _mix(**weights: float) -> AnatomyMix:
    sources = {name: PelvisPhantoms(count=3, first=10 * n) for n, name in enumerate(weights)}
    return AnatomyMix(sources, weights)


def test_shares_are_exact_in_every_block_and_subjects_take_turns() -> None:
    mix = _mix(a=0.5, b=0.3, c=0.2)
    names = [mix._owner[mix.choose(index, seed=1)] for index in range(120)]
    for block in (names[:60], names[60:]):
        assert Counter(block) == {"a": 30, "b": 18, "c": 12}
    subjects = Counter(mix.choose(index, seed=1) for index in range(60))
    assert {subjects[name] for name in mix.sources["a"].subject_ids()} == {10}


def test_the_subject_follows_from_seed_and_index_alone() -> None:
    mix = _mix(a=1, b=2)
    order = [mix.choose(index, 3) for index in range(60)]
    assert order == [_mix(a=1, b=2).choose(index, 3) for index in range(60)]
    assert order != [mix.choose(index, 4) for index in range(60)]
    assert [choose_subject(mix, index, 3) for index in range(5)] == order[:5]


def test_small_weights_still_occur() -> None:
    assert Counter(_mix(a=1000, b=1)._owner[_mix(a=1000, b=1).choose(i, 0)] for i in range(60))["b"] == 1


def test_mixes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="weight"):
        _mix(a=1, b=0)
    with pytest.raises(ConfigError, match="both have a subject"):
        AnatomyMix({"a": PelvisPhantoms(count=1), "b": PelvisPhantoms(count=1)}, {"a": 1, "b": 1})
