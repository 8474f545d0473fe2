"""Alignment of features while a run trains."""

import logging
from dataclasses import dataclass

from synthex.adaptation.alignment import Alignment, AlignmentModule, PairedDataset, TwoEncoderModule, Unlabelled
from synthex.core import Augmentation
from synthex.data import LearningDataset

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What a run aligns, and with which images.

    Attributes:
        method: How.
        target: Radiographs of the target domain, without their labels.
        augment: How they are augmented.
    """

    method: Alignment
    target: Unlabelled
    augment: Augmentation

    @property
    def module(self) -> type[AlignmentModule]:
        """What trains it."""
        return TwoEncoderModule if self.method.form == "classic" else AlignmentModule

    def pair(self, train: LearningDataset) -> PairedDataset:
        """The training set with the target images beside it, preprocessed in the same way."""
        target = LearningDataset(
            self.target,
            train.size,
            self.augment,
            seed=train.seed,
            stream="target",
            normalization=train.normalization,
            input_size=train.input_size,
        )
        levels = ", ".join(f"{level} {weight:g}" for level, weight in self.method.weights.items())
        log.info("target    %d images without labels; %s form, weights: %s", len(target), self.method.form, levels)
        shape = self.target[0].image.shape
        if max(shape) < train.size:
            log.warning("target images are %d x %d pixels, enlarged to data.size=%d", *shape, train.size)
        return PairedDataset(train, target, seed=train.seed)
