"""What SimpleITK hides about NRRD and MetaImage files: missing spacing or orientation, damaged streams.

As for NIfTI (:mod:`synthex.anatomy.io.nifti_header`), the few header fields at stake are read here, by the formats'
own definitions (NRRD: teem.sourceforge.net; MetaImage: itk.org/Wiki/MetaIO).
"""

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from synthex.anatomy.io.nifti_header import BLOCK, TRUNCATED
from synthex.core import InputError
from synthex.core.limits import MAX_HEADER_BYTES, MAX_NRRD_FIELD, check_volume, file_size, inflate

_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "int64", "int64_t"), 8),
    **dict.fromkeys(("uint64", "uint64_t", "double"), 8),
}
"""Bytes of a voxel by the format's names of types ("block" is none of a picture)."""
_NRRD_ENCODINGS = {"raw": 1.0, "gzip": 0.0, "gz": 0.0, "txt": 0.0, "text": 0.0, "ascii": 0.0, "hex": 2.0}
"""Bytes in the file for each byte of voxels, at least; bzip2 is not among what ITK reads."""
_META_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_LONG", "MET_ULONG", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
_META_LENGTHS = {"name": 200}
"""Characters that a field may have where MetaIO copies it into 255 without asking."""
_META_FIELD = 4096


@dataclass(frozen=True)
class TextHeader:
    """The header of an NRRD or MetaImage file.

    Attributes:
        nrrd: Whether it is NRRD.
        fields: Names in lower case, and what they say.
        end: Byte at which the header ends, and voxels that follow it begin.
        voxel_bytes: Size of one value.
        data_bytes: Size of all voxels, decompressed.
    """

    nrrd: bool
    fields: dict[str, str]
    end: int
    voxel_bytes: int = 0
    data_bytes: int = 0

    @property
    def packed(self) -> bool:
        """Whether the voxels are compressed (with zlib or gzip)."""
        if self.nrrd:
            return self.fields.get("encoding", "").lower() in ("gzip", "gz")
        return self.fields.get("compresseddata", "").lower() in ("true", "t", "1")

    @property
    def voxels(self) -> str:
        """Where the voxels are said to be; empty where they follow the header."""
        if self.nrrd:
            return self.fields.get("data file", self.fields.get("datafile", ""))
        value = self.fields.get("elementdatafile", "")
        return "" if value.upper() == "LOCAL" else value


def read_text_header(path: Path) -> TextHeader:
    """Read and check the header of an NRRD or MetaImage file, before ITK does.

    ITK's reader of NRRD dies of fields of some thousand characters, and both take all the memory that a header asks
    for.

    Raises:
        InputError: Not such a file, a damaged header, no spacing, no orientation, too large, or voxels in files that
            are missing or lie in another folder.
    """
    nrrd = path.name.lower().endswith((".nrrd", ".nhdr"))
    fields, end = _fields(path, nrrd)
    (_check_nrrd if nrrd else _check_metaimage)(path, fields)
    sizes = _whole_numbers(path, fields, "sizes" if nrrd else "dimsize")
    kind = fields.get("type" if nrrd else "elementtype", "")
    width = _NRRD_BYTES.get(kind.lower()) if nrrd else _META_BYTES.get(kind.upper().removesuffix("_ARRAY"))
    if width is None:
        raise InputError(path, "damaged header: its type of voxels is unknown", TRUNCATED)
    if _whole_numbers(path, fields, "dimension" if nrrd else "ndims") != [len(sizes)]:
        raise InputError(path, f"damaged header: {len(sizes)} extents", TRUNCATED)
    encoding = fields.get("encoding", "").lower()
    if nrrd and encoding not in _NRRD_ENCODINGS:
        problem = "damaged header: its encoding is none that is read"
        raise InputError(path, problem, f"save it as one of {', '.join(_NRRD_ENCODINGS)}")
    channels = 1 if nrrd else (_whole_numbers(path, fields, "elementnumberofchannels", "1") or [1])[0]
    sizes += [channels] if channels > 1 else []
    header = TextHeader(nrrd, fields, end, width, math.prod(sizes) * width)
    files = _voxel_files(path, header)
    stored = sum(file_size(file, remedy=TRUNCATED) for file in files) if files else file_size(path) - end
    check_volume(path, sizes, width, stored)
    least = _NRRD_ENCODINGS[encoding] if nrrd else float(not header.packed)
    if stored < least * header.data_bytes:
        raise InputError(path, "the file is truncated: it ends before the last voxel", TRUNCATED)
    return header


def verify_compressed_voxels(path: Path, header: TextHeader) -> None:
    """Decompress NRRD and MetaImage voxels once for their checksums, which ITK does not compare.

    Uncompressed voxels are left to ITK, which notices missing bytes.

    Raises:
        InputError: The compressed stream is damaged, ends early, or holds more than the header says.
    """
    if not header.packed:
        return
    files = _voxel_files(path, header)
    for file, start in [(file, 0) for file in files] or [(path, header.end)]:
        stream, size = zlib.decompressobj(wbits=47), 0  # zlib or gzip, by its header
        with file.open("rb") as content:
            content.seek(start)
            try:
                while not stream.eof and (block := content.read(BLOCK)):
                    for part in inflate(stream, block):
                        size += len(part)
                        if size > header.data_bytes + BLOCK:
                            raise InputError(file, "holds more voxels than its header says", TRUNCATED)
            except zlib.error as error:
                raise InputError(file, "the file is truncated or damaged", TRUNCATED) from error
        if not stream.eof:
            raise InputError(file, "the file is truncated: it ends before the last voxel", TRUNCATED)


def detached_voxels(path: Path) -> list[Path]:
    """The files that an NRRD or MetaImage header says its voxels lie in; none where they follow the header.

    For a numbered pattern (``slice%03d.raw 1 10 1``) every file that fits it, for a list every file beside
    the header.

    Raises:
        InputError: The header cannot be read, or names what lies elsewhere.
        OSError: The folder cannot be read.
    """
    if not path.name.lower().endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        return []
    nrrd = path.name.lower().endswith((".nrrd", ".nhdr"))
    return _voxel_files(path, TextHeader(nrrd, *_fields(path, nrrd)))


def _voxel_files(path: Path, header: TextHeader) -> list[Path]:
    value = header.voxels
    if not value:
        return []
    if value.upper().startswith("LIST"):
        return sorted(entry for entry in path.parent.iterdir() if entry.is_file() and entry != path)
    name = value if "%" not in value or _is_file(path.parent, value) else value.split()[0]
    if not _within(path.parent, name):
        raise InputError(path, "says that its voxels lie in another folder", "keep header and voxels in one folder")
    named = path.parent / name
    if "%" not in name or _is_file(path.parent, name):
        if not _is_file(path.parent, name):
            raise InputError(path, "the file of its voxels is not beside it", "copy both files")
        return [named]
    found = sorted(entry for entry in path.parent.glob(re.sub(r"%\d*d", "*", name)) if entry.is_file())
    if not found:
        raise InputError(path, "the files of its voxels are not beside it", "copy all files")
    return found


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except OSError:  # a name that is too long
        return False


def _within(folder: Path, name: str) -> bool:
    """Whether a file that a header names lies in its folder or below."""
    if "\0" in name or Path(name).is_absolute() or "**" in name or ".." in Path(name).parts:
        return False
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links (RuntimeError before Python 3.13)
        return False


def _whole_numbers(path: Path, fields: dict[str, str], key: str, default: str = "") -> list[int]:
    try:
        numbers = [int(word) for word in fields.get(key, default).split()]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < 2**31 for number in numbers):
        raise InputError(path, f"damaged header: {key!r} is not a list of extents", TRUNCATED)
    return numbers


def nrrd_fields(path: Path) -> dict[str, str]:
    """Fields and key/value pairs of an NRRD header, keys in lower case.

    Raises:
        InputError: Not an NRRD file, or a damaged header.
    """
    return _fields(path, nrrd=True)[0]


def _check_nrrd(path: Path, fields: dict[str, str]) -> None:
    """Refuse NRRD files without spacing or without a stated space."""
    if "space directions" not in fields and "spacings" not in fields:
        raise InputError(path, "missing spacing: no 'space directions' in the header", "export it again from 3D Slicer")
    if "space" not in fields:
        raise InputError(
            path, "no orientation: no 'space' in the header, so left and right are unknown", "export it again"
        )
    if "space origin" in fields:
        _check_origin(path, fields["space origin"])


def _check_metaimage(path: Path, fields: dict[str, str]) -> None:
    """Refuse MetaImage files without spacing or without orientation."""
    if "ndims" not in fields:
        raise InputError(path, "not a MetaImage file although its name says so", "check where the file comes from")
    if "elementspacing" not in fields and "elementsize" not in fields:
        raise InputError(path, "missing spacing: no 'ElementSpacing' in the header", "correct the header")
    spacing = fields.get("elementspacing", fields.get("elementsize", ""))
    try:
        steps = [float(step) for step in spacing.split()]
        # Two-dimensional images are refused as such later.
        bad = len(steps) < (2 if fields["ndims"] == "2" else 3) or not all(
            math.isfinite(step) and step > 0 for step in steps
        )
    except ValueError:
        bad = True
    if bad:
        raise InputError(path, f"wrong or missing spacing: {spacing!r} mm", "correct the header")
    if not fields.keys() & {"transformmatrix", "orientation", "rotation"}:
        raise InputError(
            path,
            "no orientation: no 'TransformMatrix' in the header, so left and right are unknown",
            "export it again",
        )
    if fields["ndims"] != "2":
        _check_origin(path, next((fields[key] for key in ("offset", "position", "origin") if key in fields), ""))


def _check_origin(path: Path, origin: str) -> None:
    """Refuse a missing or damaged place of the first voxel, for which ITK takes 0 without a word."""
    try:
        place = [float(part) for part in origin.replace("(", " ").replace(")", " ").replace(",", " ").split()]
    except ValueError:
        place = []
    if len(place) < 3 or not all(map(math.isfinite, place)):
        raise InputError(path, "no origin: the header does not say where its first voxel lies", "export it again")


def _fields(path: Path, nrrd: bool) -> tuple[dict[str, str], int]:
    """Fields of a text header (lower-case keys), and the byte at which it ends.

    That of NRRD ends at an empty line, that of MetaImage after the line that says where the voxels are.
    """
    file_size(path)
    with path.open("rb") as file:
        head = file.read(MAX_HEADER_BYTES)
    if nrrd and not head.startswith(b"NRRD"):
        raise InputError(path, "not a NRRD file although its name says so", "check where it comes from")
    fields: dict[str, str] = {}
    place = 0
    while place < len(head):
        found = head.find(b"\n", place)
        end = len(head) if found < 0 else found + 1
        text = head[place:end].decode("latin-1").strip()
        place = end
        if not text:
            break
        key, separator, value = text.partition(":" if nrrd else "=")
        key = key.strip().lower()
        # "key:=value" is free text, which teem keeps at any length.
        free = nrrd and (value.startswith("=") or text.startswith("#"))
        limit = MAX_HEADER_BYTES if free else MAX_NRRD_FIELD if nrrd else _META_LENGTHS.get(key, _META_FIELD)
        if len(text) > limit:
            problem = f"damaged header: a line of {len(text)} characters (at most {limit} are read)"
            raise InputError(path, problem, TRUNCATED)
        if separator and not text.startswith("#"):
            if key in fields:
                raise InputError(path, f"damaged header: {key!r} is there twice", TRUNCATED)
            fields[key] = value.strip("= \t")
        if not nrrd and key == "elementdatafile":
            break
    else:
        if len(head) == MAX_HEADER_BYTES:
            raise InputError(path, f"damaged header: no end within {MAX_HEADER_BYTES} bytes", TRUNCATED)
    return fields, place
