"""Writing samples in the layout of the study's surgical tool archive, which its own code can read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

from synthex.core import ConfigError, Sample, Vocabulary, atomic_path, write_json
from synthex.data.real.tool_layout import IMAGES, LANDMARKS, MASKS, SIDECAR

ABSENT = -2.0
"""Coordinate of a landmark that is known to be outside the image: outside, and not the -1 of a missing annotation."""

UNKNOWN = -1.0
"""Coordinate of a landmark that is not annotated (the archive's own mark)."""

SCHEMA = 1


def check_one_structure(vocabulary: Vocabulary) -> None:
    """Refuse tasks whose labels this layout cannot hold.

    Raises:
        ConfigError: The task has more or fewer than one structure.
    """
    if len(vocabulary.structures) != 1:
        raise ConfigError(
            f"the tool folders hold one mask an image, the task has {len(vocabulary.structures)} structures; "
            "choose format=hdf5 or format=folder"
        )


def write_tool_folders(folder: str | Path, samples: Iterable[Sample], vocabulary: Vocabulary) -> Path:
    """Write ``proj/00000.tiff`` (float32), ``seg/00000.tiff`` (0 and 1) and ``lands/00000.h5`` a case, numbered from 0.

    Landmark files hold ``ld1``, ``ld2``, … in the order of the vocabulary: [column, row], pixel centres at
    integers; (-1, -1) where not annotated, (-2, -2) where known to be outside the image. What these files cannot
    say (names, ids, domain, pixel pitch, magnification, records) is in ``synthex.json`` beside them, written last.

    Returns:
        Path of ``synthex.json``.

    Raises:
        ConfigError: The task has more or fewer than one structure.
    """
    check_one_structure(vocabulary)
    folder = Path(folder)
    cases: dict[str, Any] = {}
    for index, sample in enumerate(samples):
        name = f"{index:05d}"
        with atomic_path(folder / IMAGES / f"{name}.tiff") as path:
            tifffile.imwrite(path, sample.image, compression="zlib")
        with atomic_path(folder / MASKS / f"{name}.tiff") as path:
            tifffile.imwrite(path, sample.masks[0].astype(np.uint8), compression="zlib")
        with atomic_path(folder / LANDMARKS / f"{name}.h5") as path, h5py.File(path, "w") as file:
            for number, point in enumerate(_stored_points(sample), 1):
                file[f"ld{number}"] = point
        cases[name] = {
            "case_id": sample.case_id,
            "subject_id": sample.subject_id,
            "domain": sample.domain,
            "pixel_mm": sample.pixel_mm,
            "magnification": sample.magnification,
            "record": dict(sample.record),
        } | ({} if sample.masks_annotated.all() else {"mask_annotated": False})
    document = {
        "schema": SCHEMA,
        "structures": list(vocabulary.structures),
        "landmarks": list(vocabulary.landmarks),
        "cases": cases,
    }
    write_json(folder / SIDECAR, document)
    return folder / SIDECAR


def _stored_points(sample: Sample) -> np.ndarray:
    """L x 2 in the archive's convention."""
    outside = np.where(sample.annotated[:, None], ABSENT, UNKNOWN)
    return np.where(sample.visible[:, None], sample.landmarks - 0.5, outside)
