"""From settings to readers."""

import pytest
from generators.samples import VOCABULARY, make_sample
from omegaconf import OmegaConf

from synthex.config import build
from synthex.core import ConfigError
from synthex.data import open_export, write_hdf5
from synthex.tasks import hip_landmarks

TASK = hip_landmarks.build()


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Settings of ``data`` with seven images to train on, whatever the task."""
    write_hdf5(tmp_path, [make_sample(index) for index in range(7)], VOCABULARY)
    monkeypatch.setattr(build, "open_checked", lambda folder, task, setting: open_export(folder))
    return lambda images: OmegaConf.create({"train": str(tmp_path), "test": str(tmp_path), "images": images})


def test_training_on_fewer_images_takes_the_first_of_more(data):
    everything = build.open_on_disk(data(None), TASK, "train")
    some = build.open_on_disk(data(3), TASK, "train")
    assert len(everything) == 7
    assert everything.case_ids()[1] == "case-003"  # files have one subject after the other
    assert some.case_ids() == ("case-000", "case-001", "case-002")
    assert [some[index].case_id for index in range(3)] == list(some.case_ids())
    assert len(build.open_on_disk(data(3), TASK, "test")) == 7


@pytest.mark.parametrize("images", [0, 8])
def test_more_images_than_there_are_is_said_in_one_line(data, images):
    with pytest.raises(ConfigError, match=f"data.images={images} must lie in 1 to 7"):
        build.open_on_disk(data(images), TASK, "train")
