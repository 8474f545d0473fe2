"""What a file may ask for: limits that are checked from its header, before memory is taken.

All of them are our choice. They lie well above what radiographs, CTs, meshes and annotations need, and low enough
that a damaged or hostile header ends in one line and not in a machine without memory.
"""

import math
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from synthex.core.errors import InputError

MAX_VOXELS = 1 << 30
"""Voxels of a volume: 1024 x 1024 x 1024. A whole body at 0.5 mm has about 512 x 512 x 4000."""
MAX_VOLUME_BYTES = 1 << 31
"""Decompressed size of a volume: MAX_VOXELS of two bytes, or half as many floats."""
MAX_PACKING = 200
"""Bytes of a large volume for one compressed byte: CTs have 2 to 4, for noise does not pack."""
SMALL_VOLUME_BYTES = 1 << 28
"""Volumes up to this size (512 x 512 x 512 of two bytes) may be packed as closely as they like: masks and phantoms."""
MAX_PIXELS = 1 << 26
"""Pixels of a picture (8192 x 8192); no radiograph has more."""
MAX_SIDE = 1 << 13
"""Rows or columns of a square of MAX_PIXELS, to which a model's settings may ask images to be resized."""
MAX_PIXEL_BYTES = 1 << 29
"""Decompressed size of one picture: MAX_PIXELS of four colours of two bytes."""
MAX_CASES = 1 << 22
"""Images of one archive or export."""
MAX_FRAMES = 4096
"""Frames, pages or pictures in one file (a cine run has some hundreds)."""
MAX_SLICES = 10_000
"""Files of one CT series."""
MAX_POINTS = 10_000
"""Landmarks, or control points of curves, in one file."""
MAX_VERTICES = MAX_FACES = 1 << 22
"""Vertices and triangles of one mesh (4 million; a scanned femur at 0.3 mm has about 1 million)."""
MAX_MESH_BYTES = 1 << 28
"""Size of one mesh file: MAX_FACES triangles of binary STL, with room for text."""
MAX_HEADER_BYTES = 1 << 18
"""Size of a text header (NRRD, MetaImage); 3D Slicer writes some kB for each segment."""
MAX_NRRD_FIELD = 512
"""Characters of one field of an NRRD header; ITK's reader dies of some that are longer than 1000."""
MAX_TEXT_BYTES = 1 << 28
"""Size of a table or JSON document (256 MiB: annotations of some hundred thousand images)."""
MAX_LANDMARK_BYTES = 1 << 24
"""Size of a file of landmarks (16 MiB)."""
MAX_YAML_BYTES = 1 << 19
"""Size of a YAML document (512 KiB), which is written by hand or is a run's config."""
MAX_DEPTH = 64
"""Nesting of JSON and YAML; ours is at most about 12 deep."""
MAX_ALIASES = 256
"""Uses of anchors in one YAML document."""
MAX_ARCHIVE_BYTES = 1 << 36
"""Decompressed size of all members of one archive of arrays together (64 GiB; only one is held at a time)."""
MAX_NPY_HEADER = 1 << 16
"""Bytes of an array's header."""
MAX_MEMBERS = 1 << 20
"""Members of one archive."""

_BLOCK = 1 << 20


def file_size(path: str | Path, limit: int | None = None, remedy: str = "check where the file comes from") -> int:
    """Bytes of a regular file. Pipes and devices, which may never end, are refused before they are opened.

    Args:
        path: The file.
        limit: Bytes that it may have; None for any number.
        remedy: What to do where it is larger or no file.

    Raises:
        InputError: It is missing, may not be looked at, no regular file, or too large.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError as error:
        raise InputError(path, "there is no such file", remedy) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(path, f"cannot be read ({reason})", remedy) from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(path, "is a folder" if stat.S_ISDIR(status.st_mode) else "is no regular file", remedy)
    if limit is not None and status.st_size > limit:
        raise InputError(path, f"is too large ({shown(status.st_size)}; at most {shown(limit)} are read)", remedy)
    return status.st_size


def read_bytes(path: str | Path, limit: int, remedy: str = "check where the file comes from") -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes.

    Raises:
        InputError: As :func:`file_size`, or it cannot be read.
    """
    file_size(path, limit, remedy)
    try:
        with Path(path).open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or type(error).__name__})", remedy) from error
    if len(content) > limit:
        raise InputError(path, f"grew beyond {shown(limit)} while it was read", remedy)
    return content


def check_volume(path: str | Path, shape: Sequence[int], voxel_bytes: float, stored: int) -> None:
    """Compare the size that a volume's header says with what we read at most.

    Args:
        path: The file.
        shape: Extents; values for each voxel may be one of them.
        voxel_bytes: Size of one voxel. Those of one byte are masks, which pack as closely as they like.
        stored: Bytes of the voxels in the file.

    Raises:
        InputError: Too many voxels or bytes, or so many for each byte of the file that nothing can be in them.
    """
    voxels, extents = math.prod(shape), " x ".join(map(str, shape))
    data_bytes = math.ceil(voxels * voxel_bytes)
    if voxels > MAX_VOXELS or data_bytes > MAX_VOLUME_BYTES:
        problem = (
            f"{extents} voxels of {shown(data_bytes)} (at most {MAX_VOXELS} of {shown(MAX_VOLUME_BYTES)} are read)"
        )
        raise InputError(path, problem, "resample or crop it, or export it again if its header is damaged")
    if voxel_bytes > 1 and data_bytes > max(SMALL_VOLUME_BYTES, MAX_PACKING * stored):
        problem = f"{extents} voxels of {shown(data_bytes)} in a file of {shown(stored)}: nothing can be in them"
        remedy = "crop it, save labels with 8 bits, or export it again if its header is damaged"
        raise InputError(path, problem, remedy)


def inflate(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Decompress ``data`` in blocks of at most 1 MiB: one small block of zeros would else become a thousand times it.

    Raises:
        zlib.error: The stream is damaged.
    """
    while data and not stream.eof:
        block = stream.decompress(data, _BLOCK)
        data = stream.unconsumed_tail
        if block:
            yield block


def check_archive(
    path: str | Path, archive: zipfile.ZipFile, limit: int = MAX_ARCHIVE_BYTES, remedy: str = "make the file again"
) -> None:
    """Compare what a zip's directory promises with what we read at most.

    Raises:
        InputError: Too many members, or too large decompressed, or one name twice.
    """
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or total > limit:
        problem = f"{len(members)} members of {shown(total)}; at most {shown(limit)} are read"
        raise InputError(path, problem, remedy)
    if len({member.filename for member in members}) != len(members):
        raise InputError(path, "names a member twice", remedy)


def check_weights_archive(path: str | Path, remedy: str) -> None:
    """Refuse a zip of ``torch.save`` that is larger decompressed than it is: PyTorch never compresses.

    Raises:
        InputError: Its directory promises more than is in the file, or names a member twice.
        OSError, zipfile.BadZipFile, ValueError: It is no zip.
    """
    size = file_size(path, remedy=remedy)
    with zipfile.ZipFile(path) as archive:
        check_archive(path, archive, size, remedy)
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise InputError(path, "is compressed, which checkpoints are not", remedy)


def read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One member of a zip, its checksum compared.

    It is read in blocks, for :meth:`zipfile.ZipFile.read` decompresses up to 2 GiB before it looks at the size that
    the directory gives.

    Raises:
        ValueError: It is larger than ``limit``.
        zipfile.BadZipFile, zlib.error, KeyError, OSError, RuntimeError: As zipfile raises them.
    """
    size = archive.getinfo(name).file_size
    if size > limit:
        raise ValueError(f"{shown(size)} where at most {shown(limit)} are expected")
    with archive.open(name) as stream:
        return b"".join(iter(lambda: stream.read(_BLOCK), b""))


def shown(size: float | int) -> str:
    """A number of bytes for people: ``3.2 GiB``."""
    power = min(max(int(size).bit_length() - 1, 0) // 10, 4)
    return f"{size / 1024**power:.{1 if power else 0}f} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
