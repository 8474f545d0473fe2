"""Mobile C-arms as frozen values: a flat detector and where its source can be."""

from dataclasses import dataclass, replace

import numpy as np

from synthex.core import Camera, Rigid
from synthex.core.arrays import Point3
from synthex.geometry.perspective import intrinsics_for
from synthex.geometry.views import Number, SourceSide, View

# Rows are the camera's axes in the world (RAS) for a frontal view, head up.
_AXES_ANTERIOR = np.array(((-1.0, 0, 0), (0, 0, -1), (0, -1, 0)))
_AXES_POSTERIOR = np.array(((1.0, 0, 0), (0, 0, -1), (0, 1, 0)))


@dataclass(frozen=True)
class CArm:
    """A C-arm with a square-pixel flat detector centred on the beam axis.

    Defaults are the Siemens CIOS Spin as published with DeepDRR (``MobileCArm``) and xreg: 1536 x 1536
    pixels of 0.194 mm, SDD 1020 mm; source-isocentre distance 530 mm as in DeepDRR's model.

    Images are always in the radiological display convention: head up and the patient's right on the
    image's left in a frontal view. A posterior source (tube under the table, the usual C-arm) sees the
    patient the other way round, so its camera reads the columns out mirrored (negative ``fx``); its
    pose stays a proper rotation.

    Attributes:
        rows: Detector rows.
        columns: Detector columns.
        pixel_mm: Pixel pitch in mm.
        sdd_mm: Source-to-detector distance in mm.
        source_isocenter_mm: Default source-to-isocentre distance of :meth:`view`, mm.
        source_side: Side of the patient the source is on in the frontal view.
    """

    rows: int = 1536
    columns: int = 1536
    pixel_mm: Number = 0.194
    sdd_mm: Number = 1020.0
    source_isocenter_mm: Number = 530.0
    source_side: SourceSide = "anterior"

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1 or self.pixel_mm <= 0:
            raise ValueError(f"bad detector: {self.rows} x {self.columns} pixels of {self.pixel_mm} mm")
        if not 0 < self.source_isocenter_mm < self.sdd_mm:
            raise ValueError(
                f"the isocentre must lie between source and detector: "
                f"source_isocenter_mm={self.source_isocenter_mm}, sdd_mm={self.sdd_mm}"
            )
        if self.source_side not in ("anterior", "posterior"):
            raise ValueError(f"source_side is 'anterior' or 'posterior', got {self.source_side!r}")

    def binned(self, size: int) -> "CArm":
        """The same detector read out with ``size`` columns: the field in mm stays, pixels grow.

        Raises:
            ValueError: Rows would not come out whole with square pixels.
        """
        rows, remainder = divmod(self.rows * size, self.columns)
        if size < 1 or rows < 1 or remainder:
            raise ValueError(f"cannot bin {self.rows} x {self.columns} to {size} columns with square pixels")
        return replace(self, rows=rows, columns=size, pixel_mm=self.pixel_mm * self.columns / size)

    def view(
        self,
        isocenter_world: Point3,
        lao_rao_deg: Number = 0.0,
        cranial_caudal_deg: Number = 0.0,
        roll_deg: Number = 0.0,
    ) -> View:
        """A view (see :class:`View` for the angles) at this C-arm's default source distance."""
        return View(isocenter_world, lao_rao_deg, cranial_caudal_deg, roll_deg, self.source_isocenter_mm)

    def magnification(self, view: View) -> float:
        """SDD over source-isocentre distance: detector mm per mm at the isocentre."""
        return self.sdd(view) / view.source_isocenter_mm

    def sdd(self, view: View) -> float:
        """Source-to-detector distance in ``view``: the view's own, or else this C-arm's."""
        return float(self.sdd_mm if view.sdd_mm is None else view.sdd_mm)

    def pitch(self, view: View) -> float:
        """Pixel pitch in mm in ``view``: the detector's, or that of the part of it which the view's field is."""
        whole = self.columns * self.pixel_mm
        return float((whole if view.field_mm is None else min(view.field_mm, whole)) / self.columns)

    def camera(self, view: View) -> Camera:
        """The camera of this C-arm in ``view``.

        Raises:
            ValueError: The isocentre would lie behind the detector.
        """
        sdd_mm, pixel_mm = self.sdd(view), self.pitch(view)
        if view.source_isocenter_mm >= sdd_mm:
            raise ValueError(f"isocentre at {view.source_isocenter_mm} mm lies behind the detector at {sdd_mm} mm")
        mirrored = (view.source_side or self.source_side) == "posterior"
        roll = np.deg2rad(-view.roll_deg if mirrored else view.roll_deg)
        about_axis = np.array(((np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1)))
        axes = _AXES_POSTERIOR if mirrored else _AXES_ANTERIOR
        rotation = about_axis @ axes @ view.rotation.T
        translation = np.array((0, 0, view.source_isocenter_mm)) - rotation @ view.isocenter_world
        intrinsics = intrinsics_for(sdd_mm, pixel_mm, self.rows, self.columns, mirrored=mirrored)
        pose = Rigid.from_parts(rotation, translation)
        opening_mm = None if view.opening is None else view.opening * pixel_mm * self.columns
        return Camera(intrinsics, pose, self.rows, self.columns, pixel_mm, opening_mm)
