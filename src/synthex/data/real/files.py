"""Reading pictures and masks of other people's archives: whole and plausible, or an error of one line."""

import struct
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from jaxtyping import Bool, Integer
from PIL import Image as PILImage

from synthex.core import ConfigError, Domain, InputError
from synthex.core.arrays import Image

PNG, TIFF, H5 = (".png",), (".tiff", ".tif"), (".h5", ".hdf5")
PICTURES = (*PNG, ".jpg", ".jpeg", *TIFF)

MAX_PIXELS = 1 << 26
"""More than any radiograph has (8192 x 8192); a damaged header asks for more."""

PIXEL_RANGE_MM = (0.01, 10.0)
"""Pitches between which pixels of radiographs lie, 0.05 to 0.4 mm for detectors and more once reduced; our choice."""

GREY_SHARE = 0.05
"""A mask with more pixels than this share between black and white is a picture (our choice; JPEG edges have less)."""

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
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
    PILImage.DecompressionBombError,
    PILImage.DecompressionBombWarning,
)
"""What the libraries that decode files raise when a file is damaged."""

_CLUTTER = ("thumbs.db", "desktop.ini")
_RESTORE = "restore the file"


def told(error: BaseException) -> str:
    """What a library said, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def known_domain(name: str) -> Domain:
    """The domain of that name.

    Raises:
        ConfigError: There is none.
    """
    if name == "log":
        return "log"
    if name == "intensity":
        return "intensity"
    raise ConfigError(f"domain={name}: choose log (bone bright) or intensity (bone dark)")


def plausible_pitch(value: float | int, setting: str = "pixel_mm") -> float:
    """A pixel pitch in mm that a setting gives.

    Raises:
        ConfigError: It is no pitch of a radiograph.
    """
    low, high = PIXEL_RANGE_MM
    if isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(f"{setting}={value}: give a length between {low:g} and {high:g} mm")
    return float(value)


def files_of(folder: Path, endings: Sequence[str], remedy: str) -> Mapping[str, Path]:
    """Files of a folder by stem; what file managers leave behind is passed over.

    Raises:
        InputError: There is no such folder, another file is in it or two files have one name.
    """
    if not folder.is_dir():
        raise InputError(folder, "there is no such folder", remedy)
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.lower() in _CLUTTER:
            continue
        if path.suffix.lower() not in endings or not path.is_file():
            raise InputError(path, f"does not belong there (only {', '.join(endings)} files do)", "move it away")
        if path.stem in found:
            raise InputError(path, f"has the name of {found[path.stem].name}", "keep one of the two")
        found[path.stem] = path
    return found


def paired(images: Mapping[str, Path], others: Mapping[str, Path], kind: str) -> None:
    """Check that every image has a file of another kind by the same name, and the other way round.

    Raises:
        InputError: One has not.
    """
    for name, path in images.items():
        if name not in others:
            raise InputError(path, f"has no {kind} of that name", "restore that file, or move the image away")
    for name, path in others.items():
        if name not in images:
            raise InputError(path, "belongs to no image", "restore the image, or move it away")


def read_image(path: Path) -> Image:
    """One grey channel as float32, whatever the picture's format and depth.

    Raises:
        InputError: The file cannot be read whole, is in colour or holds NaN or infinity.
    """
    return as_image(path, _decode(path))


def as_image(path: Path, pixels: np.ndarray, name: str = "", kinds: str = "iuf") -> Image:
    """Pixels as a grey image of float32.

    Args:
        path: File they are from.
        pixels: Of any shape and type.
        name: Of the node in the file.
        kinds: Letters of numpy's kinds of types that they may have.

    Raises:
        InputError: They are not rows x columns of finite numbers.
    """
    what = f"{name} " if name else ""
    if pixels.ndim != 2 or 0 in pixels.shape or pixels.dtype.kind not in kinds:
        shape = " x ".join(map(str, pixels.shape)) or "one value"
        raise InputError(path, f"{what}is no grey image ({shape}, {pixels.dtype})", "save one grey channel")
    with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite and is refused
        image = pixels.astype(np.float32)
    if not np.isfinite(image).all():
        raise InputError(path, f"{what}holds NaN or infinity", "export it again with finite values")
    return image


def read_mask(path: Path, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """A mask of an image: 0 and 1, or 0 and white with few values between (cut at half).

    Args:
        path: Picture.
        shape: Rows and columns of its image.

    Raises:
        InputError: The file cannot be read, does not fit the image or is no mask.
    """
    values = as_image(path, _decode(path), kinds="biuf")
    _same_size(path, values, shape)
    check_mask(path, values)
    return values > float(values.max()) / 2


def check_mask(path: Path, values: Image) -> None:
    """Refuse pixels that are no mask: 0 and 1, or 0 and white with few values between.

    Raises:
        InputError: They are not.
    """
    top = float(values.max())
    if values.min() < 0 or top not in (0, 1, 255, 65535):
        raise InputError(path, f"is no mask (values {values.min():g} to {top:g})", "save it with the values 0 and 255")
    between = ((values > top / 16) & (values < top * 15 / 16)).mean()
    if between > GREY_SHARE:
        raise InputError(path, f"is no mask ({100 * between:.0f} % of it is grey)", "save it with the values 0 and 255")


def read_labels(path: Path, shape: tuple[int, int], count: int) -> Integer[np.ndarray, "H W"]:
    """A picture of exclusive labels, 0 to ``count``.

    Raises:
        InputError: The file cannot be read, does not fit the image or has other values.
    """
    return as_labels(path, _decode(path), shape, count)


def as_labels(
    path: Path, values: np.ndarray, shape: tuple[int, int], count: int, name: str = ""
) -> Integer[np.ndarray, "H W"]:
    """Pixels as exclusive labels, 0 to ``count``.

    Raises:
        InputError: They do not fit the image or have other values.
    """
    labels = as_image(path, values, name)
    what = f"{name} " if name else ""
    _same_size(path, labels, shape, what)
    if labels.min() < 0 or labels.max() > count or (labels != np.round(labels)).any():
        problem = f"{what}holds values that are no label ({labels.min():g} to {labels.max():g})"
        raise InputError(path, problem, f"labels are whole numbers from 0 to {count}")
    return labels.astype(np.uint8)


def _same_size(path: Path, values: np.ndarray, shape: tuple[int, int], what: str = "") -> None:
    if values.shape != shape:
        problem = f"{what}has {values.shape[0]} x {values.shape[1]} pixels, its image {shape[0]} x {shape[1]}"
        raise InputError(path, problem, "give both the same size")


def _decode(path: Path) -> np.ndarray:
    """Pixels as they are stored; pictures in colour whose channels are equal lose two of them."""
    if not path.is_file():
        raise InputError(path, "there is no such file", _RESTORE)
    try:
        if path.suffix.lower() in TIFF:
            return _squeezed(_decode_tiff(path))
        if path.suffix.lower() in PNG:
            _check_png(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", PILImage.DecompressionBombWarning)
            return _grey(path, _decode_picture(path))
    except DAMAGE as error:
        raise InputError(path, f"is not a readable picture ({told(error)})", _RESTORE) from error


def _decode_picture(path: Path) -> np.ndarray:
    with PILImage.open(path) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width} x {picture.height} pixels")
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            raise ValueError(f"{frames} pictures in one file")
        return np.asarray(picture.convert("RGBA") if picture.mode in ("P", "PA", "LA") else picture)


def _decode_tiff(path: Path) -> np.ndarray:
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.series) != 1:
                raise ValueError(f"{len(file.series)} pictures in one file")
            if file.series[0].size > 4 * MAX_PIXELS:
                raise ValueError(f"{' x '.join(map(str, file.series[0].shape))} pixels")
            if file.series[0].size == 0:
                raise ValueError("no pixels")
            for page in file.series[0].pages:
                _check_strips(page, path.stat().st_size)
            return np.asarray(file.series[0].asarray())
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    # tifffile leaves some compressions to a package that we do not need otherwise; Pillow knows them.
    return _decode_picture(path)


def _check_strips(page: Any, size: int) -> None:
    """Tifffile fills strips that lie beyond the end of a file with zeros."""
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > size or min(page.databytecounts) < 1:
        raise ValueError("pixels are missing")


def _squeezed(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape([size for size in pixels.shape if size != 1]) if pixels.ndim > 2 else pixels


def _grey(path: Path, pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 3:
        return pixels
    if pixels.shape[2] == 4 and (pixels[..., 3] != pixels[..., 3].max()).any():
        raise InputError(path, "has transparent parts", "flatten it to one grey channel")
    colours = pixels[..., :3]
    if colours.shape[2] != 3 or (colours != colours[..., :1]).any():
        raise InputError(path, "is in colour", "save one grey channel")
    return colours[..., 0]


def _check_png(path: Path) -> None:
    """Walk the chunks of a PNG, for Pillow decodes some whose pixels are damaged or cut (PNG specification, 5)."""
    content = path.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG file")
    place, kind = 8, b""
    while kind != b"IEND":
        if place + 12 > len(content):
            raise ValueError("the file is cut short")
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 8 + length
        if end + 4 > len(content):
            raise ValueError("the file is cut short")
        if zlib.crc32(content[place + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise ValueError("a check sum is wrong")
        place = end + 4
