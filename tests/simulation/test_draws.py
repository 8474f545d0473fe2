from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from synthex.core import ConfigError, derive_rng
from synthex.simulation.draws import Limits, Parameters, Setting, image_key


@dataclass(frozen=True)
class Lamp(Parameters):
    kvp: Annotated[Setting, Limits(40, 150, "kV")] = (60, 90)
    mas: Annotated[Setting, Limits(1e-3, 100, "mAs", log=True)] = (0.1, 10)
    name: str = "lamp"


def test_numbers_stand_and_ranges_are_drawn_uniformly_or_log_uniformly():
    assert Lamp(kvp=70, mas=2).draw(0) == {"kvp": 70.0, "mas": 2.0}
    drawn = [Lamp().draw(key) for key in range(2000)]
    kvp = np.array([values["kvp"] for values in drawn])
    decades = np.log10([values["mas"] for values in drawn])
    # Uniform: the mean's standard error is width / sqrt(12 n), here 0.19 kV and 0.013 decades.
    assert kvp.mean() == pytest.approx(75, abs=0.8)
    assert decades.mean() == pytest.approx(0, abs=0.05)
    assert decades.std() == pytest.approx(2 / np.sqrt(12), rel=0.05)
    assert kvp.min() >= 60
    assert kvp.max() <= 90
    assert decades.min() >= -1
    assert decades.max() <= 1


def test_a_parameter_that_is_fixed_or_new_leaves_the_other_draws_alone():
    @dataclass(frozen=True)
    class Longer(Parameters):
        filtration: Annotated[Setting, Limits(0, 9)] = (1, 2)
        kvp: Annotated[Setting, Limits(40, 150, "kV")] = (60, 90)
        mas: Annotated[Setting, Limits(1e-3, 100, "mAs", log=True)] = (0.1, 10)

    Longer.__name__ = "Lamp"
    plain, longer = Lamp().draw(3), Longer().draw(3)
    assert {name: longer[name] for name in plain} == plain
    assert Lamp(kvp=80).draw(3)["mas"] == plain["mas"]
    assert Lamp().draw(4) != plain


def test_the_key_takes_one_number_from_the_generator():
    rng, other = derive_rng(0), derive_rng(0)
    image_key(rng)
    other.integers(0, 2**63 - 1)
    assert rng.random() == other.random()


def test_settings_become_floats_and_tuples():
    lamp = Lamp(kvp=[60, 80], mas=1)
    assert (lamp.kvp, lamp.mas) == ((60.0, 80.0), 1.0)
    assert lamp.bounds("kvp") == (60.0, 80.0)
    assert lamp.bounds("mas") == (1.0, 1.0)
    assert lamp == Lamp(kvp=(60.0, 80.0), mas=1.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kvp": [90, 60]}, r"simulation.lamp.kvp is an inverted range \[90, 60\]; write \[60, 90\]"),
        ({"kvp": 30}, r"simulation.lamp.kvp must lie in 40..150 kV, got 30"),
        ({"kvp": [100, 160]}, r"simulation.lamp.kvp must lie in 40..150 kV, got 160"),
        ({"mas": -1}, r"simulation.lamp.mas must lie in 0.001..100 mAs, got -1"),
        ({"kvp": [60, 70, 80]}, r"simulation.lamp.kvp is a number or a range \[low, high\], got"),
        ({"kvp": [60]}, r"simulation.lamp.kvp is a number or a range \[low, high\], got"),
        ({"kvp": [60, float("nan")]}, "finite numbers, got nan"),
        ({"kvp": [True, 80]}, "finite numbers, got True"),
    ],
)
def test_bad_settings_are_one_line(settings, said):
    with pytest.raises(ConfigError, match=said) as caught:
        Lamp(**settings)
    assert "\n" not in str(caught.value)


def test_a_log_uniform_range_must_be_positive():
    @dataclass(frozen=True)
    class Dark(Parameters):
        mas: Annotated[Setting, Limits(0, 1, log=True)] = 0

    assert Dark().draw(0) == {"mas": 0.0}
    with pytest.raises(ConfigError, match="log-uniformly"):
        Dark(mas=[0, 1])
