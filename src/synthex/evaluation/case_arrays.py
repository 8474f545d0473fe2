"""``.npz`` files with one uint8 array a case, named by its case id: written as they stream in, read one at a time."""

import contextlib
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synthex.core import InputError, atomic_path

REWRITE = "write it again with synthex predict"
_DAMAGED = (KeyError, ValueError, EOFError, OSError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What reading a damaged member raises; RuntimeError also where it is encrypted or of an unknown method."""


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
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(path, "not found", "copy it beside predictions.json") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", "check permissions") from error
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(path, "is truncated or belongs to another predictions.json (checksum differs)", REWRITE)
    try:
        # The compressed file is small; held in memory, no handle leaks and nobody can change it under us.
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
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
        found = np.load(io.BytesIO(archive.read(f"{case_id}.npy")), allow_pickle=False)
    except _DAMAGED as error:
        raise InputError(path, f"{what} of case {case_id} cannot be read ({one_line(error)})", REWRITE) from error
    if found.dtype != np.uint8 or found.shape != shape:
        problem = f"{what} of case {case_id} are {found.dtype} {found.shape}, expected uint8 {shape}"
        raise InputError(path, problem, remedy)
    return np.asarray(found)


def one_line(error: Exception) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
