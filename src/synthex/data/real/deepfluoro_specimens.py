"""The CTs of the DeepFluoro specimens as an :class:`synthex.core.AnatomySource`."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synthex.core import Affine, Anatomy, InputError, Volume
from synthex.core.limits import MAX_VOXELS
from synthex.data.real.deepfluoro_detector import WHERE
from synthex.data.real.hdf5 import node, numbers, open_h5
from synthex.data.real.hip_names import STRUCTURES
from synthex.data.real.pictures import DAMAGE, told

VERSION = 1
"""Part of every fingerprint: raise it when the same file would give other arrays."""

AIR_HU = -500
"""Every CT of a body has voxels below it. Without them the numbers are not HU: air is 0 where 1024 was added."""


class DeepFluoroSpecimens:
    """CT, bone labels and landmarks of each specimen, in RAS mm: the world of the poses of its projections.

    The file's volumes are [slice, row, column] in LPS mm; voxel (column, row, slice) lies at
    ``origin + dir-mat (spacing * index)``. Labels 1 to 6 are the hip task's structures; a seventh, which is not
    documented, counts as none.

    Args:
        path: ``ipcai_2020_full_res_data.h5``.
        groups: Subject id to the specimen's name in the file.
        landmarks: Those that are read.
    """

    def __init__(self, path: Path, groups: Mapping[str, str], landmarks: Sequence[str]) -> None:
        self._path, self._groups, self._landmarks = path, dict(groups), tuple(landmarks)
        self._prints: dict[str, str] = {}

    def subject_ids(self) -> tuple[str, ...]:
        """Numbers of the specimens in the study's order."""
        return tuple(self._groups)

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the file, by its size and time, and the specimen."""
        if subject_id not in self._prints:
            state = self._path.stat()
            facts = (VERSION, self._groups[subject_id], state.st_size, state.st_mtime_ns, self._landmarks)
            self._prints[subject_id] = hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()
        return self._prints[subject_id]

    def load(self, subject_id: str) -> Anatomy:
        """One specimen at its native resolution.

        Raises:
            InputError: Something of it is missing, damaged, or not what it should be.
        """
        group = self._groups[subject_id]
        with open_h5(self._path, WHERE) as file:
            ct, place = self._volume(file, f"{group}/vol")
            labels, labels_place = self._volume(file, f"{group}/vol-seg/image")
            points = {
                name: numbers(file, f"{group}/vol-landmarks/{name}", None, self._path, WHERE)
                for name in self._landmarks
            }
        if ct.shape != labels.shape or not np.allclose(place.matrix, labels_place.matrix, atol=1e-3):
            raise InputError(self._path, f"{group}/vol-seg lies on another grid than {group}/vol", WHERE)
        wrong = [name for name, point in points.items() if point.shape != (3,)]
        if wrong:
            raise InputError(self._path, f"{group}/vol-landmarks/{wrong[0]} is no point", WHERE)
        if not ct.size or ct.min() > AIR_HU:
            raise InputError(self._path, f"{group}/vol has no air below {AIR_HU}, so it is not in HU", WHERE)
        known = np.where(labels <= len(STRUCTURES), labels, 0).astype(np.uint8)
        return Anatomy(
            subject_id=subject_id,
            ct=Volume(np.rint(ct).clip(-1024, 32767).astype(np.int16), place),
            labels=Volume(known, place),
            structures={name: index for index, name in enumerate(STRUCTURES, start=1)},
            landmarks={name: point * (-1.0, -1.0, 1.0) for name, point in points.items()},
        )

    def _volume(self, file: h5py.File, key: str) -> tuple[np.ndarray, Affine]:
        """Voxels as [column, row, slice], and where they lie in RAS mm."""
        found: Any = node(file, f"{key}/pixels", self._path, WHERE)
        if found.dtype.kind not in "iuf" or len(found.shape) != 3 or not 0 < found.size <= MAX_VOXELS:
            raise InputError(self._path, f"{key}/pixels is no volume", WHERE)
        try:
            voxels = np.asarray(found[()]).transpose(2, 1, 0)
        except DAMAGE as error:
            raise InputError(self._path, f"{key}/pixels cannot be read ({told(error)})", WHERE) from error
        if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
            raise InputError(self._path, f"{key}/pixels holds NaN or infinity", WHERE)
        spacing, origin = (numbers(file, f"{key}/{name}", None, self._path, WHERE) for name in ("spacing", "origin"))
        turn = numbers(file, f"{key}/dir-mat", (3, 3), self._path, WHERE)
        if spacing.shape != (3,) or origin.shape != (3,) or not (spacing > 0).all():
            raise InputError(self._path, f"{key} has no spacing and origin of three numbers", WHERE)
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3):
            raise InputError(self._path, f"{key}/dir-mat is no rotation", WHERE)
        flip = np.diag((-1.0, -1.0, 1.0))
        return voxels, Affine.from_parts(flip @ turn * spacing, flip @ origin)
