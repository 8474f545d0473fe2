"""Tiny seeded samples."""

import numpy as np

from synthex.core import Sample, Vocabulary

VOCABULARY = Vocabulary(structures=("disc", "bar", "nothing"), landmarks=("centre", "end", "gone", "unknown"))


def make_sample(index: int, height: int = 20, width: int = 30, domain: str = "log") -> Sample:
    """A disc over a bar, which overlap; two landmarks visible, one absent, one not annotated."""
    rng = np.random.default_rng(index)
    rows, columns = np.mgrid[:height, :width] + 0.5
    center = rng.uniform((8, 6), (width - 8, height - 6))
    disc = np.hypot(columns - center[0], rows - center[1]) < 5
    bar = np.abs(rows - center[1]) < 2
    image = (disc + 0.5 * bar + 0.1 * rng.random((height, width))).astype(np.float32)
    landmarks = np.array((center, (width - 0.25, center[1]), (np.nan, np.nan), (np.nan, np.nan)))
    return Sample(
        case_id=f"case-{index:03d}",
        subject_id=f"subject-{index % 3}",
        image=image if domain == "log" else np.exp(-image),
        domain=domain,
        masks=np.stack((disc, bar, np.zeros_like(disc))),
        landmarks=landmarks,
        visible=np.array((True, True, False, False)),
        annotated=np.array((True, True, True, False)),
        pixel_mm=0.5 + 0.01 * index,
        magnification=1.5,
        record={"index": index},
    )


class ListReader:
    """A reader over samples in memory."""

    def __init__(self, samples, vocabulary=VOCABULARY):
        self._samples = list(samples)
        self.structures, self.landmarks = vocabulary.structures, vocabulary.landmarks

    def case_ids(self):
        return tuple(sample.case_id for sample in self._samples)

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, index):
        return self._samples[index]
