"""``task.prior``: decoded answers are held against one body."""

import numpy as np
import torch

from synthex.data import PixelMap
from synthex.tasks import hip_landmarks
from synthex.tasks.hip_landmarks.prior import DISPLAY, landmark_model
from synthex.tasks.masks_and_landmarks import make_decoder


def _batch_of(points_px: np.ndarray, size: int, pixel_mm: float) -> tuple[dict, dict]:
    """Heatmaps with one peak each, as a network that is certain would give them, of an image shown at half its size."""
    rows, columns = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    sigma = 8.0 / pixel_mm
    peaks = [torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)) for x, y in points_px]
    outputs = {"heatmaps": torch.stack(peaks)[None], "masks": torch.zeros(1, 6, size, size)}
    where = PixelMap(height=2 * size, width=2 * size, rows=size, columns=size, row=0, column=0)
    return outputs, {"case_id": ["one"], "native": [where], "pixel_mm": torch.tensor([pixel_mm])}


def test_a_point_on_the_wrong_side_is_corrected_and_the_others_stay():
    names = list(hip_landmarks.VOCABULARY.landmarks)
    size, pixel_mm = 128, 3.0
    truth = 1.2 * landmark_model().mean @ DISPLAY.T / pixel_mm + size / 2
    wrong = truth.copy()
    at = names.index("ASIS-l")
    wrong[at] = truth[names.index("IOF-r")]
    outputs, batch = _batch_of(wrong, size, pixel_mm)
    (off,), (on,) = (hip_landmarks.build(prior=prior).decode(outputs, batch) for prior in (False, True))
    error_mm = (
        np.linalg.norm(off.landmarks / 2 - truth, axis=1) * pixel_mm,
        np.linalg.norm(on.landmarks / 2 - truth, axis=1) * pixel_mm,
    )
    others = np.arange(len(names)) != at
    assert error_mm[0][at] > 100
    assert error_mm[1][at] < 10
    assert error_mm[1][others].max() < 3
    assert np.array_equal(on.landmarks[others], off.landmarks[others])


def test_a_correction_is_told_native_points_and_the_native_pitch():
    told = []

    def correct(points, confidence, pixel_mm, size):
        told.append((points.copy(), pixel_mm, size))
        return points + 1.0, confidence

    peaks = np.array([[20.5, 30.5], [40.5, 10.5]])
    outputs, batch = _batch_of(peaks, 64, 3.0)
    (answer,) = make_decoder(8.0, 0.2, correct=correct)(outputs, batch)
    ((points, pixel_mm, size),) = told
    assert pixel_mm == 1.5  # shown at half its size, a network pixel of 3 mm is two of 1.5 mm
    assert size == (128, 128)
    assert np.allclose(points, 2 * peaks, atol=0.2)
    assert np.allclose(answer.landmarks, points + 1.0)
