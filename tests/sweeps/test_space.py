"""What a search is of: ranges in the grammar of Hydra, and which figure is made better."""

import pytest

from synthex.core import ConfigError
from synthex.sweeps.search import direction_of, objective_of
from synthex.sweeps.space import Choices, Numbers, first_trial, read_space, written


def test_ranges_are_read_in_hydras_grammar():
    configured = {
        "optimizer.lr": "tag(log, interval(1e-4, 1e-2))",
        "model": "choice(unet, unet_small)",
        "seed": "range(0, 9, 3)",
    }
    given = ["data.size=64", "data.batch_size=range(4,17,4)", "augment=none,strong", "seed=7"]
    space, fixed = read_space(configured, given)
    assert space == {
        "optimizer.lr": Numbers(1e-4, 1e-2, log=True),
        "model": Choices(("unet", "unet_small")),
        "data.batch_size": Numbers(4, 16, whole=True, step=4),
        "augment": Choices(("none", "strong")),
    }
    assert fixed == ["data.size=64", "seed=7"]
    assert first_trial(space) == ["optimizer.lr=0.0001", "model=unet", "data.batch_size=4", "augment=none"]


def test_whole_ranges_end_at_their_last_number():
    space, _ = read_space({"a": "range(0, 10, 4)", "b": "int(interval(2, 5))", "c": "range(0.5, 1.0, 0.25)"}, [])
    assert space == {
        "a": Numbers(0, 8, whole=True, step=4),
        "b": Numbers(2, 5, whole=True),
        "c": Numbers(0.5, 0.75, step=0.25),
    }


def test_numbers_are_written_as_they_are():
    assert written("optimizer.lr", 0.1 + 0.2) == "optimizer.lr=0.30000000000000004"
    assert written("data.size", 64) == "data.size=64"


@pytest.mark.parametrize(
    ("primary", "objective", "direction"),
    [
        ("landmark_error_mm_mean", "landmark_error_mm_mean_all", "minimize"),  # that of those detected drops misses
        ("dice_mean/lesion", "dice_mean/lesion", "maximize"),
    ],
)
def test_objective_and_direction_follow_from_the_primary_score(primary, objective, direction):
    assert objective_of(primary) == objective
    assert direction_of(objective) == direction


def test_a_score_of_unknown_direction_is_refused():
    with pytest.raises(ConfigError, match="say whether to minimize or maximize cases"):
        direction_of("cases")
