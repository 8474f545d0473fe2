"""What SimpleITK hides about a NIfTI file: missing spacing or orientation, shear, truncation.

ITK replaces a missing or zero spacing by 1 mm and a missing orientation by a guess; a mirrored or
shrunken patient would then be trained on without a word. So the few header fields at stake are read
here, by the format's own definition (NIfTI-1 and -2: nifti.nimh.nih.gov).
"""

import gzip
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import InputError
from synthex.core.arrays import Matrix4
from synthex.core.limits import check_volume, file_size

TRUNCATED = "copy or export it again"
BLOCK = 2**24
"""Bytes read at a time; a multiple of every voxel size."""

_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units, low three bits: unknown, metre, mm, micron


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """The fields of a NIfTI header that we check.

    Attributes:
        shape: Extents, 1 to 7 of them.
        matrix: 4 x 4 RAS mm from voxel indices: the sform where its code is set, else the qform
            (the choice of nibabel, and so of TotalSegmentator's files).
        bits: Size of a voxel.
        offset: Byte at which the voxels start.
        data_bytes: Size the uncompressed file must have at least.
        float_type: Type of the stored voxels where they are floating point, else None.
    """

    shape: tuple[int, ...]
    matrix: Matrix4
    bits: int
    offset: int
    data_bytes: int
    float_type: np.dtype | None


def open_maybe_gzip(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """Open for reading bytes, decompressed where the content (not the suffix) is gzip."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")


def read_nifti_header(path: Path) -> NiftiHeader:
    """Parse and check the header of ``.nii`` or ``.nii.gz``.

    Raises:
        InputError: Not a NIfTI file, no spacing, no orientation, or fewer bytes than the header promises.
    """
    stored = file_size(path)
    try:
        with open_maybe_gzip(path) as file:
            head = file.read(544)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(path, "the file is truncated or damaged", TRUNCATED) from error
    if len(head) < 348:
        raise InputError(path, "too short for a NIfTI file", TRUNCATED)
    for order in "<>":
        size = struct.unpack_from(f"{order}i", head)[0]
        if size == 348 and head[344:347] in (b"n+1", b"ni1"):
            fields = _nifti1(order, head)
            break
        if size == 540 and len(head) >= 540 and head[4:7] in (b"n+2", b"ni2"):
            fields = _nifti2(order, head)
            break
    else:
        raise InputError(path, "not a NIfTI file although its name says so", "check where the file comes from")
    dim, pixdim, (datatype, bits), offset, codes, quatern, srow, units = fields
    # NaN is how nibabel says that values are as they are stored; 0 is the standard's word for it.
    slope, intercept = struct.unpack_from(*((f"{order}2f", head, 112) if size == 348 else (f"{order}2d", head, 176)))
    if slope < 0 or math.isinf(slope) or math.isinf(intercept):
        problem = f"its values are to be rescaled by {slope:g} and {intercept:g}, which turns them over or loses them"
        raise InputError(path, problem, "export it again")
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
        raise InputError(path, f"empty image: its extents are {list(dim[1 : max(dim[0], 0) + 1])}", TRUNCATED)
    shape = tuple(int(n) for n in dim[1 : dim[0] + 1])
    if len(shape) >= 3 and not all(np.isfinite(step) and step > 0 for step in pixdim[1:4]):
        seen = " x ".join(f"{step:g}" for step in pixdim[1:4])
        raise InputError(path, f"wrong or missing spacing: {seen} mm", "correct the header or export the image again")
    if codes == (0, 0):
        raise InputError(
            path,
            "no orientation: sform and qform are both unset, so left and right are unknown",
            "convert it again from DICOM",
        )
    matrix = np.eye(4)
    matrix[:3] = np.reshape(srow, (3, 4)) if codes[1] > 0 else _from_quaternion(quatern, pixdim)
    matrix[:3] *= _UNITS_MM.get(units & 7, 1.0)
    if not math.isfinite(offset) or not 0 <= offset <= BLOCK or not 1 <= bits <= 256:
        raise InputError(path, f"damaged header: {bits} bits a voxel from byte {offset:g} on", TRUNCATED)
    check_volume(path, shape, bits / 8, stored)
    expected = int(offset) + math.prod(shape) * bits // 8
    _check_size(path, expected)
    float_type = {16: np.dtype(f"{order}f4"), 64: np.dtype(f"{order}f8")}.get(datatype)
    return NiftiHeader(shape, matrix, bits, int(offset), expected, float_type)


def verify_nifti_voxels(path: Path, header: NiftiHeader) -> None:
    """Read the voxels once before ITK does, for what its NIfTI library passes over without a word.

    It turns NaN and infinity into 0, which is soft tissue in HU, and goes on after a damaged stretch of a
    gzip file, whose checksum it does not compare.

    Raises:
        InputError: As said, or the file ends early.
    """
    packed = is_gzip(path)
    if header.float_type is None and not packed:
        return
    bad, left = 0, header.data_bytes - header.offset
    try:
        with open_maybe_gzip(path) as file:
            file.seek(header.offset)
            while block := file.read(BLOCK):
                if header.float_type is not None and left > 0:
                    whole = min(len(block), left) // header.float_type.itemsize
                    values = np.frombuffer(block, dtype=header.float_type, count=whole)
                    bad += values.size - int(np.count_nonzero(np.isfinite(values)))
                left -= len(block)
                if packed and left < -BLOCK:
                    raise InputError(path, "holds more voxels than its header says", TRUNCATED)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(path, "the file is truncated or damaged", TRUNCATED) from error
    if bad:
        raise InputError(path, f"{bad} voxels are NaN or infinite", "fill them with -1024 (air)")


def is_gzip(path: Path) -> bool:
    """Whether the content is gzip, whatever the name says."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _nifti1(order: str, head: bytes) -> tuple:
    dim = struct.unpack_from(f"{order}8h", head, 40)
    kind = struct.unpack_from(f"{order}2h", head, 70)
    pixdim = struct.unpack_from(f"{order}8f", head, 76)
    offset = struct.unpack_from(f"{order}f", head, 108)[0]
    qcode, scode = struct.unpack_from(f"{order}2h", head, 252)
    quatern = struct.unpack_from(f"{order}6f", head, 256)
    srow = struct.unpack_from(f"{order}12f", head, 280)
    return dim, pixdim, kind, offset, (qcode, scode), quatern, srow, head[123]


def _nifti2(order: str, head: bytes) -> tuple:
    kind = struct.unpack_from(f"{order}2h", head, 12)
    dim = struct.unpack_from(f"{order}8q", head, 16)
    pixdim = struct.unpack_from(f"{order}8d", head, 104)
    offset = struct.unpack_from(f"{order}q", head, 168)[0]
    qcode, scode = struct.unpack_from(f"{order}2i", head, 344)
    quatern = struct.unpack_from(f"{order}6d", head, 352)
    srow = struct.unpack_from(f"{order}12d", head, 400)
    units = struct.unpack_from(f"{order}i", head, 500)[0]
    return dim, pixdim, kind, offset, (qcode, scode), quatern, srow, units


def _from_quaternion(quatern: tuple[float, ...], pixdim: tuple[float, ...]) -> np.ndarray:
    """3 x 4 qform of the NIfTI standard, method 2 (nifti1.h)."""
    b, c, d = quatern[:3]
    a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    rotation = np.array(
        (
            (a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)),
            (2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)),
            (2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c),
        )
    )
    steps = np.array(pixdim[1:4], dtype=np.float64)
    steps[2] *= -1.0 if pixdim[0] < 0 else 1.0
    return np.column_stack((rotation * steps, quatern[3:6]))


def _check_size(path: Path, expected: int) -> None:
    """Compare the promised bytes with the file's.

    A gzip file stores its length, modulo 2^32, in its last four bytes (RFC 1952), so that nothing needs
    decompressing; only where they disagree is the content counted, because a file of several gzip members
    (bgzip) stores the length of the last alone.
    """
    packed = is_gzip(path)
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if packed:
            file.seek(-4, 2)
            # Extensions or padding may follow the voxels.
            short = (struct.unpack("<I", file.read(4))[0] - expected) % 2**32 > 2**24
        else:
            short = size < expected
    if short and packed:
        try:
            with gzip.open(path, "rb") as content:
                size = 0
                while size < expected and (block := content.read(BLOCK)):
                    size += len(block)
            short = size < expected
        except (EOFError, gzip.BadGzipFile, zlib.error):
            short = True
    if short:
        raise InputError(path, "the file is truncated: it ends before the last voxel", TRUNCATED)
