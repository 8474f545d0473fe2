"""Unlabelled images of the target domain beside the samples of training."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from synthex.core import ConfigError, Reader, Sample, derive_rng
from synthex.data import LearningDataset

TARGET_IMAGE = "target_image"


class Unlabelled:
    """A reader's images alone: what it says about them goes no further.

    Args:
        reader: Radiographs of any task.

    Raises:
        ConfigError: There are none.
    """

    structures: tuple[str, ...] = ()
    landmarks: tuple[str, ...] = ()

    def __init__(self, reader: Reader) -> None:
        if len(reader) == 0:
            raise ConfigError("there is no target image to align with; give a folder or a fold that has some")
        self._reader = reader

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in order."""
        return self._reader.case_ids()

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, index: int) -> Sample:
        sample = self._reader[index]
        nothing = np.zeros(0, dtype=bool)
        masks, landmarks = np.zeros((0, *sample.image.shape), dtype=bool), np.zeros((0, 2))
        return replace(
            sample,
            masks=masks,
            landmarks=landmarks,
            visible=nothing,
            annotated=nothing,
            masks_annotated=nothing,
            record={},
        )


class PairedDataset(Dataset[dict[str, Any]]):
    """A training set whose items carry an image of the target domain under ``target_image``.

    Which one is a pure function of the item's index, as everything else about it: a seeded permutation of the target
    images after the other, as many as there are items. So the target's order is as exactly resumable as the source's,
    for any number of workers and processes, and no target image is seen more often than another.

    Args:
        source: What is learned from, with labels.
        target: The other domain; only its images are used. Its length is the number of its images.
        seed: Of the order of the target images.
    """

    def __init__(self, source: LearningDataset, target: LearningDataset, seed: int = 0) -> None:
        self.source, self.target, self.seed = source, target, seed
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.source[index] | {TARGET_IMAGE: self.target[self.target_index(index)]["image"]}

    def target_index(self, index: int) -> int:
        """Index of the target item beside item ``index``: beyond its length in later rounds, for new augmentation."""
        turn, place = divmod(index, len(self.target))
        if self._order is None or self._order[0] != turn:
            self._order = (turn, derive_rng(self.seed, "target order", turn).permutation(len(self.target)))
        return turn * len(self.target) + int(self._order[1][place])
