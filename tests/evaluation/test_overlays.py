import io
import itertools
import subprocess
import sys

import matplotlib.axes
import numpy as np
from generators.predictions import LANDMARKS, make_case, perfect
from PIL import Image

from synthex.evaluation.overlays import FALSE_COLOR, GUESS_COLOR, TRUTH_COLOR, draw_overlay
from synthex.evaluation.pictures import MAX_SIDE, make_picture


def _rgb(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _has(pixels, color):
    wanted = [int(color[index : index + 2], 16) for index in (1, 3, 5)]
    return bool((np.abs(pixels.astype(int) - wanted).max(axis=-1) <= 12).any())


def test_truth_and_prediction_are_drawn_in_their_colours():
    sample = make_case(0, size=(96, 96))
    body = _rgb(draw_overlay(make_picture(sample, perfect(sample, (6, 4)), 1.0), LANDMARKS))[60:-60]
    assert _has(body, TRUTH_COLOR)
    assert _has(body, GUESS_COLOR)
    assert not _has(body, FALSE_COLOR)


def test_points_keep_their_place_when_a_large_image_is_shrunk():
    sample = make_case(0, size=(1024, 1536))
    picture = make_picture(sample, perfect(sample), 0.0)
    assert max(picture.image.shape) == MAX_SIDE
    np.testing.assert_allclose(picture.truth / picture.image.shape[::-1], sample.landmarks / (1536, 1024), atol=1e-3)
    centers = [np.argwhere(masks[0]).mean(axis=0) / masks.shape[1:] for masks in (picture.truth_masks, sample.masks)]
    np.testing.assert_allclose(centers[0], centers[1], atol=2e-3)


def test_names_of_close_landmarks_do_not_cover_each_other(monkeypatch):
    placed = []
    monkeypatch.setattr(matplotlib.axes.Axes, "text", lambda self, x, y, name, **style: placed.append((x, y, name)))
    sample = make_case(0, size=(200, 200))
    sample.landmarks[:] = np.array([[100, 100], [106, 101], [98, 108], [199, 100]])
    draw_overlay(make_picture(sample, perfect(sample), 0.0), LANDMARKS)
    assert [name for _, _, name in placed] == list(LANDMARKS)
    point = 200 / (5.2 * 72)
    for (x1, y1, a), (x2, y2, b) in itertools.combinations(placed, 2):
        assert abs(x1 - x2) >= 0.35 * 8 * (len(a) + len(b)) * point or abs(y1 - y2) >= 1.2 * 8 * point
    assert placed[3][0] + 0.35 * 8 * 6 * point <= 200


def test_evaluation_needs_neither_networks_nor_hydra():
    heavy = "{'torch', 'pytorch_lightning', 'hydra', 'albumentations'}"
    code = f"import sys, synthex.evaluation; print(*{heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == ""
