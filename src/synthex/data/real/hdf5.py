"""Reading datasets of other people's HDF5 files: whole and plausible, or an error of one line."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synthex.core import InputError
from synthex.core.limits import MAX_PIXEL_BYTES, MAX_PIXELS, file_size
from synthex.data.real.pictures import DAMAGE, told

MAX_KEYS = 100_000
"""Entries of one group that are looked at."""


def open_h5(path: Path, remedy: str) -> h5py.File:
    """An HDF5 file, opened for reading.

    Raises:
        InputError: It cannot be.
    """
    file_size(path, remedy=remedy)
    try:
        return h5py.File(path, "r")
    except DAMAGE as error:
        raise InputError(path, f"is not a readable HDF5 file ({told(error)})", remedy) from error


def node(file: h5py.File | h5py.Group, key: str, path: Path, remedy: str) -> h5py.Dataset:
    """A dataset of an HDF5 file, whose values lie in that file.

    Raises:
        InputError: There is none by that key, it is reached by a link or lies in another file, or a part of it that
            is read at once is too large.
    """
    found = reached(file, key, path, remedy)
    if not isinstance(found, h5py.Dataset):
        raise InputError(path, f"has no {key}", remedy)
    try:
        if found.is_virtual or found.external:
            raise InputError(path, f"{key} lies in another file", remedy)
        chunk = found.dtype.itemsize * math.prod(found.chunks or (0,))
        one = found.dtype.itemsize * math.prod(found.shape[1:])
    except DAMAGE as error:
        raise InputError(path, f"{key} cannot be read ({told(error)})", remedy) from error
    if max(chunk, one) > MAX_PIXEL_BYTES:
        raise InputError(path, f"{key} is of {' x '.join(map(str, found.shape))} values, which is too much", remedy)
    return found


def reached(file: h5py.File | h5py.Group, key: str, path: Path, remedy: str) -> h5py.Dataset | h5py.Group | None:
    """What an HDF5 file holds under ``key``, None where there is nothing.

    Links are not followed: they may name other files, or themselves.

    Raises:
        InputError: A part of the key is a link, or the file is damaged.
    """
    place = file
    try:
        for part in key.split("/"):
            if not isinstance(place, h5py.Group) or part not in place:
                return None
            if not isinstance(place.get(part, getlink=True), h5py.HardLink):
                raise InputError(path, f"{key} is a link, and links are not followed", remedy)
            place = place.get(part)
    except DAMAGE as error:
        raise InputError(path, f"{key} cannot be read ({told(error)})", remedy) from error
    return place


def keys(file: h5py.File | h5py.Group, path: Path, remedy: str) -> list[str]:
    """Names in a group, sorted.

    Raises:
        InputError: The file is damaged, or there are too many.
    """
    try:
        if len(file) > MAX_KEYS:
            raise InputError(path, f"has a group of {len(file)} entries", remedy)
        return sorted(str(key) for key in file)
    except DAMAGE as error:
        raise InputError(path, f"cannot be read ({told(error)})", remedy) from error


def row(found: h5py.Dataset, index: int, path: Path, remedy: str) -> np.ndarray:
    """One row of a dataset that :func:`node` gave: numbers, booleans, or bytes of text.

    Raises:
        InputError: It is damaged, or of another type.
    """
    if found.dtype.kind not in "biufSO" or (found.dtype.kind == "O" and h5py.check_string_dtype(found.dtype) is None):
        raise InputError(path, f"{found.name} holds no numbers ({found.dtype})", remedy)
    try:
        return np.asarray(found[index])
    except DAMAGE as error:
        raise InputError(path, f"{found.name} cannot be read ({told(error)})", remedy) from error


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
    found = node(file, key, path, remedy)
    try:
        value: Any = found[()] if found.size == 1 else None
        value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        value = value.decode("utf-8") if isinstance(value, bytes) else value
    except DAMAGE as error:
        raise InputError(path, f"{key} cannot be read ({told(error)})", remedy) from error
    if not isinstance(value, str) or not value.strip():
        raise InputError(path, f"{key} is no text", remedy)
    return value.strip()
