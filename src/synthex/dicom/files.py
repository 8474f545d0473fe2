"""Opening a DICOM file: recognised by content, inflated within bounds, its header parsed up to the pixels."""

import contextlib
import io
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthex.core import InputError
from synthex.core.limits import MAX_PIXEL_BYTES, file_size, inflate, shown
from synthex.core.quiet import quiet_library

DAMAGED = "the DICOM file is truncated or damaged"
AGAIN = "export it again"

Content = io.BufferedReader | io.BytesIO
"""An open file, or one in memory."""

_PREAMBLE, _MAGIC = 128, b"DICM"
_UNDEFINED = 0xFFFFFFFF
_PIXEL_DATA, _FLOATS = 0x7FE00010, (0x7FE00008, 0x7FE00009)
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_INFLATED = b"1.2.840.10008.1.2.1\0\0\0"
_VRS = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Value representations with two empty bytes and a length of four (DICOM PS3.5 7.1.2)."""


@dataclass(frozen=True, eq=False)
class PixelElement:
    """Where the pixels lie in a file's content (inflated, where it is deflated).

    Attributes:
        start: Byte at which the value begins.
        length: Its bytes; None where it is encapsulated, that is compressed.
        little_endian: Order of the bytes of a sample.
        words: Whether the value is declared as 16-bit words (OW), which in big endian files turns pairs of bytes.
    """

    start: int
    length: int | None
    little_endian: bool
    words: bool


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A file's header, and where its pixels are.

    Attributes:
        path: The file.
        header: pydicom's ``Dataset`` of everything before the pixels; read it through :mod:`synthex.dicom.header`.
        pixels: None where there are none.
        floats: Whether the pixels are floating point (parametric maps).
    """

    path: Path
    header: Any
    pixels: PixelElement | None
    floats: bool = False

    @property
    def syntax(self) -> str:
        """UID of the transfer syntax; empty where the file does not say it, and is then not compressed."""
        return str(getattr(self.header, "file_meta", {}).get("TransferSyntaxUID", "") or "")

    def content(self) -> Content:
        """The bytes that :attr:`pixels` counts, to be closed by the caller."""
        return _content(self.path)


def is_dicom(path: Path) -> bool:
    """Whether a file's content is DICOM: a part-10 file, or a bare data set without the 128 bytes before ``DICM``.

    A bare data set begins with an element of group 2 or 8 whose length fits into the file, and goes on with one of a
    higher tag. ``DICOMDIR``, an index without pixels, is none.
    """
    if path.name.upper() == "DICOMDIR":
        return False
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return False  # to open a pipe would be to wait for whoever writes into it
        with path.open("rb") as file:
            head = file.read(4096)
    except (OSError, ValueError):
        return False
    return head[_PREAMBLE : _PREAMBLE + 4] == _MAGIC or any(_bare(head, status.st_size, order) for order in "<>")


def open_dicom(path: Path) -> DicomFile:
    """Parse a file up to its pixels, of which only the place and length are noted.

    Raises:
        InputError: It is missing, unreadable, damaged, or larger than anything of its kind once inflated.
    """
    import pydicom

    size = file_size(path, remedy=AGAIN)
    if size == 0:
        raise InputError(path, "the file is empty", "copy or export it again")
    if not is_dicom(path):
        raise InputError(path, "is no DICOM file", "move it away, or export it again if it should be one")
    with _content(path) as content, quiet():
        try:
            header = pydicom.dcmread(content, stop_before_pixels=True, force=True)
            implicit, little = header.original_encoding
        except Exception:  # the parser raises whatever damage leads it to, and quotes the file in it
            raise InputError(path, DAMAGED, AGAIN) from None
        pixels, floats = _pixel_element(content, bool(implicit), bool(little))
    return DicomFile(path, header, pixels, floats)


def quiet() -> contextlib.AbstractContextManager[None]:
    """Keep pydicom's warnings and log to itself, for they quote the file."""
    return quiet_library("pydicom")


def _bare(head: bytes, size: int, order: str) -> bool:
    """Whether bytes begin with two plausible data elements in rising order (DICOM PS3.5 7.1)."""
    place, last = 0, -1
    for _ in range(2):
        if place + 12 > len(head):
            return False
        group, element = struct.unpack_from(f"{order}HH", head, place)
        kind = head[place + 4 : place + 6]
        if kind in _VRS:
            long = kind in _LONG
            length = struct.unpack_from(f"{order}{'I' if long else 'H'}", head, place + (8 if long else 6))[0]
            body = place + (12 if long else 8)
        elif order == "<":
            length, body = struct.unpack_from("<I", head, place + 4)[0], place + 8
        else:
            return False  # implicit files are little endian
        tag = group << 16 | element
        if (last < 0 and group not in (2, 8)) or group > 0x20 or tag <= last or body + length > size:
            return False
        place, last = body + length, tag
    return True


def _content(path: Path) -> Content:
    """The file, or in memory what becomes of a deflated one: the same with its data set inflated."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or type(error).__name__})", "check it") from None
    head = file.read(1024)
    if _DEFLATED not in head or head[_PREAMBLE : _PREAMBLE + 4] != _MAGIC:
        file.seek(0)
        return file
    with file:
        # The group's length, its first element, says where the part ends that is never deflated (PS3.10 7.1).
        if head[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
            raise InputError(path, DAMAGED, AGAIN)
        end = 144 + struct.unpack_from("<I", head, 140)[0]
        file.seek(end)
        packed = file.read()
    blocks, total = [head[:end].replace(_DEFLATED, _INFLATED)], 0
    try:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        for block in inflate(stream, packed):
            total += len(block)
            if total > MAX_PIXEL_BYTES:
                problem = f"grows to more than {shown(MAX_PIXEL_BYTES)} when it is inflated"
                raise InputError(path, problem, "store it uncompressed")
            blocks.append(block)
    except zlib.error:
        raise InputError(path, DAMAGED, AGAIN) from None
    if not stream.eof or end > len(head):
        raise InputError(path, DAMAGED, AGAIN)
    return io.BytesIO(b"".join(blocks))


def _pixel_element(content: Content, implicit: bool, little: bool) -> tuple[PixelElement | None, bool]:
    """The pixels' element, before which the parser has stopped, and whether it holds floating point."""
    start = content.tell()
    head = content.read(12)
    order = "<" if little else ">"
    if len(head) < 8:
        return None, False
    group, element = struct.unpack_from(f"{order}HH", head)
    tag = group << 16 | element
    if tag != _PIXEL_DATA:
        return None, tag in _FLOATS
    if implicit:
        length, body = struct.unpack_from(f"{order}I", head, 4)[0], start + 8
    elif head[4:6] in _LONG and len(head) == 12:
        length, body = struct.unpack_from(f"{order}I", head, 8)[0], start + 12
    else:
        return None, False
    return PixelElement(body, None if length == _UNDEFINED else length, little, implicit or head[4:6] == b"OW"), False
