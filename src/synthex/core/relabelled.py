"""A reader whose channels are put into the order of other names; what it does not have is not annotated."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synthex.core.protocols import Reader
from synthex.core.sample import Sample


class Relabelled:
    """The cases of a :class:`synthex.core.Reader` with the channels of a task, of which it may know any part.

    Args:
        reader: Where they come from.
        structures: Names of the masks. Those that the reader lacks are empty and not annotated.
        landmarks: Names of the points, likewise.
    """

    def __init__(self, reader: Reader, structures: Sequence[str], landmarks: Sequence[str]) -> None:
        self.reader = reader
        self.structures, self.landmarks = tuple(structures), tuple(landmarks)

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in the reader's order."""
        return self.reader.case_ids()

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, index: int) -> Sample:
        return self.adapt(self.reader[index])

    def adapt(self, sample: Sample) -> Sample:
        """A sample of the reader in these channels."""
        masks, known = np.zeros((len(self.structures), *sample.image.shape), dtype=bool), self.known
        channels = [self.reader.structures.index(name) for name in self.structures if name in self.reader.structures]
        masks[known] = sample.masks[channels]
        masks_annotated = known.copy()
        masks_annotated[known] = sample.masks_annotated[channels]
        here = np.array([name in self.reader.landmarks for name in self.landmarks], dtype=bool)
        rows = [self.reader.landmarks.index(name) for name in self.landmarks if name in self.reader.landmarks]
        points = np.full((len(self.landmarks), 2), np.nan)
        visible, annotated = np.zeros_like(here), np.zeros_like(here)
        points[here], visible[here], annotated[here] = (
            values[rows] for values in (sample.landmarks, sample.visible, sample.annotated)
        )
        return replace(
            sample,
            masks=masks,
            landmarks=points,
            visible=visible,
            annotated=annotated,
            masks_annotated=masks_annotated,
        )

    @property
    def known(self) -> np.ndarray:
        """S flags: structures that the reader has."""
        return np.array([name in self.reader.structures for name in self.structures], dtype=bool)
