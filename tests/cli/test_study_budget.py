"""What trainings of a study spend, from their composed settings."""

import functools

import pytest
from generators.studies import write_study
from generators.tiny_commands import TINY

from synthex.cli.main import main
from synthex.cli.studies import study_settings
from synthex.core import ConfigError
from synthex.studies import Cell, Plan, Preparation
from synthex.studies.spending import budget_of

SETTINGS = study_settings()
COMPOSED = functools.cache(SETTINGS.compose)

NETWORK = ("task=hip_landmarks", "model=unet_small", "data.size=64", "data.batch_size=4")
IMAGES = Preparation("simulate", ("count=22",))
TRANSLATED = Preparation("translate apply", ("translator=<root:t>", "on_disk=<prepared:images>"))
START = Preparation("train", (*NETWORK, "data=on_disk", "data.train=<prepared:images>", "trainer.max_epochs=2"))


def budget(*overrides, **prepared):
    plan = Plan(Cell({}, "0", 0), (*NETWORK, *overrides), {}, {"images": IMAGES} | prepared)
    return budget_of(plan, COMPOSED, SETTINGS.validates)


def test_epochs_of_images_on_disk_are_whole_batches_and_simulation_has_no_end():
    found = budget("data=on_disk", "data.train=<prepared:images>", "trainer.max_epochs=3")
    assert (found["updates"], found["images_seen"], found["distinct_images"]) == (3 * (22 // 4), 60, 22)
    assert found["selection"] == "last weights"  # there is nothing to choose by
    assert (found["network.encoder"], found["size.image"], found["size.input"]) == ("resnet18", 64, 64)
    translated = budget("data=on_disk", "data.train=<prepared:done>", "trainer.max_epochs=3", done=TRANSLATED)
    assert translated == found
    fewer = budget("data=on_disk", "data.train=<prepared:images>", "data.images=9", "trainer.max_epochs=3")
    assert (fewer["updates"], fewer["distinct_images"]) == (6, 9)
    drawn = budget("data.samples_per_epoch=40", "trainer.max_epochs=3")
    assert (drawn["updates"], drawn["distinct_images"], drawn["selection"]) == (30, "endless", "min of val/loss")


def test_what_only_the_data_know_is_not_known_unless_steps_are_given():
    real = ("data=real", "data.source.root=there")
    found = budget(*real, "trainer.max_epochs=3")
    assert (found["updates"], found["images_seen"], found["distinct_images"]) == (None, None, None)
    found = budget(*real, "trainer.max_epochs=-1", "trainer.max_steps=7")
    assert (found["updates"], found["images_seen"], found["distinct_images"]) == (7, 28, None)


def test_the_weights_that_a_training_starts_from_count_and_are_of_the_same_network():
    going_on = ("data=on_disk", "data.train=<prepared:images>", "trainer.max_epochs=1", "adaptation=adda")
    going_on += ("adaptation.target.on_disk=x", "adaptation.method.updates=1", "initial_weights=<prepared:start>")
    assert budget(*going_on, start=START)["updates"] == 22 // 8 + 2 * (22 // 4)  # batches of both networks
    other = Preparation("train", (*START.overrides, "model.encoder=resnet34"))
    with pytest.raises(ConfigError, match=r"network\.encoder=resnet18.*initial_weights.*network\.encoder=resnet34"):
        budget(*going_on, start=other)


def test_a_study_of_unequal_trainings_is_refused_before_anything_runs(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    study = {
        "axes": {"augment": {"none": ["augment=none"], "strong": ["augment=strong", "trainer.max_epochs=2"]}},
        "table": {"rows": ["augment"], "figures": ["dice"]},
        "sizes": {"tiny": {"overrides": [*TINY, "trainer.max_epochs=1"], "tests": {"simulated": []}}},
    }
    write_study(tmp_path / "experiments" / "small", study)
    assert main(["study", "run", "small", "size=tiny"]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert "augment=strong has updates=" in line
    assert "augment=none updates=" in line
    assert not list(tmp_path.glob("outputs/studies/small/jobs/*"))
    unequal = [{"axis": "augment", "terms": ["updates", "images_seen"], "why": "to see whether it is said"}]
    write_study(tmp_path / "experiments" / "small", study | {"unequal": unequal})
    assert main(["study", "status", "small", "size=tiny"]) == 0
