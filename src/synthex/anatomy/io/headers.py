"""What SimpleITK hides about NRRD and MetaImage files: missing spacing or orientation, damaged streams.

As for NIfTI (:mod:`synthex.anatomy.io.nifti_header`), the few header fields at stake are read here, by the formats'
own definitions (NRRD: teem.sourceforge.net; MetaImage: itk.org/Wiki/MetaIO).
"""

import math
import re
import zlib
from pathlib import Path

from synthex.anatomy.io.nifti_header import BLOCK, TRUNCATED
from synthex.core import InputError

_HEADER = 2**16  # bytes within which a text header ends


def verify_compressed_voxels(path: Path) -> None:
    """Decompress NRRD and MetaImage voxels once for their checksums, which ITK does not compare.

    Uncompressed, bzip2 and detached voxels are left to ITK, which notices missing bytes.

    Raises:
        InputError: The compressed stream is damaged or ends early.
    """
    nrrd = path.name.lower().endswith((".nrrd", ".nhdr"))
    fields = _text_header(path, b"", ":" if nrrd else "=")
    if nrrd:
        end, packed = b"\n\n", fields.get("encoding", "").lower() in ("gzip", "gz") and "data file" not in fields
    else:
        end = b"LOCAL"
        local = fields.get("elementdatafile", "").upper() == "LOCAL"
        packed = local and fields.get("compresseddata", "").lower() == "true"
    if not packed:
        return
    with path.open("rb") as file:
        start = file.read(_HEADER).find(end)
        if start < 0:  # line ends of another system: left to ITK
            return
        file.seek(start + len(end))
        if not nrrd:
            file.readline()
        stream = zlib.decompressobj(wbits=47)  # zlib or gzip, by its header
        try:
            while not stream.eof and (block := file.read(BLOCK)):
                stream.decompress(block)
        except zlib.error as error:
            raise InputError(path, "the file is truncated or damaged", TRUNCATED) from error
    if not stream.eof:
        raise InputError(path, "the file is truncated: it ends before the last voxel", TRUNCATED)


def detached_voxels(path: Path) -> list[Path]:
    """The files that an NRRD or MetaImage header says its voxels lie in; none where they follow the header.

    For a numbered pattern (``slice%03d.raw 1 10 1``) every file that fits it, for a list every file beside
    the header.

    Raises:
        OSError: The header cannot be read.
    """
    if not path.name.lower().endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        return []
    nrrd = path.name.lower().endswith((".nrrd", ".nhdr"))
    fields = _text_header(path, b"", ":" if nrrd else "=")
    value = fields.get("data file", fields.get("datafile", "")) if nrrd else fields.get("elementdatafile", "")
    if not value or (not nrrd and value.upper() == "LOCAL"):
        return []
    if value.upper().startswith("LIST"):
        return sorted(entry for entry in path.parent.iterdir() if entry.is_file() and entry != path)
    named = path.parent / value
    if named.is_file() or "%" not in value:
        return [named] if named.is_file() else []
    pattern = path.parent / re.sub(r"%\d*d", "*", value.split()[0])
    return sorted(entry for entry in pattern.parent.glob(pattern.name) if entry.is_file())


def check_nrrd_header(path: Path) -> None:
    """Refuse NRRD files without spacing or without a stated space.

    Raises:
        InputError: As said, or not an NRRD file.
    """
    fields = _text_header(path, b"NRRD", ":")
    if "space directions" not in fields and "spacings" not in fields:
        raise InputError(path, "missing spacing: no 'space directions' in the header", "export it again from 3D Slicer")
    if "space" not in fields:
        raise InputError(
            path, "no orientation: no 'space' in the header, so left and right are unknown", "export it again"
        )


def check_metaimage_header(path: Path) -> None:
    """Refuse MetaImage files without spacing or without orientation.

    Raises:
        InputError: As said, or not a MetaImage file.
    """
    fields = _text_header(path, b"", "=")
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


def _text_header(path: Path, magic: bytes, separator: str) -> dict[str, str]:
    """Fields of a text header (lower-case keys), which ends at an empty line or where the voxels begin."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if not head.startswith(magic):
        raise InputError(path, f"not a {magic.decode()} file although its name says so", "check where it comes from")
    fields: dict[str, str] = {}
    for line in head.split(b"\n"):
        text = line.strip().decode("latin-1")
        if not text:
            break
        key, found, value = text.partition(separator)
        if found:
            fields[key.strip().lower()] = value.strip("= \t")
        if key.strip().lower() == "elementdatafile":
            break
    return fields
