"""The field: what the beam and the panel are like from pixel to pixel, and what a flat-field correction leaves."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from synthex.core import Camera, ConfigError, derive_rng
from synthex.core.arrays import Image
from synthex.physics.field import anode_depth, collimation, gain_residual, heel_field, inverse_square_field
from synthex.simulation.draws import Limits, Parameters, Setting

Shape = Literal["rectangle", "octagon", "circle"]

LEAST_MARGIN_DEG = 2.0
"""How much farther than the detector's edge a tube's beam reaches: a tube is chosen for its detector."""


@dataclass(frozen=True)
class Field(Parameters):
    """Heel effect, distance, collimation and the gain of the panel.

    Attributes:
        correction: How much of heel effect and distance the flat-field correction takes out of the signal (their
            noise stays): 1 all, 0 none. Calibrated at another distance, it leaves some.
        gain_residual: Standard deviation of the slow gain that calibration leaves; 0.005 to 0.02.
        gain_correlation_mm: Its correlation length at the detector; our choice.
        collimated: Probability that the collimator is in the image. 0 by default: targets are geometry, so that
            landmarks behind the shutters still count as visible.
        open_width: Half width of the field over the detector's, where collimated.
        open_height: Half height likewise.
        tilt_deg: Rotation of the collimator.
        penumbra_mm: Width of its edge at the detector; 1 to 4 mm.
        leakage: Intensity behind it; 0.01 to 0.05.
        shape: ``rectangle``, ``octagon`` or ``circle``.
    """

    correction: Annotated[Setting, Limits(0, 1)] = (0.8, 1.0)
    gain_residual: Annotated[Setting, Limits(0, 0.2)] = (0.002, 0.01)
    gain_correlation_mm: Annotated[Setting, Limits(1, 1000, "mm")] = (20, 80)
    collimated: Annotated[Setting, Limits(0, 1)] = 0
    open_width: Annotated[Setting, Limits(0.05, 2)] = (0.6, 1.0)
    open_height: Annotated[Setting, Limits(0.05, 2)] = (0.6, 1.0)
    tilt_deg: Annotated[Setting, Limits(-180, 180, "degrees")] = (-3, 3)
    penumbra_mm: Annotated[Setting, Limits(0, 50, "mm")] = (1, 4)
    leakage: Annotated[Setting, Limits(0, 1)] = (0.01, 0.05)
    shape: Shape = "rectangle"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape not in ("rectangle", "octagon", "circle"):
            raise ConfigError(f"simulation.field.shape is rectangle, octagon or circle, got {self.shape!r}")

    def beam(self, camera: Camera, tube: dict[str, float]) -> Image:
        """Intensity over the detector, 1 at the principal point: heel effect and distance, which calibration knows."""
        direction = tube["anode_direction_deg"]
        target = max(tube["target_angle_deg"], covering_angle_deg(camera, direction) + LEAST_MARGIN_DEG)
        heel = heel_field(camera, direction, target, anode_depth(tube["kvp"]))
        return heel * inverse_square_field(camera)

    def shutters(self, camera: Camera, drawn: dict[str, float], key: int) -> Image | None:
        """Transmission of the collimator, or None where it is out of the image."""
        if derive_rng(key, "field", "is collimated").random() >= drawn["collimated"]:
            return None
        return collimation(
            camera,
            drawn["open_width"] * camera.width * camera.pixel_mm / 2,
            drawn["open_height"] * camera.height * camera.pixel_mm / 2,
            shape=self.shape,
            tilt_deg=drawn["tilt_deg"],
            penumbra_mm=drawn["penumbra_mm"],
            leakage=drawn["leakage"],
        )

    def flat_fielded(self, image: Image, beam: Image, camera: Camera, drawn: dict[str, float], key: int) -> Image:
        """The image divided by the calibrated part of the beam, times the gain that calibration leaves."""
        calibrated = np.maximum(beam, 0.05) ** np.float32(drawn["correction"])
        rng = derive_rng(key, "field", "gain")
        gain = gain_residual(camera, drawn["gain_residual"], drawn["gain_correlation_mm"], rng)
        return image * (gain / calibrated)


def covering_angle_deg(camera: Camera, direction_deg: float | int) -> float:
    """Angle from the central ray to the detector's farthest corner along a direction in the image (0: columns)."""
    direction = np.deg2rad(direction_deg)
    columns = np.array((0, camera.width)) - camera.intrinsics[0, 2]
    rows = np.array((0, camera.height)) - camera.intrinsics[1, 2]
    reach = (columns * np.cos(direction)).max() + (rows * np.sin(direction)).max()
    return float(np.rad2deg(np.arctan2(reach * camera.pixel_mm, camera.sdd_mm)))
