"""A total hip replacement: stem, head, liner and cup."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from synthex.core import Rigid
from synthex.instruments import shapes
from synthex.instruments.body import InstrumentBody
from synthex.instruments.library.sized import SECTIONS, Range, Sized
from synthex.instruments.sweep import Surface, lathe, swept_tube

_ARC = np.linspace(0, np.pi / 2, 9)
_FLATNESS = 0.55
"""Depth of the stem over its width."""
_POLYETHYLENE_G_CM3 = 0.94
"""Of ultra-high-molecular-weight polyethylene; of the materials there are, PMMA is nearest in composition."""


@dataclass(frozen=True)
class HipImplant(Sized):
    """An uncemented stem with its head in a cup; an :class:`~synthex.instruments.Instrument`.

    The base is where the neck's axis meets the stem's, the tip the distal end of the stem; +x is medial. All sizes are
    our choice, around those of usual implants.

    Attributes:
        name: Of the instrument.
        stem_mm: From base to tip.
        distal_diameter_mm: Width of the stem near its tip.
        proximal_width_mm: Width of the stem at the base.
        ccd_deg: Between neck and stem.
        offset_mm: From the stem's axis to the head's centre.
        head_diameter_mm: Of the head.
        shell_mm: Thickness of the metal shell.
        liner_mm: Thickness of the liner.
        inclination_deg: Of the cup's opening against the plane across the stem.
        anteversion_deg: Of the cup, towards +y.
        stem_material: A name that :func:`synthex.physics.get_material` knows, as are the next two.
        head_material: Of the head.
        shell_material: Of the cup's shell.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "stem_mm": (60.0, 300.0),
        "distal_diameter_mm": (5.0, 24.0),
        "proximal_width_mm": (24.0, 50.0),
        "ccd_deg": (110.0, 150.0),
        "offset_mm": (25.0, 70.0),
        "head_diameter_mm": (20.0, 60.0),
        "shell_mm": (1.5, 8.0),
        "liner_mm": (3.0, 15.0),
        "inclination_deg": (0.0, 90.0),
        "anteversion_deg": (-45.0, 45.0),
    }

    name: str = "hip_implant"
    stem_mm: Range = (110.0, 160.0)
    distal_diameter_mm: Range = (8.0, 13.0)
    proximal_width_mm: Range = (26.0, 34.0)
    ccd_deg: Range = (125.0, 135.0)
    offset_mm: Range = (36.0, 48.0)
    head_diameter_mm: Range = (28.0, 36.0)
    shell_mm: Range = (3.0, 4.5)
    liner_mm: Range = (5.0, 8.0)
    inclination_deg: Range = (35.0, 50.0)
    anteversion_deg: Range = (5.0, 25.0)
    stem_material: str = "ti6al4v"
    head_material: str = "cocrmo"
    shell_material: str = "ti6al4v"

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The implant in these sizes; the middles of the ranges for those left out."""
        sizes = self.sizes(joints)
        angle = np.deg2rad(sizes["ccd_deg"])
        neck = np.array((np.sin(angle), 0, np.cos(angle)))
        center = neck * sizes["offset_mm"] / np.sin(angle)
        head = sizes["head_diameter_mm"] / 2
        inner = head + sizes["liner_mm"]
        inclination, anteversion = np.deg2rad(sizes["inclination_deg"]), np.deg2rad(sizes["anteversion_deg"])
        pole = np.array((np.sin(inclination) * np.cos(anteversion), -np.sin(anteversion), 0.0))
        pole[2] = -np.sqrt(max(0.0, 1 - pole @ pole))
        cup = shapes.placed(center, pole)
        ball, balls_faces = shapes.sphere(head)
        tip = np.array((0.0, 0, sizes["stem_mm"]))
        # Longer than the stem is wide, shorter than the neck: the taper ends inside of the head.
        trunnion = swept_tube(np.stack([0.1 * center, center - 0.3 * head * neck]), np.array((8.0, 6.0)), SECTIONS)
        return InstrumentBody(
            self.name,
            (
                self.solid("liner", _moved(_bowl(inner, head), cup), "pmma", _POLYETHYLENE_G_CM3),
                self.solid("shell", _moved(_bowl(inner + sizes["shell_mm"], inner), cup), self.shell_material),
                self.solid("stem", _stem(sizes), self.stem_material),
                self.solid("neck", trunnion, self.stem_material),
                self.solid("head", (ball + center, balls_faces), self.head_material),
            ),
            {"base": np.zeros(3), "tip": tip},
            np.stack([np.zeros(3), tip]),
            np.array([(0.0, 0, float(center[2])), (0, 0, 0)]),
            sizes["proximal_width_mm"] / 2,
            sizes,
        )


def _stem(sizes: Mapping[str, float]) -> Surface:
    """A flat body with a nearly straight lateral side, whose medial side curves up to the neck."""
    length, distal, proximal = sizes["stem_mm"], sizes["distal_diameter_mm"] / 2, sizes["proximal_width_mm"] / 2
    share = np.linspace(0, 1, 18)
    z = -8 + (length + 8 - distal) * share
    half = distal + (proximal - distal) * (1 - share) ** 2.5
    dome = [(length - distal * (1 - np.sin(turn)), distal * np.cos(turn)) for turn in _ARC[1:-1]]
    profile = np.array([(-12.0, 0.55 * proximal), *zip(z, half, strict=True), *dome, (length, 0.0)])
    vertices, faces = lathe(profile, 20)
    width = np.interp(vertices[:, 2], z, half)
    lateral = -distal - 3.0 * np.interp(vertices[:, 2], z, 1 - share)
    x = vertices[:, 0] + width + lateral
    return np.stack([x, vertices[:, 1] * np.maximum(_FLATNESS, distal / width), vertices[:, 2]], axis=1), faces


def _bowl(outer: float, inner: float) -> Surface:
    """A hemispherical shell that opens towards -z."""
    outside = np.stack([outer * np.cos(_ARC), outer * np.sin(_ARC)], axis=1)
    inside = np.stack([inner * np.cos(_ARC), inner * np.sin(_ARC)], axis=1)[::-1]
    profile = np.concatenate([outside, inside])
    profile[[0, -1], 1] = 0.0
    return lathe(profile, 28)


def _moved(surface: Surface, pose: Rigid) -> tuple[Float[np.ndarray, "_ 3"], np.ndarray]:
    return pose.apply(surface[0]), surface[1]
