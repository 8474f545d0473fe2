import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from generators.anatomies import Balls, make_anatomy
from torch.utils.data import DataLoader

from synthex.core import Camera, ConfigError
from synthex.data import LearningDataset, SyntheticReader, collate
from synthex.geometry import CArm, ViewRanges
from synthex.simulation.levels.naive import Naive
from synthex.tasks import hip_landmarks

RANGES = ViewRanges((-30, 30), (-15, 15), (-10, 10), ((-40, 40), (-10, 10), (-30, 30)), (530, 700))


def noise(sample, rng):
    return replace(sample, image=(sample.image + rng.normal(0, 0.1, sample.image.shape)).astype(np.float32))


def make_reader(split="train", seed=0, count=12, source=None):
    return SyntheticReader(split, source or Balls(), hip_landmarks.build(), Naive(), CArm(), RANGES, 48, seed, count)


def flatten(batches):
    return {
        int(index): (batch["image"][row], batch["masks"][row], batch["landmarks"][row])
        for batch in batches
        for row, index in enumerate(batch["index"])
    }


@pytest.mark.parametrize("workers", [1, 4])
def test_samples_are_bitwise_equal_for_any_number_of_workers(workers):
    dataset = LearningDataset(make_reader(), 48, noise, seed=3)
    alone = flatten(DataLoader(dataset, 4, collate_fn=collate))
    many = flatten(DataLoader(dataset, 3, num_workers=workers, collate_fn=collate))
    assert alone.keys() == many.keys()
    for index, tensors in alone.items():
        for one, other in zip(tensors, many[index], strict=True):
            assert torch.equal(torch.nan_to_num(one.float(), -1), torch.nan_to_num(other.float(), -1))


def test_a_sample_depends_on_seed_split_and_index_alone():
    reader = make_reader()
    forwards = [reader[index].image for index in range(12)]
    again = make_reader()
    backwards = [again[index].image for index in reversed(range(12))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not np.array_equal(make_reader(seed=1)[0].image, forwards[0])
    assert not np.array_equal(make_reader(split="val")[0].image, forwards[0])


def test_the_record_recreates_the_camera_and_the_landmarks():
    sample = make_reader()[5]
    record = json.loads(json.dumps(dict(sample.record)))
    camera = Camera.from_record(record["camera"])
    anatomy = make_anatomy(record["subject"])
    names = hip_landmarks.build().vocabulary.landmarks
    points = camera.project(np.stack([anatomy.landmarks[name] for name in names]))
    assert np.allclose(points[sample.visible], sample.landmarks[sample.visible], atol=1e-9)
    assert sample.visible.any()
    assert sample.magnification == pytest.approx(1020 / record["view"]["source_isocenter_mm"])


def test_the_field_keeps_its_size_when_binned():
    sample = make_reader()[0]
    assert sample.image.shape == (48, 48)
    assert sample.pixel_mm * 48 == pytest.approx(1536 * 0.194)


def test_masks_cover_the_balls():
    reader = make_reader(source=Balls(1))
    sample = reader[0]
    camera = Camera.from_record(dict(sample.record)["camera"])
    # A ball's centre projects into its mask.
    anatomy = make_anatomy("ball-000")
    for channel, (name, label) in enumerate(anatomy.structures.items()):
        center = np.argwhere(anatomy.labels.data == label).mean(axis=0)
        point = camera.project(anatomy.labels.world_from_ijk.apply(center[None]))[0]
        if camera.contains(point[None])[0]:
            assert sample.masks[channel, int(point[1]), int(point[0])], name


def test_a_source_without_the_tasks_structures_is_refused_in_one_line():
    class Bare(Balls):
        def load(self, subject_id):
            from dataclasses import replace

            return replace(make_anatomy(subject_id), structures={"hip_left": 1})

    with pytest.raises(ConfigError, match="no label for hip_right"):
        make_reader(source=Bare())[0]


def test_endless_streams_cannot_be_listed_but_never_end():
    reader = make_reader(count=None)
    with pytest.raises(ConfigError, match="endless"):
        reader.case_ids()
    assert reader[10**9].case_id == "train-1000000000"


def test_no_subject_is_an_error():
    with pytest.raises(ConfigError, match="no subject"):
        make_reader(source=Balls(0))


def test_views_and_simulation_draw_from_separate_streams():
    # A level that draws more numbers must not move the camera: that is what makes levels comparable.
    class Greedy(Naive):
        def __call__(self, scene, camera, label_ids, rng):
            rng.normal(size=1000)
            return super().__call__(scene, camera, label_ids, rng)

    plain, greedy = make_reader(), make_reader()
    greedy.simulator = Greedy()
    for index in range(3):
        a, b = plain[index], greedy[index]
        assert np.array_equal(a.masks, b.masks)
        assert np.array_equal(a.landmarks, b.landmarks, equal_nan=True)


def test_variants_of_one_person_are_one_subject():
    reader = SyntheticReader(
        "test", Balls(), hip_landmarks.build(), Naive(), CArm(), RANGES, 48, 0, 8, person=lambda subject: subject[:4]
    )
    assert {reader[index].subject_id for index in range(8)} == {"ball"}
    assert {reader[index].record["subject"] for index in range(8)} == set(Balls().subject_ids())


def picky_reader(usable, ranges=RANGES):
    """A reader of a task that can use a view when ``usable(scene, camera)`` says so."""
    task = replace(hip_landmarks.build(), unusable=lambda *view: None if usable(*view) else "the ball lies outside")
    return SyntheticReader("train", Balls(), task, Naive(), CArm(), ranges, 48, 0, 12)


def test_a_useless_view_is_drawn_again_and_the_others_stay():
    def usable(scene, camera):
        return camera.source_world[0] > scene.aim_world[0]

    plain, picky = make_reader(), picky_reader(usable)
    kept = [usable(*plain.setup(index)[:2]) for index in range(12)]
    assert 0 < sum(kept) < 12
    for index, good in enumerate(kept):
        scene, camera, _ = picky.setup(index)
        assert usable(scene, camera)
        assert (picky[index].record["view"] == plain[index].record["view"]) == good
    assert np.array_equal(picky[kept.index(False)].image, picky_reader(usable)[kept.index(False)].image)


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        (ViewRanges(isocenter_jitter_mm=((400, 500), (0, 0), (0, 0))), "isocenter_jitter_mm drew an offset"),
        (ViewRanges(source_isocenter_mm=(980, 990)), "narrow views.source_isocenter_mm"),
    ],
)
def test_views_that_never_show_anything_end_with_the_range_that_is_at_fault(ranges, named):
    def usable(scene, camera):
        return bool(camera.contains(camera.project(scene.aim_world[None] + (0, 0, 160))).all())

    with pytest.raises(ConfigError, match="the ball lies outside") as caught:
        picky_reader(usable, ranges)[0]
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
