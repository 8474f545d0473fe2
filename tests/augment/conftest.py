"""A small labelled radiograph-like sample."""

from collections.abc import Callable

import numpy as np
import pytest

from synthex.core import Sample, derive_rng


def make_sample(height: int = 64, width: int = 80, domain: str = "log", pixel_mm: float = 1.55) -> Sample:
    rng = derive_rng(7, "augment-sample")
    rows, columns = np.mgrid[:height, :width]
    image = 3 + np.sin(columns / 7) + np.cos(rows / 9) + 0.05 * rng.standard_normal((height, width))
    masks = np.stack([np.hypot(columns - 12 * index - 10, rows - 30) < 9 for index in range(6)])
    landmarks = rng.uniform(0, 1, (14, 2)) * (width, height)
    landmarks[3] = np.nan
    visible = np.isfinite(landmarks).all(axis=1)
    annotated = np.arange(14) != 5
    return Sample(
        "case", "subject", image.astype(np.float32), domain, masks, landmarks, visible, annotated, pixel_mm, 1.4
    )


@pytest.fixture
def sample() -> Sample:
    return make_sample()


@pytest.fixture
def sample_of() -> Callable[..., Sample]:
    return make_sample


@pytest.fixture
def same() -> Callable[[Sample, Sample], bool]:
    def compare(one: Sample, other: Sample) -> bool:
        arrays = ("image", "masks", "landmarks", "visible", "annotated")
        return all(
            getattr(one, name).dtype == getattr(other, name).dtype
            and getattr(one, name).tobytes() == getattr(other, name).tobytes()
            for name in arrays
        )

    return compare
