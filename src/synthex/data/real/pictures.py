"""Pixels of picture files: upright, bone as bright as it is shown, in their full depth, within bounds from the header.

What a picture's format says about its display is applied here, once: the orientation of EXIF and TIFF, white as the
lowest value (TIFF), palettes, printing inks. Colours whose channels are equal are grey; transparent parts are refused.
"""

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import Image as PILImage
from PIL import ImageOps

from synthex.core import InputError
from synthex.core.documents import parse_array, read_arrays
from synthex.core.limits import MAX_FRAMES, MAX_PIXEL_BYTES, MAX_PIXELS, MAX_VOLUME_BYTES, file_size, read_bytes
from synthex.core.quiet import quiet_library, quiet_stderr

PNG, TIFF, NUMPY = (".png",), (".tiff", ".tif"), (".npy", ".npz")
PICTURES = (*PNG, ".jpg", ".jpeg", *TIFF)

DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    EOFError,
    SyntaxError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
    cv2.error,
    tifffile.TiffFileError,
    PILImage.DecompressionBombError,
    PILImage.DecompressionBombWarning,
)
"""What the libraries that decode files raise when a file is damaged."""

RESTORE = "restore the file"
_GREY = "save one grey channel"
_ORIENTATION, _WHITE_IS_LOW, _PALETTE, _RGB, _INKS = 274, 0, 3, 2, 5


GREY_SPREAD = 0.1
"""Greatest difference of the channels of a picture that counts as grey, of its largest value, but for 1 % of the pixels
(a coloured arrow or letter). Our choice."""


def told(error: BaseException) -> str:
    """What a library said, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def page_count(path: Path) -> int:
    """Pictures in a file, from its header: pages of a TIFF, the first axis of a 3-D array, else 1.

    Raises:
        InputError: The file is missing or damaged, or has more than :data:`~synthex.core.limits.MAX_FRAMES`.
    """
    return len(_pages(path))


def decode_page(path: Path, page: int = 0) -> np.ndarray:
    """One picture of a file, rows x columns of the file's own type.

    Raises:
        InputError: The file cannot be read whole, or the picture is in colour or has transparent parts.
    """
    return _grey(path, _pages(path).read(page))


def decode(path: Path) -> np.ndarray:
    """The one picture of a file, as :func:`decode_page`.

    Raises:
        InputError: As said, or there are several.
    """
    pages = _pages(path)
    if len(pages) != 1:
        raise InputError(path, f"is not a readable picture ({len(pages)} pictures in one file)", "save one a file")
    return _grey(path, pages.read(0))


class _Pages:
    """One picture in a file, decoded by Pillow or OpenCV."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def read(self, page: int) -> np.ndarray:
        """The picture of that number, rows x columns (x channels)."""
        with _readable(self.path):
            deep = _check_png(self.path) if self.path.suffix.lower() in PNG else False
            return _pillow(self.path, deep=deep)


class _Arrays(_Pages):
    """An ``.npy`` file, or the one array of an ``.npz`` file: a picture, or several along the first axis."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if path.suffix.lower() == ".npz":
            arrays = read_arrays(path, RESTORE, MAX_VOLUME_BYTES)
            if len(arrays) != 1:
                raise InputError(path, f"holds {len(arrays)} arrays", "save one array of pixels a file")
            array = next(iter(arrays.values()))
        else:
            with _readable(path):
                array = parse_array(read_bytes(path, MAX_VOLUME_BYTES, RESTORE))
        stack = array.reshape((1, *array.shape)) if array.ndim == 2 else array
        if stack.ndim != 3 or 0 in stack.shape or array.dtype.kind not in "iuf":
            shape = " x ".join(map(str, array.shape)) or "one value"
            raise InputError(path, f"is no grey image ({shape}, {array.dtype})", "give rows x columns of numbers")
        _plausible(path, stack.shape[1], stack.shape[2], len(stack))
        self._stack = stack

    def __len__(self) -> int:
        return len(self._stack)

    def read(self, page: int) -> np.ndarray:
        """The picture of that number."""
        return np.asarray(self._stack[page])


class _TiffPages(_Pages):
    """Pages of a TIFF file; thumbnails and transparency masks are none."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with _readable(path), tifffile.TiffFile(path) as file:
            self._places = [number for number, page in enumerate(_bounded(file)) if not _is_aside(page)]
            if not self._places:
                raise ValueError("no pixels")
            pages: list[Any] = [file.pages[place] for place in self._places]
            for page in pages:
                _plausible(path, int(page.imagelength), int(page.imagewidth), len(pages))
            if len(file.pages) == 1 and file.series[0].size > file.pages[0].size:
                raise ValueError("a stack without pages; save it as pages")

    def __len__(self) -> int:
        return len(self._places)

    def read(self, page: int) -> np.ndarray:
        """The picture of that number, rows x columns (x channels)."""
        with _readable(self.path), tifffile.TiffFile(self.path) as file:
            found: Any = file.pages[self._places[page]]
            _check_strips(found, self.path.stat().st_size)
            if int(found.photometric) == _INKS:
                return _pillow(self.path, self._places[page])
            white_is_low = int(found.photometric) == _WHITE_IS_LOW
            try:
                pixels = np.asarray(found.asarray())
            except ValueError as error:
                if "imagecodecs" not in str(error):
                    raise
                # tifffile leaves some compressions to a package that we do not need otherwise; Pillow knows them.
                # It turns pictures upright itself, and those of up to 8 bits over.
                pixels = _pillow(self.path, self._places[page])
                return _turned_over(pixels, found) if white_is_low and pixels.dtype.itemsize > 1 else pixels
            if int(found.planarconfig) == 2 and pixels.ndim == 3:  # channels before rows and columns
                pixels = np.moveaxis(pixels, 0, -1)
            pixels = _squeezed(pixels)
            if int(found.photometric) == _PALETTE and found.colormap is not None:
                pixels = np.moveaxis(np.asarray(found.colormap)[:, pixels], 0, -1)
            elif white_is_low:
                pixels = _turned_over(pixels, found)
            return _upright(pixels, found)


def _pages(path: Path) -> _Pages:
    file_size(path, remedy=RESTORE)
    suffix = path.suffix.lower()
    return (_TiffPages if suffix in TIFF else _Arrays if suffix in NUMPY else _Pages)(path)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the libraries raise into an error that names the file."""
    with quiet_library("tifffile"), quiet_library("PIL"):
        warnings.simplefilter("error", PILImage.DecompressionBombWarning)
        try:
            yield
        except DAMAGE as error:
            raise InputError(path, f"is not a readable picture ({told(error)})", RESTORE) from error


def _plausible(path: Path, rows: int, columns: int, pages: int) -> None:
    if rows < 1 or columns < 1 or rows * columns > MAX_PIXELS or pages > MAX_FRAMES:
        size = f"{pages} pictures of {rows} x {columns} pixels" if pages > 1 else f"{rows} x {columns} pixels"
        raise InputError(path, f"is not a readable picture ({size})", f"save at most {MAX_PIXELS} pixels a picture")


def _pillow(path: Path, page: int = 0, deep: bool = False) -> np.ndarray:
    """A picture through Pillow, or through OpenCV where Pillow would cut 16 bits to 8."""
    with PILImage.open(path) as picture:
        frames = getattr(picture, "n_frames", 1)
        if page == 0 and frames > 1 and path.suffix.lower() not in TIFF:
            raise ValueError(f"{frames} pictures in one file")
        if page:
            picture.seek(page)
        _plausible(path, picture.height, picture.width, 1)
        if deep:
            with quiet_stderr():
                decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
            if decoded is None:
                raise ValueError("damaged pixels")
            return np.asarray(decoded)
        upright = ImageOps.exif_transpose(picture)
        if upright.mode == "CMYK":
            upright = upright.convert("RGB")
        # Palettes and a grey or colour that stands for transparency become what they show.
        keyed = upright.mode in ("P", "PA", "LA") or "transparency" in upright.info
        return np.asarray(upright.convert("RGBA") if keyed and not upright.mode.startswith("I") else upright)


def _bounded(file: tifffile.TiffFile) -> Iterator[Any]:
    for number, page in enumerate(file.pages):
        if number >= MAX_FRAMES:
            raise ValueError(f"more than {MAX_FRAMES} pages")
        yield page.aspage() if hasattr(page, "aspage") else page


def _is_aside(page: Any) -> bool:
    """Whether a page is a reduced copy or a transparency mask of another (TIFF 6.0, NewSubfileType)."""
    return bool(int(getattr(page, "subfiletype", 0) or 0) & 0b101)


def _check_strips(page: Any, size: int) -> None:
    """Tifffile fills strips that lie beyond the end of a file with zeros."""
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > size or min(page.databytecounts) < 1:
        raise ValueError("pixels are missing")
    if page.nbytes > MAX_PIXEL_BYTES:
        raise ValueError(f"{page.nbytes} bytes of pixels")


def _turned_over(pixels: np.ndarray, page: Any) -> np.ndarray:
    """Pixels whose lowest value is white, with black as the lowest (TIFF 6.0, PhotometricInterpretation 0)."""
    if pixels.dtype.kind not in "bui":
        raise ValueError("white is the lowest of numbers without a highest; save it with black as the lowest")
    if pixels.dtype.kind == "u":
        return np.asarray((2 ** int(page.bitspersample) - 1 - pixels.astype(np.int64)).astype(pixels.dtype))
    return ~pixels


def _upright(pixels: np.ndarray, page: Any) -> np.ndarray:
    """Rows from the top and columns from the left, by the Orientation tag (TIFF 6.0, p. 36)."""
    tag = page.tags.get(_ORIENTATION)
    turn = int(tag.value) if tag is not None else 1
    if turn >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _squeezed(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape([size for size in pixels.shape if size != 1]) if pixels.ndim > 2 else pixels


def _grey(path: Path, pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 3:
        return pixels
    colours, alpha = pixels, None
    if pixels.shape[2] in (2, 4):
        colours, alpha = pixels[..., :-1], pixels[..., -1]
    if alpha is not None and (alpha != alpha.max()).any():
        raise InputError(path, "has transparent parts", "flatten it to one grey channel")
    if colours.shape[2] == 3 and (colours != colours[..., :1]).any():
        return _nearly_grey(path, colours)
    if colours.shape[2] not in (1, 3):
        raise InputError(path, "is in colour", _GREY)
    return colours[..., 0]


def _nearly_grey(path: Path, colours: np.ndarray) -> np.ndarray:
    """The mean of three channels that differ by no more than JPEG's rounding of colours does, or a scanner's tint."""
    spread = np.ptp(colours, axis=2) / max(float(colours.max()), 1.0)
    if np.quantile(spread, 0.99) > GREY_SPREAD:
        raise InputError(path, "is in colour", _GREY)
    return colours.astype(np.float32).mean(axis=2)


def _check_png(path: Path) -> bool:
    """Walk the chunks of a PNG, for Pillow decodes some whose pixels are damaged or cut (PNG specification, 5).

    Returns:
        Whether it has 16 bits and more channels than one, which Pillow would cut to 8.
    """
    content = read_bytes(path, MAX_PIXEL_BYTES, RESTORE)
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG file")
    place, kind, deep = 8, b"", False
    while kind != b"IEND":
        if place + 12 > len(content):
            raise ValueError("the file is cut short")
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 8 + length
        if end + 4 > len(content):
            raise ValueError("the file is cut short")
        if zlib.crc32(content[place + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise ValueError("a check sum is wrong")
        if kind == b"IHDR" and length == 13:
            deep = content[place + 16] == 16 and content[place + 17] in (2, 4, 6)
        place = end + 4
    return deep
