from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import hide, make_case

from synthex.core import ConfigError, InputError
from synthex.evaluation import TrivialPredictor
from synthex.metrics import dice


def test_positions_are_the_mean_of_the_visible_ones():
    samples = [make_case(index) for index in range(5)]
    samples[0] = hide(samples[0], 2)
    found = TrivialPredictor.fit(samples).predict(samples[1])
    np.testing.assert_allclose(found.landmarks[0], np.mean([one.landmarks[0] for one in samples], axis=0))
    np.testing.assert_allclose(found.landmarks[2], np.mean([one.landmarks[2] for one in samples[1:]], axis=0))
    assert found.confidence[2] == pytest.approx(0.8)


def test_presence_is_the_majority_and_never_seen_has_no_guess():
    samples = [hide(make_case(index), 1) for index in range(4)]
    samples = [hide(sample, 3) if index else sample for index, sample in enumerate(samples)]
    found = TrivialPredictor.fit(samples).predict(samples[0])
    assert found.present.tolist() == [True, False, True, False]
    assert np.isnan(found.landmarks[1]).all()
    assert np.isfinite(found.landmarks[3]).all()


def test_not_annotated_is_not_counted_as_absent():
    samples = [make_case(index) for index in range(2)]
    unknown = hide(samples[0], 0)
    samples[0] = replace(unknown, annotated=unknown.visible.copy())
    assert TrivialPredictor.fit(samples).visible_share[0] == 1.0


def test_it_follows_the_size_of_the_image():
    small, large = make_case(0), make_case(0, size=(96, 120))
    predictor = TrivialPredictor.fit([small])
    np.testing.assert_allclose(predictor.predict(large).landmarks, 2 * small.landmarks)
    found = predictor.predict(large).masks
    assert found.shape == large.masks.shape
    assert (dice(found, np.repeat(np.repeat(small.masks, 2, 1), 2, 2)) > 0.95).all()


def test_the_mask_is_the_level_set_with_the_best_expected_dice():
    samples = [make_case(index, size=(64, 64)) for index in range(12)]
    predictor = TrivialPredictor.fit(samples, grid=64)
    mean = np.mean([one.masks for one in samples], axis=0)
    for index, found in enumerate(predictor.masks):
        scores = {
            level: 2 * mean[index][mean[index] >= level].sum() / ((mean[index] >= level).sum() + mean[index].sum())
            for level in np.unique(mean[index])
        }
        np.testing.assert_array_equal(found, mean[index] >= max(scores, key=scores.__getitem__))


def test_a_structure_never_seen_is_empty():
    sample = make_case(0)
    masks = sample.masks.copy()
    masks[1] = False
    assert not TrivialPredictor.fit([replace(sample, masks=masks)]).predict(sample).masks[1].any()


def test_no_sample_is_an_error():
    with pytest.raises(ConfigError, match="at least one training sample"):
        TrivialPredictor.fit([])


def test_a_saved_one_answers_the_same_without_an_image(tmp_path):
    samples = [hide(make_case(index), 1) for index in range(3)]
    predictor = TrivialPredictor.fit(samples)
    predictor.save(tmp_path / "baseline.npz")
    loaded, (height, width) = TrivialPredictor.load(tmp_path / "baseline.npz"), samples[0].image.shape
    one, other = predictor.predict(samples[0]), loaded.answer(samples[0].case_id, height, width)
    assert loaded.samples == 3
    assert one.case_id == other.case_id
    for name in ("landmarks", "confidence", "present", "masks"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "baseline.npz"
    TrivialPredictor.fit([make_case(0)]).save(path)
    for content in (b"", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="complete npz file"):
            TrivialPredictor.load(path)
