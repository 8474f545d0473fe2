"""Simulating what real cameras saw: each image of the body of a real one, through its camera."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from synthex.core import Anatomy, AnatomySource, Camera, ConfigError


@runtime_checkable
class Replayable(Protocol):
    """Real radiographs whose cameras and bodies are known."""

    def cameras(self) -> tuple[Camera, ...]:
        """Of every case, in RAS mm of its subject's CT."""
        ...

    def subjects(self) -> tuple[str, ...]:
        """The subject of every case."""
        ...

    def anatomies(self) -> AnatomySource:
        """CTs of the subjects."""
        ...


class InOrder:
    """Subjects in a fixed order (an :class:`~synthex.core.AnatomySource`): sample i is of the i-th, over and over.

    Args:
        source: Where they come from.
        order: A subject for each sample.

    Raises:
        ConfigError: There is none.
    """

    def __init__(self, source: AnatomySource, order: Sequence[str]) -> None:
        if not order:
            raise ConfigError("there is no case to replay; give another fold or split")
        self.source, self.order = source, tuple(order)

    def subject_ids(self) -> tuple[str, ...]:
        """Those that there is a sample of."""
        return tuple(dict.fromkeys(self.order))

    def load(self, subject_id: str) -> Anatomy:
        """One of them."""
        return self.source.load(subject_id)

    def fingerprint(self, subject_id: str) -> str:
        """The source's own."""
        return self.source.fingerprint(subject_id)

    def choose(self, index: int, seed: int) -> str:
        """The subject of sample ``index``, whatever the seed."""
        return self.order[index % len(self.order)]
