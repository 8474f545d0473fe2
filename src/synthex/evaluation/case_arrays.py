"""``.npz`` files with one uint8 array a case, named by its case id: written as they stream in, read one at a time."""

import contextlib
import hashlib
import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synthex.core import InputError, atomic_path
from synthex.core.documents import DAMAGED_ARCHIVE, parse_array
from synthex.core.limits import MAX_NPY_HEADER, MAX_VOLUME_BYTES, check_archive, read_bytes, read_member

REWRITE = "write it again with synthex predict"


class CaseArrayWriter:
    """Takes arrays while :func:`case_array_writer` is open.

    Attributes:
        digest: SHA-256 of the finished file; None before.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.digest: str | None = None

    def add(self, case_id: str, array: UInt8[np.ndarray, "..."]) -> None:
        """Write the array of one case."""
        buffer = io.BytesIO()
        np.save(buffer, array)
        # A fixed date keeps equal predictions equal, byte for byte.
        member = zipfile.ZipInfo(f"{case_id}.npy", (1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        self._archive.writestr(member, buffer.getvalue())


@contextlib.contextmanager
def case_array_writer(path: Path) -> Iterator[CaseArrayWriter]:
    """Write ``path`` atomically.

    Raises:
        InputError: It cannot be written.
    """
    with atomic_path(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
            writer = CaseArrayWriter(archive)
            yield writer
        writer.digest = hashlib.sha256(temporary.read_bytes()).hexdigest()


def open_case_arrays(path: Path, digest: str | None, case_ids: Sequence[str], what: str) -> zipfile.ZipFile:
    """Open a file of arrays, which must have all cases.

    Args:
        path: Lies beside ``predictions.json``.
        digest: SHA-256 that the file must have; None skips the check.
        case_ids: Cases that must be there.
        what: Name of the arrays, for errors.

    Raises:
        InputError: It is missing, damaged or of another set.
    """
    content = read_bytes(path, MAX_VOLUME_BYTES, "copy it beside predictions.json")
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(path, "is truncated or belongs to another predictions.json (checksum differs)", REWRITE)
    try:
        # The compressed file is small; held in memory, no handle leaks and nobody can change it under us.
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = set(archive.namelist())
        check_archive(path, archive, remedy=REWRITE)
    except DAMAGED_ARCHIVE as error:
        raise InputError(path, f"is not a complete npz file ({one_line(error)})", REWRITE) from error
    missing = [case_id for case_id in case_ids if f"{case_id}.npy" not in members]
    if missing:
        raise InputError(path, f"has no {what} for {len(missing)} cases, the first is {missing[0]}", REWRITE)
    return archive


def read_case_array(
    archive: zipfile.ZipFile, path: Path, case_id: str, shape: tuple[int, ...], what: str, remedy: str
) -> UInt8[np.ndarray, "..."]:
    """The array of one case.

    Raises:
        InputError: It is damaged, or not a uint8 array of ``shape``.
    """
    try:
        found = parse_array(read_member(archive, f"{case_id}.npy", math.prod(shape) + MAX_NPY_HEADER))
    except DAMAGED_ARCHIVE as error:
        raise InputError(path, f"{what} of case {case_id} cannot be read ({one_line(error)})", REWRITE) from error
    if found.dtype != np.uint8 or found.shape != shape:
        problem = f"{what} of case {case_id} are {found.dtype} {found.shape}, expected uint8 {shape}"
        raise InputError(path, problem, remedy)
    return np.asarray(found)


def one_line(error: Exception) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
