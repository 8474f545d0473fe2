"""A part of a reader."""

from collections.abc import Sequence

from synthex.core import Reader, Sample


class SomeCases:
    """Some cases of a :class:`synthex.core.Reader`, in the order given.

    Args:
        reader: Where they come from.
        indices: Their numbers in it.
    """

    def __init__(self, reader: Reader, indices: Sequence[int]) -> None:
        self._reader, self._indices = reader, tuple(indices)
        self.structures, self.landmarks = reader.structures, reader.landmarks

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in order."""
        known = self._reader.case_ids()
        return tuple(known[index] for index in self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._reader[self._indices[index]]
