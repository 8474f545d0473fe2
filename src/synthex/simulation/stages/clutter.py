"""What lies on a patient and is no instrument: cables, buttons, a gonad shield."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from synthex.core import Camera, derive_rng
from synthex.core.arrays import Image, Point3, QuantityStack
from synthex.physics import get_material
from synthex.simulation.draws import Limits, Parameters, Setting

_SUBPIXEL_BITS = 4
"""Fractional bits of OpenCV's coordinates."""


@dataclass(frozen=True)
class Clutter(Parameters):
    """Flat things that rays cross, drawn on the detector; targets do not know of them.

    All ranges are our choice. A shield hides landmarks that still count as visible, so it is rare.

    Attributes:
        cables: Probability of a cable, once and again.
        cable_mm: Its width at the detector.
        cable_copper_mm: Copper that a ray through its middle crosses.
        buttons: Probability of a row of buttons.
        button_mm: Diameter of one.
        button_plastic_mm: Its thickness.
        shield: Probability of a gonad shield below the middle of the view.
        shield_mm: Its width.
        shield_lead_mm: Its thickness.
    """

    cables: Annotated[Setting, Limits(0, 1)] = 0.08
    cable_mm: Annotated[Setting, Limits(0.1, 50, "mm")] = (1.5, 4)
    cable_copper_mm: Annotated[Setting, Limits(0, 10, "mm")] = (0.1, 0.6)
    buttons: Annotated[Setting, Limits(0, 1)] = 0.04
    button_mm: Annotated[Setting, Limits(1, 100, "mm")] = (9, 18)
    button_plastic_mm: Annotated[Setting, Limits(0, 20, "mm")] = (2, 4)
    shield: Annotated[Setting, Limits(0, 1)] = 0.01
    shield_mm: Annotated[Setting, Limits(10, 400, "mm")] = (70, 140)
    shield_lead_mm: Annotated[Setting, Limits(0, 5, "mm")] = (0.3, 1)

    def add(
        self,
        area: QuantityStack,
        materials: Sequence[str],
        camera: Camera,
        about_world: Point3,
        drawn: dict[str, float],
        key: int,
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """The area densities (g/cm2, M x H x W) with those of what lies there, and their materials.

        Args:
            area: Of the patient.
            materials: Name of each.
            camera: The camera.
            about_world: The point that the view is about, RAS mm.
            drawn: The draw.
            key: Of the image's streams.
        """
        names, stack = list(materials), area
        for material, thickness_mm in self.sheets(camera, about_world, drawn, key):
            grams = thickness_mm * np.float32(get_material(material).density_g_cm3 / 10)
            if material in names:
                stack[names.index(material)] += grams
            else:
                names.append(material)
                stack = np.concatenate((stack, grams[None]))
        return stack, tuple(names)

    def sheets(self, camera: Camera, about_world: Point3, drawn: dict[str, float], key: int) -> list[tuple[str, Image]]:
        """Material and thickness along every pixel's ray, mm, H x W, of what lies there."""
        rng = derive_rng(key, "clutter")
        is_there = rng.random(4) < (drawn["cables"], drawn["cables"], drawn["buttons"], drawn["shield"])
        found: list[tuple[str, Image]] = []
        for _ in range(int(is_there[:2].sum())):
            found.append(("copper", _cable(camera, drawn["cable_mm"], rng) * np.float32(drawn["cable_copper_mm"])))
        if is_there[2]:
            found.append(("pmma", _buttons(camera, drawn["button_mm"], rng) * np.float32(drawn["button_plastic_mm"])))
        if is_there[3]:
            middle = camera.project(np.asarray(about_world, dtype=np.float64)[None])[0]
            found.append(
                ("lead", _shield(camera, middle, drawn["shield_mm"], rng) * np.float32(drawn["shield_lead_mm"]))
            )
        return found


def _cable(camera: Camera, width_mm: float, rng: np.random.Generator) -> Image:
    """A slack line between two points beside the image; 1 on it."""
    size = np.array((camera.width, camera.height), dtype=np.float64)
    angle, turn, bows = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 1.5) * math.pi, rng.normal(0, 0.25, (2, 2))
    ends = [size * (0.5 + 0.9 * np.array((math.cos(at), math.sin(at)))) for at in (angle, angle + turn)]
    inner = [end * 0.6 + size * 0.2 + bow * size for end, bow in zip(ends, bows, strict=True)]
    t = np.linspace(0, 1, 60)[:, None]
    line = (1 - t) ** 3 * ends[0] + 3 * (1 - t) ** 2 * t * inner[0] + 3 * (1 - t) * t**2 * inner[1] + t**3 * ends[1]
    return _drawn(camera, [line], max(1, round(width_mm / camera.pixel_mm)))


def _buttons(camera: Camera, diameter_mm: float, rng: np.random.Generator) -> Image:
    """Three to five discs in a row; 1 on them."""
    radius = diameter_mm / 2 / camera.pixel_mm
    first = rng.uniform(0.1, 0.9, 2) * (camera.width, camera.height)
    angle, step = rng.uniform(0, 2 * math.pi), rng.uniform(70, 110) / camera.pixel_mm
    along = np.array((math.cos(angle), math.sin(angle)))
    around = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    circle = radius * np.column_stack((np.cos(around), np.sin(around)))
    return _drawn(camera, [first + number * step * along + circle for number in range(int(rng.integers(3, 6)))])


def _shield(camera: Camera, middle_px: np.ndarray, width_mm: float, rng: np.random.Generator) -> Image:
    """A rounded triangle that points to the feet, or a heart's half of it; 1 on it."""
    width = width_mm / camera.pixel_mm
    around = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    narrowing = rng.uniform(0.3, 0.8)
    down = -np.cos(around) * rng.uniform(0.45, 0.7)
    across = np.sin(around) * (1 - narrowing * (down + 0.5)) * 0.5
    offset = rng.normal(0, 20, 2) / camera.pixel_mm
    return _drawn(camera, [middle_px + offset + width * np.column_stack((across, down + 0.2))])


def _drawn(camera: Camera, lines: Sequence[np.ndarray], thickness_px: int | None = None) -> Image:
    """Lines (P x 2, column and row in pixels) as strokes, or filled where no thickness is given; 0 to 1."""
    canvas = np.zeros((camera.height, camera.width), dtype=np.uint8)
    # OpenCV has the centre of the first pixel at 0.
    points = [np.rint((line - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32) for line in lines]
    if thickness_px is None:
        for filled in points:
            cv2.fillPoly(canvas, [filled], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    else:
        cv2.polylines(canvas, points, False, 255, thickness_px, cv2.LINE_AA, _SUBPIXEL_BITS)
    return canvas.astype(np.float32) / np.float32(255)
