"""Things between source and detector that simulations of bare anatomy lack: metal, collimator, uneven gain.

They act on the attenuation scale (air 0, densest pixel of the image 1), so that one law serves both
domains. Sizes of objects are mm at the isocentre, of shadows at the detector mm.
"""

import math
from collections.abc import Callable

import numpy as np

from synthex.augment.library import cv2
from synthex.augment.operation import Frame, PixelOperation, attenuation, generator
from synthex.core.arrays import Image

_EDGE_PX = 0.7  # half-width of the antialiased edge of a metal object


class _Metal(PixelOperation):
    """A metal object: adds its thickness profile times ``strength`` and saturates at ``ceiling``.

    Steel and titanium attenuate several times more than bone per mm, so the detector has nothing left:
    the object is at or above the densest bone.
    """

    _thickness: Callable[..., Image]
    """(along, across, frame, shape) -> H x W, in units of the object's largest; coordinates in px."""

    def _render(self, unit: Image, frame: Frame, *, strength: float, ceiling: float, **shape: float) -> Image:
        along, across = _object_axes(frame, shape.pop("x"), shape.pop("y"), shape.pop("angle_deg"))
        thickness = self._thickness(along, across, frame, **shape)
        level = attenuation(unit, frame)
        with_metal = np.minimum(level + np.float32(strength) * thickness, np.maximum(level, np.float32(ceiling)))
        return attenuation(with_metal, frame)


class MetalRod(_Metal):
    """A rod or pin with rounded profile; spinal rods are 5 to 6.5 mm, K-wires 1 to 2.5 mm in diameter."""

    name = "metal_rod"

    def _thickness(self, along: Image, across: Image, frame: Frame, *, length_mm: float, diameter_mm: float) -> Image:
        radius = max(frame.object_px(diameter_mm) / 2, 0.5)
        chord = np.sqrt(np.clip(1 - (across / radius) ** 2, 0, None))
        return chord * _inside(np.abs(along) - frame.object_px(length_mm) / 2)


class MetalPlate(_Metal):
    """A flat bone plate with round screw holes; reconstruction plates are about 10 mm wide, holes every 12-16 mm."""

    name = "metal_plate"

    def _thickness(
        self, along: Image, across: Image, frame: Frame, *, length_mm: float, width_mm: float, pitch_mm: float
    ) -> Image:
        half_length, half_width = frame.object_px(length_mm) / 2, frame.object_px(width_mm) / 2
        pitch = frame.object_px(pitch_mm)
        nearest = along - (np.floor(along / pitch) + 0.5) * pitch
        hole = np.hypot(nearest, across) - 0.25 * frame.object_px(width_mm)
        core = np.hypot(np.clip(np.abs(along) - half_length + half_width, 0, None), across)
        return _inside(core - half_width) * (1 - _inside(hole))


class MetalScrew(_Metal):
    """A screw: head, threaded shaft and tip; pelvic screws are 3.5 to 7.3 mm in diameter, 16 to 130 mm long."""

    name = "metal_screw"

    def _thickness(
        self, along: Image, across: Image, frame: Frame, *, length_mm: float, diameter_mm: float, pitch_mm: float
    ) -> Image:
        length, radius = frame.object_px(length_mm), max(frame.object_px(diameter_mm) / 2, 0.5)
        turn = along / frame.object_px(pitch_mm) + np.sign(across) * 0.25
        thread = 0.75 + 0.25 * np.abs(2 * (turn - np.floor(turn)) - 1)
        tip = np.clip((length / 2 - along) / (2 * radius), 0, 1)
        shaft = np.clip(1 - (across / (radius * thread * np.maximum(tip, 1e-3))) ** 2, 0, None) ** 0.5
        shaft = shaft * _inside(np.abs(along) - length / 2)
        head = _inside(np.hypot(along + length / 2, across) - 1.3 * radius)
        return np.maximum(shaft, head)


class Collimation(PixelOperation):
    """The field stop: outside a tilted rectangle (``sides`` 4) or octagon (8) the image has one ``level``.

    ``half_width`` and ``half_height`` are fractions of half the image, ``x`` and ``y`` the field's centre
    off the image's as fractions of its size. ``level`` is on the attenuation scale: above 1 for closed
    shutters, 0 for a surround blanked to the colour of air. The penumbra is the focal spot (0.6-1.2 mm)
    times (SDD - d) / d for shutters at d of 25-35 cm from the source: 1 to 4 mm at the detector.
    """

    name = "collimation"

    def _render(
        self,
        unit: Image,
        frame: Frame,
        *,
        sides: int,
        half_width: float,
        half_height: float,
        x: float,
        y: float,
        tilt_deg: float,
        penumbra_mm: float,
        level: float,
    ) -> Image:
        along, across = _object_axes(frame, 0.5 + x, 0.5 + y, tilt_deg)
        a, b = half_width * frame.width / 2, half_height * frame.height / 2
        outside = np.maximum(np.abs(along) - a, np.abs(across) - b)
        if sides == 8:
            corner = (np.abs(along) / a + np.abs(across) / b - math.sqrt(2)) * min(a, b) / math.sqrt(2)
            outside = np.maximum(outside, corner)
        closed = _inside(-outside, max(penumbra_mm / frame.pixel_mm / 2, _EDGE_PX))
        return attenuation(attenuation(unit, frame) * (1 - closed) + np.float32(level) * closed, frame)


class UnevenContrast(PixelOperation):
    """A low-frequency field of gain (log standard deviation ``gain``) and gamma (``gamma``) over the image.

    Stands for heel effect, vignetting, scatter and local tone mapping, none of which is uniform. Not clipped:
    a low-frequency field must not wipe out what lies under it.
    """

    name = "uneven_contrast"

    def _render(self, unit: Image, frame: Frame, *, gain: float, gamma: float, seed: int) -> Image:
        rng = generator(seed)
        gains = np.exp(np.float32(gain) * smooth_field(rng, unit.shape))
        gammas = np.exp(np.float32(gamma) * smooth_field(rng, unit.shape))
        return gains * unit**gammas


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int = 4) -> Image:
    """A field of about unit variance that varies over a ``cells``-th of the image, clipped to [-2, 2]."""
    grid = rng.standard_normal((cells, cells)).astype(np.float32)
    return np.clip(cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC), -2, 2)


def _object_axes(frame: Frame, x: float, y: float, angle_deg: float) -> tuple[Image, Image]:
    """Coordinates in px along and across an axis through (x W, y H), turned from +column to +row."""
    columns = np.arange(frame.width, dtype=np.float32) + np.float32(0.5 - x * frame.width)
    rows = (np.arange(frame.height, dtype=np.float32) + np.float32(0.5 - y * frame.height))[:, None]
    cosine, sine = np.float32(np.cos(np.deg2rad(angle_deg))), np.float32(np.sin(np.deg2rad(angle_deg)))
    return cosine * columns + sine * rows, cosine * rows - sine * columns


def _inside(distance: Image, half_width: float = _EDGE_PX) -> Image:
    """1 where the signed distance (px) is below -half_width, 0 above half_width, smooth between."""
    t = np.clip(0.5 - distance / np.float32(2 * half_width), 0, 1)
    return t * t * (3 - 2 * t)
