"""Reading datasets of other people's HDF5 files: whole and plausible, or an error of one line."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synthex.core import InputError
from synthex.core.limits import MAX_PIXELS
from synthex.data.real.pictures import DAMAGE, told


def open_h5(path: Path, remedy: str) -> h5py.File:
    """An HDF5 file, opened for reading.

    Raises:
        InputError: It cannot be.
    """
    if not path.is_file():
        raise InputError(path, "there is no such file", remedy)
    try:
        return h5py.File(path, "r")
    except DAMAGE as error:
        raise InputError(path, f"is not a readable HDF5 file ({told(error)})", remedy) from error


def node(file: h5py.File | h5py.Group, key: str, path: Path, remedy: str) -> h5py.Dataset:
    """A dataset of an HDF5 file.

    Raises:
        InputError: There is none by that key.
    """
    try:
        found = file.get(key)
    except DAMAGE as error:
        raise InputError(path, f"{key} cannot be read ({told(error)})", remedy) from error
    if not isinstance(found, h5py.Dataset):
        raise InputError(path, f"has no {key}", remedy)
    return found


def numbers(
    file: h5py.File | h5py.Group, key: str, shape: tuple[int, ...] | None, path: Path, remedy: str
) -> np.ndarray:
    """Finite float64 numbers of an HDF5 dataset.

    Args:
        file: Open file or group.
        key: Of the dataset.
        shape: That it must have; None for that of any vector, given flat.
        path: The file.
        remedy: What to do if it is damaged.

    Raises:
        InputError: They are missing, not numbers, not finite or of another shape.
    """
    found = node(file, key, path, remedy)
    if found.dtype.kind not in "biuf" or found.size > MAX_PIXELS:
        raise InputError(path, f"{key} holds no numbers ({found.dtype})", remedy)
    try:
        values = np.asarray(found[()], dtype=np.float64)
    except DAMAGE as error:
        raise InputError(path, f"{key} cannot be read ({told(error)})", remedy) from error
    values = values.reshape(-1) if shape is None else values
    if shape is not None and values.shape != shape:
        wanted = " x ".join(map(str, shape)) or "one number"
        raise InputError(path, f"{key} is {' x '.join(map(str, values.shape)) or 'one number'}, not {wanted}", remedy)
    if not np.isfinite(values).all():
        raise InputError(path, f"{key} holds NaN or infinity", remedy)
    return values


def text(file: h5py.File | h5py.Group, key: str, path: Path, remedy: str) -> str:
    """A string of an HDF5 file, stored as one or as bytes.

    Raises:
        InputError: It is missing or no text.
    """
    try:
        value: Any = node(file, key, path, remedy)[()]
        value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        value = value.decode("utf-8") if isinstance(value, bytes) else value
    except DAMAGE as error:
        raise InputError(path, f"{key} cannot be read ({told(error)})", remedy) from error
    if not isinstance(value, str) or not value.strip():
        raise InputError(path, f"{key} is no text", remedy)
    return value.strip()
