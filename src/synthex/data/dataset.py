"""From a reader to batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from synthex.core import Augmentation, ConfigError, Reader, Vocabulary, derive_rng
from synthex.data.mirror import mirror, turned
from synthex.data.preprocess import Normalization, preprocess

Item = dict[str, Any]


class LearningDataset(Dataset[Item]):
    """A reader's samples, augmented and preprocessed; item ``i`` is a pure function of ``i``.

    Args:
        reader: Where samples come from.
        size: Pixels of the images along their longer side.
        augment: Domain randomisation, or None.
        seed: Run seed; the augmentation of item ``i`` is drawn from (seed, stream, i).
        stream: Name of the random stream, normally the split.
        normalization: See :func:`synthex.data.preprocess.preprocess`.
        input_size: Side of the network input, to which images are padded; None for ``size``.
        mirrored: Share of the samples that are mirrored before they are augmented
            (:func:`synthex.data.mirror.mirror`); the choice for item ``i`` is drawn from (seed, stream, i) too.
        quarter_turns: Share of the samples that are turned before they are augmented
            (:func:`synthex.data.mirror.turned`), by one, two or three quarters alike; drawn likewise.
        vocabulary: Names and left-right pairs of the task; needed for ``mirrored``.

    Raises:
        ConfigError: ``mirrored`` or ``quarter_turns`` is no share, or nothing says what is left and right.

    An index beyond the reader's length wraps around to an earlier sample, but its augmentation is new,
    so that later epochs over a finite reader see other draws.
    """

    def __init__(
        self,
        reader: Reader,
        size: int,
        augment: Augmentation | None = None,
        *,
        seed: int = 0,
        stream: str = "train",
        normalization: Normalization = "zscore",
        input_size: int | None = None,
        mirrored: float | int = 0.0,
        quarter_turns: float | int = 0.0,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        if not 0 <= mirrored <= 1:
            raise ConfigError(f"data.mirrored={mirrored} must lie in 0 to 1")
        if not 0 <= quarter_turns <= 1:
            raise ConfigError(f"data.quarter_turns={quarter_turns} must lie in 0 to 1")
        self.quarter_turns = quarter_turns
        if mirrored and vocabulary is None:
            raise ConfigError(f"data.mirrored={mirrored} needs the task's left-right pairs")
        self.mirrored, self.vocabulary = mirrored, vocabulary
        self.reader, self.size, self.augment = reader, size, augment
        self.seed, self.stream, self.normalization = seed, stream, normalization
        self.input_size = input_size

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, index: int) -> Item:
        sample = self.reader[index % len(self.reader)]
        if self.vocabulary is not None and self._drawn(index, "mirror").random() < self.mirrored:
            sample = mirror(sample, self.vocabulary)
        if self.quarter_turns:
            rng = self._drawn(index, "quarter turns")
            if rng.random() < self.quarter_turns:
                sample = turned(sample, int(rng.integers(1, 4)))
        if self.augment is not None:
            sample = self.augment(sample, self._drawn(index, "augment"))
        tensors, pixel_map = preprocess(sample, self.size, self.normalization, self.input_size)
        return tensors | {
            "index": index,
            "case_id": sample.case_id,
            "subject_id": sample.subject_id,
            "native": pixel_map,
        }

    def _drawn(self, index: int, what: str) -> np.random.Generator:
        return derive_rng(self.seed, self.stream, index, what)


def collate(items: Sequence[Item]) -> Item:
    """Stack tensors; names and pixel maps stay lists."""
    batch: Item = {}
    for key, first in items[0].items():
        values = [item[key] for item in items]
        if isinstance(first, torch.Tensor):
            batch[key] = torch.stack(values)
        elif isinstance(first, int):
            batch[key] = torch.tensor(values, dtype=torch.int64)
        else:
            batch[key] = values
    return batch
