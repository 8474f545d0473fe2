"""Lookup tables of grey values: the Modality LUT and the VOI LUT (DICOM PS3.3 C.11.1 and C.11.2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synthex.core import InputError
from synthex.dicom.files import AGAIN, DicomFile
from synthex.dicom.header import _value, numbers, sequence


@dataclass(frozen=True, eq=False)
class LookupTable:
    """Grey values by stored ones.

    Attributes:
        first: Stored value of the first entry; values below it take the first entry, those beyond the last one it.
        entries: 1-D.
    """

    first: int
    entries: np.ndarray

    @property
    def falling(self) -> bool:
        """Whether high values become low ones."""
        return bool(self.entries[-1] < self.entries[0])

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The entries of values of any shape."""
        index = np.rint(values).astype(np.int64) - self.first
        return np.asarray(self.entries[np.clip(index, 0, len(self.entries) - 1)])


def lookup_table(file: DicomFile, keyword: str, signed: bool, source: Any = None) -> LookupTable | None:
    """The first table of ``ModalityLUTSequence`` or ``VOILUTSequence``, or None where there is none.

    Args:
        file: The file.
        keyword: The sequence.
        signed: Whether the values that it is applied to may be negative, so that its first one is.
        source: Data set that holds the sequence; None: the file's own.

    Raises:
        InputError: The table is damaged.
    """
    items = sequence(file, keyword, source)
    if not items:
        return None
    layout = numbers(file, "LUTDescriptor", 3, items[0])
    data = _value(file, "LUTData", items[0])
    if layout is None:
        raise InputError(file.path, f"{keyword} does not say how large its table is", AGAIN)
    # Entries are counted modulo 2^16, and the first value may be read with the wrong sign (PS3.3 C.11.1.1.1).
    count, first, bits = int(layout[0]) % 2**16 or 2**16, int(layout[1]), int(layout[2])
    first = (first + 2**15) % 2**16 - 2**15 if signed else first % 2**16
    try:
        if isinstance(data, bytes):
            little = bool(file.header.original_encoding[1])
            narrow = bits <= 8 and len(data) - count in (0, 1)
            entries = np.frombuffer(data, np.uint8 if narrow else ("<u2" if little else ">u2"))[:count].astype(np.int64)
        else:
            entries = np.atleast_1d(np.asarray(data, dtype=np.int64))
    except (TypeError, ValueError):
        entries = np.empty(0, np.int64)
    if entries.shape != (count,) or entries.min() < 0 or not 1 <= bits <= 16 or entries.max() >= 2**bits:
        raise InputError(file.path, f"{keyword} holds another table than it announces", AGAIN)
    return LookupTable(first, entries)
