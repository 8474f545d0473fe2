"""The prior on answers: exact recovery, misses replaced, good answers left alone, absent sides refused."""

import time

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synthex.core import derive_rng
from synthex.tasks.hip_landmarks.prior import DISPLAY, fit_prior, landmark_model
from synthex.tasks.hip_landmarks.vocabulary import LANDMARKS

PIXEL_MM, SIZE = 0.9, (420, 420)


def image_of(rng, perspective=1 / 900, spread=0.8, turn=(6.0, 8.0, 3.0)):
    """A body of the model seen by a camera, pixels."""
    model = landmark_model()
    body = model.mean + np.tensordot(spread * rng.normal(size=len(model.modes)), model.modes, axes=1)
    body = body @ Rotation.from_euler("xzy", rng.normal(0, turn), degrees=True).as_matrix().T
    flat = 1.2 * (body @ DISPLAY.T) / (1 - perspective * body[:, 1:2])
    return (flat + 0.5 * PIXEL_MM * np.array(SIZE)) / PIXEL_MM


@pytest.mark.parametrize("perspective", [1 / 900, -1 / 700, 0.0])
def test_four_misses_of_fourteen_are_put_right(perspective):
    rng = derive_rng("prior", "misses", round(1e5 * perspective))
    for _ in range(3):
        truth = image_of(rng, perspective)
        answer, confidence = truth.copy(), np.full(len(truth), 0.9)
        missed = rng.choice(len(truth), 4, replace=False)
        answer[missed] += rng.choice((-1, 1), (4, 2)) * rng.uniform(60, 120, (4, 2))
        fit = fit_prior(answer, confidence, PIXEL_MM, SIZE)
        kept = np.setdiff1d(np.arange(len(truth)), missed)
        assert fit.used
        np.testing.assert_array_equal(fit.points[kept], truth[kept])
        error = PIXEL_MM * np.linalg.norm(fit.points - truth, axis=1)
        assert error[missed].max() < 14
        assert error[missed].mean() < 6
        assert (fit.fitting[missed] < 0.5).all()


def test_a_good_answer_is_handed_back_as_it_is():
    rng = derive_rng("prior", "good")
    truth = image_of(rng)
    answer = truth + rng.normal(0, 2.5, truth.shape)
    fit = fit_prior(answer, np.full(len(truth), 0.8), PIXEL_MM, SIZE)
    np.testing.assert_array_equal(fit.points, answer)
    np.testing.assert_array_equal(fit.confidence, np.full(len(truth), 0.8))
    assert fit.present.all()


def test_the_absent_side_of_a_single_hip_is_refused():
    rng = derive_rng("prior", "side")
    truth = image_of(rng, turn=(3.0, 3.0, 2.0))
    shift = np.array((0.5 * SIZE[1] - truth[1, 0] + 20, 0.0))  # the right hip in the middle, the left outside
    truth = truth + shift
    size = (SIZE[0], int(truth[8:12, 0].max() + 12))
    outside = truth[:, 0] > size[1]
    assert outside[[LANDMARKS.index(name) for name in ("FH-l", "ASIS-l", "GSN-l")]].all()
    answer, confidence = truth.copy(), np.full(len(truth), 0.8)
    # The network marks the side that it sees twice.
    for index in np.flatnonzero(outside):
        answer[index], confidence[index] = truth[index + 1 - 2 * (index % 2)], 0.4
    fit = fit_prior(answer, confidence, PIXEL_MM, size)
    assert fit.used
    assert not fit.present[outside].any()
    assert (fit.confidence[outside] == 0).all()
    assert fit.present[~outside].all()


def test_too_little_to_say_anything():
    truth = image_of(derive_rng("prior", "few"))
    answer = np.full_like(truth, np.nan)
    answer[:4] = truth[:4]
    fit = fit_prior(answer, np.where(np.isfinite(answer[:, 0]), 0.9, 0.0), PIXEL_MM, SIZE)
    assert not fit.used
    np.testing.assert_array_equal(fit.points[:4], truth[:4])


def test_points_without_a_guess_are_filled_in():
    truth = image_of(derive_rng("prior", "fill"))
    answer = truth.copy()
    answer[[2, 9]] = np.nan
    fit = fit_prior(answer, np.where(np.isfinite(answer[:, 0]), 0.9, 0.0), PIXEL_MM, SIZE)
    assert PIXEL_MM * np.linalg.norm(fit.points - truth, axis=1).max() < 12
    assert fit.present.all()


def test_it_takes_milliseconds():
    rng = derive_rng("prior", "time")
    cases = [image_of(rng) + rng.normal(0, 3, (14, 2)) for _ in range(6)]
    start = time.process_time()
    for case in cases:
        fit_prior(case, np.full(14, 0.7), PIXEL_MM, SIZE)
    assert (time.process_time() - start) / len(cases) < 0.2
