"""Tiny seeded ground truth and predictions with known errors."""

from dataclasses import dataclass, replace

import numpy as np

from synthex.core import EvalProtocol, Prediction, Sample, Vocabulary, derive_rng

STRUCTURES = ("hip-l", "hip-r", "sacrum")
LANDMARKS = ("FH-l", "FH-r", "ASIS-l", "ASIS-r")
PROTOCOL = EvalProtocol(
    "toy", Vocabulary(STRUCTURES, LANDMARKS), tuple(np.linspace(0, 1, 21).tolist()), "landmark_error_mm_mean"
)


def make_case(
    index: int,
    subjects: int = 3,
    size: tuple[int, int] = (48, 60),
    protocol: EvalProtocol = PROTOCOL,
    pixel_mm: float = 0.5,
    magnification: float = 2.0,
) -> Sample:
    """Discs as structures, one point a landmark inside a margin of 12 pixels, everything visible."""
    rng = derive_rng("predictions", index)
    height, width = size
    structures, landmarks = protocol.vocabulary.structures, protocol.vocabulary.landmarks
    row, column = np.mgrid[:height, :width] + 0.5
    masks = np.zeros((len(structures), height, width), dtype=bool)
    for mask in masks:
        center, radius = rng.uniform(0.3, 0.7, 2) * size, rng.uniform(0.12, 0.25) * height
        mask[:] = np.hypot(row - center[0], column - center[1]) < radius
    points = rng.uniform(12, np.array((width, height)) - 12, (len(landmarks), 2))
    image = masks.sum(axis=0).astype(np.float32) + 0.2 * rng.standard_normal(size, dtype=np.float32)
    known = np.ones(len(landmarks), dtype=bool)
    subject = f"subject-{index % subjects}"
    return Sample(
        f"case-{index:03d}", subject, image, "log", masks, points, known, known.copy(), pixel_mm, magnification
    )


def hide(sample: Sample, index: int) -> Sample:
    """The same sample with one landmark known to be outside the image."""
    points, visible = sample.landmarks.copy(), sample.visible.copy()
    points[index], visible[index] = np.nan, False
    return replace(sample, landmarks=points, visible=visible)


def perfect(sample: Sample, shift: tuple[float, float] = (0.0, 0.0)) -> Prediction:
    """The truth as a prediction, its landmarks moved by ``shift`` pixels (column, row)."""
    points = np.where(sample.visible[:, None], sample.landmarks, np.nan) + np.array(shift)
    confidence = np.where(sample.visible, 1.0, 0.0)
    return Prediction(sample.case_id, points, confidence, sample.visible.copy(), sample.masks.copy())


def noisy(sample: Sample, spread_px: float = 3.0) -> Prediction:
    """Guesses with normal errors; the larger the error the lower the confidence; masks shifted by a pixel or two."""
    rng = derive_rng("noisy", sample.case_id)
    offset = rng.normal(0, spread_px, sample.landmarks.shape)
    points = np.where(sample.visible[:, None], sample.landmarks, np.array(sample.image.shape[::-1]) / 2) + offset
    confidence = np.exp(-np.hypot(*offset.T) / (3 * spread_px)) * np.where(sample.visible, 1.0, 0.4)
    masks = np.roll(sample.masks, tuple(rng.integers(-2, 3, 2)), axis=(1, 2))
    return Prediction(sample.case_id, points, confidence, confidence > 0.35, masks)


@dataclass(frozen=True, eq=False)
class ListReader:
    """A reader over samples in memory that counts nothing and hides nothing."""

    samples: tuple[Sample, ...]
    structures: tuple[str, ...] = STRUCTURES
    landmarks: tuple[str, ...] = LANDMARKS

    def case_ids(self) -> tuple[str, ...]:
        return tuple(sample.case_id for sample in self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]
