"""From our cameras and CTs to the objects of the DeepDRR package (1.2.2); nothing here needs a GPU.

DeepDRR is imported inside the functions only: it is an optional extra, slow to import and GPL-3.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from synthex.core import Camera, Volume, optional_import
from synthex.core.arrays import VoxelArray

EXTRA = "deepdrr"
MATERIALS = {"air": 0, "soft tissue": 1, "bone": 2}
"""DeepDRR's names of the materials, and the ids that :func:`material_ids` gives them."""
AIR_TO_HU = -800
BONE_ABOVE_HU = 350
"""DeepDRR's thresholds: air up to -800 HU, bone above 350 HU, soft tissue between."""
SKIN = (1, 2)
"""Voxels of air before and behind the CT on each axis: what the fall to air needs, shifted by up to one voxel."""

_ALL_HU = np.arange(-(2**15), 2**15)


def density_g_cm3(hu: VoxelArray) -> Float32[np.ndarray, "I J K"]:
    """DeepDRR's density of every voxel, g/cm3.

    ``max(0, min(1.030 + 0.001029 HU, 1.030 + 0.0005886 HU))``, the two lines that DeepDRR uses below and
    above 0 HU; water thus weighs 1.03.

    Args:
        hu: Hounsfield units, int16.
    """
    lines = np.minimum(1.030 + 0.001029 * _ALL_HU, 1.030 + 0.0005886 * _ALL_HU)
    return _look_up(hu, np.maximum(lines, 0).astype(np.float32))


def material_ids(hu: VoxelArray) -> UInt8[np.ndarray, "I J K"]:
    """DeepDRR's material of every voxel by its two thresholds, as ids of :data:`MATERIALS`.

    Args:
        hu: Hounsfield units, int16.
    """
    return _look_up(hu, ((_ALL_HU > AIR_TO_HU).astype(np.uint8) + (_ALL_HU > BONE_ABOVE_HU)).astype(np.uint8))


def _look_up(hu: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``table`` (its first row is at -32768 HU) at every voxel, in slabs: indices take 8 bytes a voxel."""
    found = np.empty(hu.shape, dtype=table.dtype)
    for index, slab in enumerate(hu):
        found[index] = table[slab.astype(np.intp) + 2**15]
    return found


def unmirrored(camera: Camera) -> tuple[Camera, bool]:
    """A camera with positive ``fx`` that sees the same image, and whether its columns run the other way.

    DeepDRR's columns always run along the camera's +x. Column ``c`` of a mirrored camera is column
    ``width - 1 - c`` of the one returned; the pose and the rays stay.
    """
    if camera.intrinsics[0, 0] > 0:
        return camera, False
    flip = np.array(((-1, 0, camera.width), (0, 1, 0), (0, 0, 1)), dtype=np.float64)
    return replace(camera, intrinsics=flip @ camera.intrinsics), True


def device_of(camera: Camera) -> Any:
    """A ``deepdrr.device.CameraProjectionDevice`` with the rays of a camera whose ``fx`` is positive.

    Both have the origin at the source, +z towards the detector and pixel centres at +0.5.
    """
    geo, devices = optional_import("deepdrr.geo", EXTRA), optional_import("deepdrr.device", EXTRA)
    intrinsics = geo.CameraIntrinsicTransform(
        np.array(camera.intrinsics), sensor_height=camera.height, sensor_width=camera.width
    )
    pose = geo.FrameTransform(np.array(camera.camera_from_world.matrix))
    return devices.CameraProjectionDevice(geo.CameraProjection(intrinsics, pose), pixel_size=camera.pixel_mm)


def volume_of(ct: Volume, voxel_shift: float | int = 1.0) -> Any:
    """A ``deepdrr.Volume`` of densities and materials at the place of the CT, in a skin of air.

    The air has DeepDRR do at the borders of the grid what our projector does: values fall to air within one
    voxel, where DeepDRR alone goes on with the last voxel and stops after half a one. The voxel size goes into
    ``anatomical_from_IJK`` and everything else into ``world_from_anatomical``, because DeepDRR takes the largest
    element of a column for the spacing, which is wrong for oblique axes.

    Args:
        ct: Hounsfield units, int16.
        voxel_shift: Voxels by which the grid is moved back along i, j and k; see
            :class:`synthex.simulation.levels.deepdrr.DeepDRR`.
    """
    package, geo = optional_import("deepdrr", EXTRA), optional_import("deepdrr.geo", EXTRA)
    inner = np.eye(4)
    inner[:3, 3] = -SKIN[0] - voxel_shift
    scale = np.diag((*ct.spacing_mm, 1.0))
    return package.Volume(
        np.pad(density_g_cm3(ct.data), SKIN),
        (dict(MATERIALS), np.pad(material_ids(ct.data), SKIN)),
        anatomical_from_IJK=geo.FrameTransform(scale),
        world_from_anatomical=geo.FrameTransform(ct.world_from_ijk.matrix @ inner @ np.linalg.inv(scale)),
    )


def open_field_kev(spectrum: np.ndarray) -> float:
    """Mean energy of a spectrum, keV: what DeepDRR's pixels hold behind nothing.

    Args:
        spectrum: N x 2: energy in eV and weight, as in ``Projector.spectrum_arr``.
    """
    return float(np.average(spectrum[:, 0], weights=spectrum[:, 1]) / 1000)
