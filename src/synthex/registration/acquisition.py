"""What a radiograph's DICOM tags say about its C-arm (DICOM PS3.3 C.8.7.5, C.8.19.6), and the camera they make."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.core import Camera, Rigid
from synthex.core.arrays import Point3
from synthex.dicom import is_dicom, number, open_dicom
from synthex.geometry import View
from synthex.geometry.perspective import intrinsics_for


@dataclass(frozen=True)
class Acquisition:
    """Geometry of one radiograph; None is what its file does not say.

    Attributes:
        sdd_mm: Distance Source to Detector.
        source_patient_mm: Distance Source to Patient, about that to the isocentre.
        lao_rao_deg: Positioner Primary Angle: of the detector about the patient, LAO positive.
        cranial_caudal_deg: Positioner Secondary Angle, cranial positive.
    """

    sdd_mm: float | None = None
    source_patient_mm: float | None = None
    lao_rao_deg: float | None = None
    cranial_caudal_deg: float | None = None


def read_acquisition(path: Path) -> Acquisition:
    """The geometry in a file's tags; all None for files that are not DICOM, and for values that cannot be.

    Raises:
        InputError: A DICOM file that cannot be opened.
    """
    if not is_dicom(path):
        return Acquisition()
    file = open_dicom(path)

    def within(keyword: str, low: float, high: float) -> float | None:
        value = number(file, keyword)
        return value if value is not None and low <= value <= high else None

    return Acquisition(
        within("DistanceSourceToDetector", 100, 5000),
        within("DistanceSourceToPatient", 50, 5000),
        within("PositionerPrimaryAngle", -180, 180),
        within("PositionerSecondaryAngle", -90, 90),
    )


def camera_without_pose(
    height: int,
    width: int,
    pixel_mm: float,
    sdd_mm: float,
    *,
    mirrored: bool,
    principal_point: tuple[float, float] | None = None,
) -> Camera:
    """A camera whose intrinsics are known and whose pose is not.

    Args:
        height: Rows.
        width: Columns.
        pixel_mm: Pitch at the detector.
        sdd_mm: Source-to-detector distance.
        mirrored: Whether the image is shown from the other side than the source sees it: the patient's right on the
            image's left with the source behind a supine patient.
        principal_point: (column, row) where the central axis meets the detector; None: the middle of the image.
    """
    intrinsics = intrinsics_for(sdd_mm, pixel_mm, height, width, mirrored=mirrored)
    if principal_point is not None:
        intrinsics[:2, 2] = principal_point
    return Camera(intrinsics, Rigid.from_parts(np.eye(3), (0, 0, sdd_mm / 2)), height, width, pixel_mm)


def view_of(acquisition: Acquisition, isocenter_world: Point3, source_isocenter_mm: float) -> View | None:
    """The view that positioner angles describe; None without them.

    The tags speak of the detector. A View speaks of the anterior end of the beam axis, which is the detector's end
    where the source is behind the patient.
    """
    if acquisition.lao_rao_deg is None:
        return None
    return View(
        isocenter_world,
        acquisition.lao_rao_deg,
        acquisition.cranial_caudal_deg or 0.0,
        source_isocenter_mm=acquisition.source_patient_mm or source_isocenter_mm,
    )
