"""Pixels as they are stored: bits, sign and padding settled, before any rescale, table or display."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthex.core import InputError
from synthex.core.limits import MAX_FRAMES, MAX_PIXELS
from synthex.core.quiet import quiet_stderr
from synthex.dicom.files import AGAIN, DAMAGED, DicomFile, quiet
from synthex.dicom.header import integer, numbers, word

_LENGTH = "has more or fewer pixels than its header says"
_ENCODED = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")
"""Syntaxes of compressed pixels: JPEG of all kinds, and run lengths (PS3.5 10)."""


@dataclass(frozen=True)
class Layout:
    """How pixels are stored (DICOM PS3.3 C.7.6.3).

    Attributes:
        frames: Of the file.
        rows: Of a frame.
        columns: Of a frame.
        samples: Values of a pixel: 1, or 3 for colours.
        allocated: Bits of a sample's container: 8, 16 or 32.
        stored: Bits of it that count.
        high: The highest of them, from 0.
        signed: Whether they are a number in two's complement.
        photometric: ``MONOCHROME1`` or ``MONOCHROME2`` for grey pictures, else another word.
        padding: Lowest and highest value of pixels that are none, or None.
    """

    frames: int
    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    photometric: str
    padding: tuple[int, int] | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.samples * self.allocated // 8


@dataclass(frozen=True, eq=False)
class StoredFrame:
    """One frame.

    Attributes:
        values: Rows x columns (x 3 in colour pictures) of int32 or int64, as stored.
        padded: Rows x columns, where there is no pixel; None where the file knows no padding.
    """

    values: np.ndarray
    padded: np.ndarray | None


def pixel_layout(file: DicomFile, max_frames: int = MAX_FRAMES) -> Layout:
    """The layout, once it is known to be possible and to agree with the bytes that are there.

    Args:
        file: The file.
        max_frames: Frames that it may have.

    Raises:
        InputError: A value is missing or impossible, there are too many pixels, or more or fewer than stored.
    """
    if file.floats:
        raise InputError(file.path, "holds floating-point pixels (a parametric map)", "give whole numbers")
    wanted = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
    found = [integer(file, name) for name in wanted]
    missing = [name for name, value in zip(wanted, found, strict=True) if value is None]
    if missing or file.pixels is None:
        what = f"{', '.join(missing)} missing" if missing else "no pixels"
        raise InputError(file.path, f"{DAMAGED}: {what}", AGAIN)
    rows, columns, allocated, stored, signed = (int(value or 0) for value in found)
    samples = _or(integer(file, "SamplesPerPixel"), 1)
    high = _or(integer(file, "HighBit"), stored - 1)
    frames = _or(integer(file, "NumberOfFrames"), 1)
    if min(rows, columns, frames) < 1 or rows * columns > MAX_PIXELS or frames > max_frames:
        size = f"{frames} frames of {rows} x {columns} pixels"
        raise InputError(file.path, f"has no plausible number of pixels ({size})", AGAIN)
    if samples not in (1, 3) or allocated not in (8, 16, 32) or signed not in (0, 1):
        problem = f"{samples} samples of {allocated} bits, sign {signed}: no pixels of a CT or radiograph"
        raise InputError(file.path, problem, "save grey values of 8, 16 or 32 bits")
    if not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        problem = f"impossible bits: {stored} stored of {allocated}, the highest is bit {high}"
        raise InputError(file.path, problem, AGAIN)
    layout = Layout(
        frames, rows, columns, samples, allocated, stored, high, bool(signed), word(file, "PhotometricInterpretation"),
        _padding(file, allocated, bool(signed)),
    )  # fmt: skip
    _check_length(file, layout)
    return layout


def stored_frames(file: DicomFile, layout: Layout, first: int = 0) -> Iterator[StoredFrame]:
    """The frames in the file's order, one at a time.

    Args:
        file: The file.
        layout: Of :func:`pixel_layout`.
        first: Frame to begin with; uncompressed ones before it are not read.

    Raises:
        InputError: The pixels are damaged, or compressed in a way that nothing here can read.
    """
    assert file.pixels is not None  # known to pixel_layout
    plain = file.pixels.length is not None and layout.samples == 1
    low = layout.high + 1 - layout.stored if plain else 0  # decoders of compressed pixels have shifted them already
    for number, raw in enumerate(_native(file, layout, first) if plain else _decoded(file, layout)):
        if plain or number >= first:
            yield _settled(raw, layout, low)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _padding(file: DicomFile, allocated: int, signed: bool) -> tuple[int, int] | None:
    """Padding value and its range limit (PS3.3 C.7.5.1.1.2), whose sign may be declared otherwise than the pixels'."""
    ends = [numbers(file, name, 1) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    values = [int(end[0]) for end in ends if end is not None]
    if ends[0] is None:
        return None
    half = 2 ** (allocated - 1) if signed else 0
    turned = [(value + half) % 2**allocated - half for value in values]
    return min(turned), max(turned)


def _check_length(file: DicomFile, layout: Layout) -> None:
    """Compare what the header promises with the bytes that follow it, before memory is taken."""
    assert file.pixels is not None
    encoded = file.syntax.startswith(_ENCODED)
    if (file.pixels.length is None) != encoded:
        raise InputError(file.path, "is not compressed as its transfer syntax says", AGAIN)
    if encoded:
        return
    expected = layout.frame_bytes * layout.frames
    if layout.photometric == "YBR_FULL_422":
        expected = expected * 2 // 3
    with file.content() as content:
        there = content.seek(0, 2) - file.pixels.start
    # An odd number of bytes is filled up to even (PS3.5 7.1.1), which some writers forget.
    if file.pixels.length not in (expected, expected + expected % 2) or there < expected:
        raise InputError(file.path, _LENGTH, AGAIN)


def _native(file: DicomFile, layout: Layout, first: int) -> Iterator[np.ndarray]:
    element = file.pixels
    assert element is not None
    kind = np.dtype(f"u{layout.allocated // 8}").newbyteorder("<" if element.little_endian else ">")
    swapped = layout.allocated == 8 and element.words and not element.little_endian
    with file.content() as content:
        for number in range(first, layout.frames):
            start = number * layout.frame_bytes
            odd = start % 2 if swapped else 0
            size = layout.frame_bytes + odd
            content.seek(element.start + start - odd)
            block = content.read(size + size % 2 if swapped else size)
            if swapped:  # bytes of 16-bit words in big endian files lie in turned pairs
                block = np.frombuffer(block[: len(block) // 2 * 2], ">u2").astype("<u2").tobytes()[odd:]
            values = np.frombuffer(block, kind, count=min(len(block), layout.frame_bytes) // kind.itemsize)
            if values.size != layout.rows * layout.columns:
                raise InputError(file.path, _LENGTH, AGAIN)
            yield values.reshape(layout.rows, layout.columns)


def _decoded(file: DicomFile, layout: Layout) -> Iterator[np.ndarray]:
    """Compressed or coloured frames, through pydicom and what it finds to decode them."""
    import pydicom
    from pydicom.encaps import generate_frames
    from pydicom.pixels import get_decoder

    with quiet():
        try:
            with file.content() as content:
                data = pydicom.dcmread(content, force=True)
            syntax = getattr(data.file_meta, "TransferSyntaxUID", None) or pydicom.uid.ImplicitVRLittleEndian
            decoder = get_decoder(syntax)
            available = decoder.is_available
        except NotImplementedError:
            available = False
        except Exception:  # as in open_dicom: the parser raises whatever damage leads it to
            raise InputError(file.path, DAMAGED, AGAIN) from None
    if not available:
        name = _compression(file.syntax)
        raise InputError(file.path, f"compressed ({name}), which nothing here can read", _remedy(file.syntax))
    with quiet():
        try:
            count = layout.frames
            if file.pixels is not None and file.pixels.length is None:
                parts = list(generate_frames(data.PixelData, number_of_frames=layout.frames))
                count = len(parts)
                sizes = {size for part in parts if (size := _codestream_size(part)) is not None}
        except Exception:  # of the encapsulated stream, likewise
            raise InputError(file.path, "has damaged pixels", AGAIN) from None
    if count != layout.frames:
        raise InputError(file.path, _LENGTH, AGAIN)
    if file.pixels is not None and file.pixels.length is None and sizes - {(layout.rows, layout.columns)}:
        raise InputError(file.path, f"{_LENGTH}, once decompressed", AGAIN)
    # GDCM, which may bring the whole process down over damaged pixels, only where nothing else reads them.
    safe = next((name for name in ("pydicom", "pillow") if name in decoder.available_plugins), "")
    frames = decoder.iter_array(data, raw=layout.samples == 1, correct_unused_bits=False, decoding_plugin=safe)
    for _ in range(layout.frames):
        with quiet(), quiet_stderr():
            try:
                pixels, _ = next(frames)
                pixels = np.asarray(pixels)
            except Exception:  # decoders raise whatever damage leads them to; memory is bounded by the checks above
                raise InputError(file.path, "has damaged pixels", f"{AGAIN} or store it uncompressed") from None
        if pixels.shape[:2] != (layout.rows, layout.columns):
            raise InputError(file.path, _LENGTH, AGAIN)
        yield pixels


def _settled(raw: np.ndarray, layout: Layout, low: int) -> StoredFrame:
    """Values of the bits that count, of which ``low`` is the lowest, and where the container or they are padding."""
    wide = np.int64 if layout.allocated > 16 else np.int32
    container = raw.astype(wide) & (2**layout.allocated - 1)
    values = (container >> low) & (2**layout.stored - 1)
    if layout.signed:
        values = values - ((values >> (layout.stored - 1)) << layout.stored)
        container = container - ((container >> (layout.allocated - 1)) << layout.allocated)
    padded = None
    if layout.padding is not None and layout.samples == 1:
        lowest, highest = layout.padding
        padded = (container >= lowest) & (container <= highest)
        # Padding within the bits that count is padding whatever lies in the bits above (overlays).
        floor = -(2 ** (layout.stored - 1)) if layout.signed else 0
        if lowest >= floor and highest < floor + 2**layout.stored:
            padded |= (values >= lowest) & (values <= highest)
    return StoredFrame(values, padded)


def _codestream_size(data: bytes) -> tuple[int, int] | None:
    """Rows and columns that a JPEG or JPEG 2000 stream itself announces; None for other streams.

    Decoders take memory by it, so it is compared with the DICOM header before (ITU-T T.81 B.2.2, T.800 A.5.1).
    """
    if data[:4] == b"\xff\x4f\xff\x51" and len(data) >= 24:
        right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
        return bottom - top, right - left
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD7:
            place += 1 if marker == 0xFF else 2
            continue
        # Frame headers: C0 to CF but for tables (C4, C8, CC), and F7 of JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = struct.unpack_from(">HH", data, place + 5)
            return rows, columns
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None


def _compression(syntax: str) -> str:
    known = {"50": "JPEG baseline", "51": "JPEG extended", "57": "JPEG lossless", "70": "JPEG lossless"}
    known |= {"80": "JPEG-LS", "81": "JPEG-LS", "90": "JPEG 2000", "91": "JPEG 2000"}
    return known.get(syntax.removeprefix(_ENCODED[0]), "in a way without a name here")


def _remedy(syntax: str) -> str:
    readable = _compression(syntax) in ("JPEG extended", "JPEG lossless", "JPEG-LS")
    return "pip install 'synthex[dicom]', or store it uncompressed" if readable else "store it uncompressed"
