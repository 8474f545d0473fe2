"""A cannulated screw."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from synthex.instruments.body import InstrumentBody
from synthex.instruments.library.sized import Range, Sized
from synthex.instruments.library.twist import Along, with_helix
from synthex.instruments.sweep import lathe

_RINGS_A_TURN = 5
_SIDES = 10
_TAPER_MM = 4.0


@dataclass(frozen=True)
class CannulatedScrew(Sized):
    """A partly threaded cancellous bone screw over a lumen for a wire; an :class:`~synthex.instruments.Instrument`.

    Diameters and pitch are our choice around the 6.5 to 7.3 mm screws of hip and pelvis, lengths too.

    Attributes:
        name: Of the instrument.
        thread_diameter_mm: Over the thread's ridges.
        core_share: Diameter of the core over that of the thread.
        lumen_share: Diameter of the lumen over that of the core.
        pitch_mm: Of the thread, along the screw.
        length_mm: From below the head to the tip: from the base on, all of it is in bone.
        thread_mm: Length of the thread, from the tip; at most six tenths of the screw are threaded.
        head_diameter_mm: Of the head, behind the base.
        material: A name that :func:`synthex.physics.get_material` knows.
    """

    landmarks: ClassVar[tuple[str, ...]] = ("base", "tip")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "thread_diameter_mm": (2.0, 12.0),
        "core_share": (0.4, 0.9),
        "lumen_share": (0.2, 0.8),
        "pitch_mm": (1.0, 5.0),
        "length_mm": (20.0, 180.0),
        "thread_mm": (8.0, 45.0),
        "head_diameter_mm": (4.0, 16.0),
    }

    name: str = "screw"
    thread_diameter_mm: Range = (6.5, 7.3)
    core_share: Range = (0.6, 0.7)
    lumen_share: Range = (0.5, 0.62)
    pitch_mm: Range = (2.5, 3.0)
    length_mm: Range = (50.0, 110.0)
    thread_mm: Range = (16.0, 32.0)
    head_diameter_mm: Range = (8.0, 9.5)
    material: str = "ti6al4v"

    def body(self, joints: Mapping[str, Any]) -> InstrumentBody:
        """The screw in these sizes; the middles of the ranges for those left out."""
        sizes = self.sizes(joints)
        crest, length, pitch = sizes["thread_diameter_mm"] / 2, sizes["length_mm"], sizes["pitch_mm"]
        core = crest * sizes["core_share"]
        lumen = core * sizes["lumen_share"]
        threaded = min(sizes["thread_mm"], 0.6 * length)
        start = length - threaded
        head = max(sizes["head_diameter_mm"] / 2, 1.1 * crest)
        smooth = (core + crest) / 2
        turns = np.linspace(start, length, max(4, round(threaded / pitch * _RINGS_A_TURN)))
        outside = [(-0.55 * head, lumen), (-0.55 * head, 0.7 * head), (-0.35 * head, head), (-0.1 * head, head)]
        outside += [(0.4 * head, smooth), (start - 0.5, smooth), *((z, crest) for z in turns), (length, lumen)]
        profile = np.array([*outside, outside[0]])

        def groove(phase: Along, z: Along) -> Along:
            # A triangular ridge; towards the tip it tapers to the core.
            ridge = np.clip(1 - 2.6 * np.abs(phase - 0.5), 0, 1) * np.clip((length - z) / _TAPER_MM, 0, 1)
            return np.where(z >= start, (crest - core) * (1 - ridge), 0.0)

        surface = with_helix(lathe(profile, _SIDES), groove, pitch, beyond_mm=1.2 * lumen)
        tip = np.array((0.0, 0, length))
        return InstrumentBody(
            self.name,
            (self.solid("screw", surface, self.material),),
            {"base": np.zeros(3), "tip": tip},
            np.stack([np.zeros(3), tip]),
            np.array([(0.0, 0, -0.55 * head), (0, 0, 0)]),
            head,
            sizes,
        )
