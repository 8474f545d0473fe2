"""The detector of the DeepFluoro file: parameters that all of its projections share."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from synthex.core import InputError
from synthex.core.arrays import Matrix3, Matrix4
from synthex.core.limits import MAX_PIXELS
from synthex.data.real.deepfluoro_camera import camera_of
from synthex.data.real.hdf5 import numbers
from synthex.data.real.hip_names import DEEPFLUORO
from synthex.data.real.pictures import told

WHERE = f"{DEEPFLUORO}; give real.root=<folder>/ipcai_2020_full_res_data.h5"
PARAMETERS = "proj-params"

PIXEL_RANGE_MM, FOCAL_RANGE_MM, ASPECT = (0.05, 1.0), (300.0, 3000.0), 0.01
"""What the pitch (0.194 mm) and the focal length of a C-arm may be, and how far pixels may be from square."""


@dataclass(frozen=True)
class Detector:
    """What all projections of the file share.

    Attributes:
        intrinsic: Their camera to pixels.
        extrinsic: Their world to their camera.
        height: Rows.
        width: Columns.
        pixel_mm: Pitch of the square pixels.
    """

    intrinsic: Matrix3
    extrinsic: Matrix4
    height: int
    width: int
    pixel_mm: float


def read_detector(file: h5py.File, path: Path) -> Detector:
    """The parameters that all projections share, if they are those of a C-arm.

    Raises:
        InputError: They are missing or none.
    """
    keys = ("num-rows", "num-cols", "pixel-row-spacing", "pixel-col-spacing")
    values = [numbers(file, f"{PARAMETERS}/{key}", None, path, WHERE) for key in keys]
    if any(value.shape != (1,) for value in values):
        raise InputError(path, f"{PARAMETERS} holds more than one number for one of {', '.join(keys)}", WHERE)
    rows, columns, row_mm, column_mm = (float(value[0]) for value in values)
    sides = (rows, columns)
    if any(side != round(side) or not 1 <= side <= MAX_PIXELS**0.5 for side in sides):
        raise InputError(path, f"{PARAMETERS}: a detector of {rows:g} x {columns:g} pixels", WHERE)
    low, high = PIXEL_RANGE_MM
    if not (low <= min(row_mm, column_mm) and max(row_mm, column_mm) <= high and abs(row_mm / column_mm - 1) <= ASPECT):
        raise InputError(path, f"{PARAMETERS}: pixels of {column_mm:g} x {row_mm:g} mm", WHERE)
    intrinsic = numbers(file, f"{PARAMETERS}/intrinsic", (3, 3), path, WHERE)
    extrinsic = numbers(file, f"{PARAMETERS}/extrinsic", (4, 4), path, WHERE)
    focal = (abs(intrinsic[0, 0]) * column_mm, abs(intrinsic[1, 1]) * row_mm)
    if not FOCAL_RANGE_MM[0] <= min(focal) <= max(focal) <= FOCAL_RANGE_MM[1] or abs(focal[0] / focal[1] - 1) > ASPECT:
        raise InputError(path, f"{PARAMETERS}/intrinsic: focal lengths of {focal[0]:g} and {focal[1]:g} mm", WHERE)
    try:
        camera_of(intrinsic, extrinsic, np.eye(4), int(rows), int(columns), column_mm)
    except ValueError as error:
        raise InputError(path, f"{PARAMETERS}: {told(error)}", WHERE) from error
    return Detector(intrinsic, extrinsic, int(rows), int(columns), column_mm)
