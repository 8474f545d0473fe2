"""Predictors that know something of a radiograph without looking at it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError, InputError, Prediction, Sample, atomic_path
from synthex.core.arrays import Flags, Landmarks2, MaskStack
from synthex.core.documents import read_arrays

DEFAULT_GRID = 192


@dataclass(frozen=True, eq=False)
class TrivialPredictor:
    """Mean landmark positions and mean masks of the training samples, whatever the image shows.

    A model that cannot beat it has learnt nothing from pixels. A landmark is called present where it is
    visible in at least half of the annotated training samples, and its confidence is that share. Masks
    are the mean annotated masks cut where the expected Dice on the training samples is largest (F-measure
    maximisation, Dembczynski et al., NIPS 2011, with the ratio of expectations), which gives the baseline
    its best chance.

    Attributes:
        positions: L x 2, (column, row) as fractions of image width and height; NaN if never visible.
        visible_share: L shares in [0, 1].
        masks: S x G x G bool on a grid that covers the whole image.
        samples: How many training samples it is made of.
    """

    positions: Landmarks2
    visible_share: Float[np.ndarray, "L"]
    masks: MaskStack
    samples: int = 0

    @classmethod
    def fit(cls, samples: Iterable[Sample], grid: int = DEFAULT_GRID) -> "TrivialPredictor":
        """Average the ground truth of ``samples``; their images are not looked at.

        Args:
            samples: Training samples, all with the same channels; sizes may differ.
            grid: Rows and columns on which masks are averaged.

        Raises:
            ConfigError: There is no sample.
        """
        total = 0
        for sample in samples:
            if total == 0:
                count = len(sample.landmarks)
                sums, seen, known = np.zeros((count, 2)), np.zeros(count), np.zeros(count)
                masks, outlined = np.zeros((len(sample.masks), grid, grid)), np.zeros(len(sample.masks))
            height, width = sample.image.shape
            counted = sample.visible & sample.annotated
            sums[counted] += sample.landmarks[counted] / (width, height)
            seen += counted
            known += sample.annotated
            masks += resample_masks(sample.masks, grid, grid) & sample.masks_annotated[:, None, None]
            outlined += sample.masks_annotated
            total += 1
        if total == 0:
            raise ConfigError("the trivial predictor needs at least one training sample, got none")
        positions = np.where(seen[:, None] > 0, sums / np.maximum(seen, 1)[:, None], np.nan)
        means = masks / np.maximum(outlined, 1)[:, None, None]
        best = np.stack([_best_cut(mean) for mean in means]) if len(masks) else masks.astype(bool)
        return cls(positions, seen / np.maximum(known, 1), best, total)

    def predict(self, sample: Sample) -> Prediction:
        """The same answer for every image, scaled to its size."""
        height, width = sample.image.shape
        return self.answer(sample.case_id, height, width)

    def answer(self, case_id: str, height: int, width: int) -> Prediction:
        """The answer for an image of ``height`` rows and ``width`` columns, which need not exist."""
        points = self.positions * (width, height)
        present: Flags = np.isfinite(points[:, 0]) & (self.visible_share >= 0.5)
        masks = resample_masks(self.masks, height, width)
        return Prediction(case_id, points, self.visible_share.copy(), present, masks)

    def save(self, path: str | Path) -> None:
        """Write it to an ``.npz`` file, so that later predictions do without the training data."""
        with atomic_path(path) as temporary:
            np.savez_compressed(
                temporary,
                positions=self.positions,
                visible_share=self.visible_share,
                masks=self.masks,
                samples=np.array(self.samples),
            )

    @classmethod
    def load(cls, path: str | Path) -> "TrivialPredictor":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: The file is damaged.
        """
        remedy = "delete it; `synthex train` makes it anew"
        stored = read_arrays(path, remedy)
        try:
            return cls(stored["positions"], stored["visible_share"], stored["masks"], int(stored["samples"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(path, "is not a saved baseline", remedy) from error


@dataclass(frozen=True)
class FieldPredictor:
    """Answers with the whole true region in which a structure can lie: the lung field for a lesion.

    It knows where to look, which a model has to find out, and sees nothing there. A model that cannot beat it has
    found the region at best. Other structures and all landmarks are empty.

    Attributes:
        structures: Mask channels of the samples, in order.
        answers: (structure, region) pairs of them.

    Raises:
        ConfigError: A pair names what is not a channel.
    """

    structures: Sequence[str]
    answers: Sequence[tuple[str, str]]

    def __post_init__(self) -> None:
        for name in (name for pair in self.answers for name in pair):
            if name not in self.structures:
                raise ConfigError(f"there is no structure {name}; there are {', '.join(self.structures) or 'none'}")

    def predict(self, sample: Sample) -> Prediction:
        """The true regions of ``sample``."""
        masks = np.zeros_like(sample.masks)
        for structure, region in self.answers:
            masks[self.structures.index(structure)] = sample.masks[self.structures.index(region)]
        count = len(sample.landmarks)
        return Prediction(
            sample.case_id, np.full((count, 2), np.nan), np.zeros(count), np.zeros(count, dtype=bool), masks
        )

    def judged(self, sample: Sample) -> Sample:
        """``sample`` with what the answer can be held against: structures whose region is annotated too."""
        known = np.zeros(len(sample.masks), dtype=bool)
        for structure, region in self.answers:
            at, inside = self.structures.index(structure), self.structures.index(region)
            known[at] = sample.masks_annotated[at] & sample.masks_annotated[inside]
        return replace(sample, masks_annotated=known)


def resample_masks(masks: MaskStack, height: int, width: int) -> np.ndarray:
    """Nearest-neighbour resampling of S x H x W masks to S x ``height`` x ``width``, pixel areas aligned."""
    if masks.shape[1:] == (height, width):
        return masks.copy()
    rows = ((np.arange(height) + 0.5) * masks.shape[1] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * masks.shape[2] / width).astype(np.int64)
    return masks[:, rows[:, None], columns[None, :]]


def _best_cut(mean: np.ndarray) -> np.ndarray:
    """The level set of a mean mask with the largest expected Dice."""
    ordered = np.sort(mean, axis=None)[::-1]
    total = ordered.sum()
    if total == 0:
        return np.zeros(mean.shape, dtype=bool)
    expected = 2 * np.cumsum(ordered) / (np.arange(1, ordered.size + 1) + total)
    return mean >= ordered[int(np.argmax(expected))]
