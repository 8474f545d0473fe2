"""Reading pictures and masks of other people's archives: whole and plausible, or an error of one line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer

from synthex.core import ConfigError, Domain, InputError
from synthex.core.arrays import Image
from synthex.data.real.pictures import decode

H5 = (".h5", ".hdf5")

PIXEL_RANGE_MM = (0.01, 10.0)
"""Pitches between which pixels of radiographs lie, 0.05 to 0.4 mm for detectors and more once reduced; our choice."""

GREY_SHARE = 0.05
"""A mask with more pixels than this share between black and white is a picture (our choice; JPEG edges have less)."""

_CLUTTER = ("thumbs.db", "desktop.ini")


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
    return as_image(path, decode(path))


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
    values = as_image(path, decode(path), kinds="biuf")
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
    return as_labels(path, decode(path), shape, count)


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
