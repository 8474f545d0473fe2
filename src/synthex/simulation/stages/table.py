"""What a patient lies on: a table top, a mattress and the table's rails, as bars that rays cross."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from synthex.core import Camera, derive_rng
from synthex.core.arrays import Image, Point3, QuantityStack
from synthex.physics import get_material
from synthex.simulation.draws import Limits, Parameters, Setting

TOP_MATERIAL, RAIL_MATERIAL = "adipose", "aluminium"
"""Carbon fibre and foam attenuate much as hydrocarbons do; rails are taken to be aluminium."""


@dataclass(frozen=True)
class Bar:
    """A bar without ends along the body's axis.

    Attributes:
        material: A name that :func:`synthex.physics.get_material` knows.
        density_g_cm3: Its density.
        across_mm: Where it begins and ends along world R, mm.
        deep_mm: Along world A.
    """

    material: str
    density_g_cm3: float
    across_mm: tuple[float, float]
    deep_mm: tuple[float, float]


@dataclass(frozen=True)
class Table(Parameters):
    """A table under a supine patient, along the body's axis; what of it lies in the beam is added to the image.

    It lies where a patient's back is: where the body reaches lower, both count, as nothing is displaced. All ranges
    are our choice from common tables.

    Attributes:
        present: Probability that there is one.
        below_mm: From the point that the view is about down to the mattress.
        mattress_mm: Thickness of the mattress, at ``mattress_density``.
        mattress_density: g/cm3 of the foam with its cover.
        top_mm: Thickness of the table top.
        top_density: g/cm3 of its sandwich of carbon fibre and foam.
        half_width_mm: Half of the table's width.
        beside_mm: How far the patient lies off the table's middle.
        rails: Probability that it has rails.
        rail_mm: Width and height of a rail.
    """

    present: Annotated[Setting, Limits(0, 1)] = 0.7
    below_mm: Annotated[Setting, Limits(0, 1000, "mm")] = (90, 150)
    mattress_mm: Annotated[Setting, Limits(0, 300, "mm")] = (10, 80)
    mattress_density: Annotated[Setting, Limits(0, 1, "g/cm3")] = (0.03, 0.08)
    top_mm: Annotated[Setting, Limits(0, 200, "mm")] = (15, 50)
    top_density: Annotated[Setting, Limits(0, 3, "g/cm3")] = (0.15, 0.4)
    half_width_mm: Annotated[Setting, Limits(50, 1000, "mm")] = (220, 300)
    beside_mm: Annotated[Setting, Limits(-500, 500, "mm")] = (-50, 50)
    rails: Annotated[Setting, Limits(0, 1)] = 0.5
    rail_mm: Annotated[Setting, Limits(1, 100, "mm")] = (8, 25)

    def bars(self, about_world: Point3, drawn: dict[str, float], key: int) -> list[Bar]:
        """The parts of the table; none where there is no table."""
        rng = derive_rng(key, "table", "is there")
        if rng.random() >= drawn["present"]:
            return []
        middle, top = about_world[0] + drawn["beside_mm"], about_world[1] - drawn["below_mm"]
        left, right = middle - drawn["half_width_mm"], middle + drawn["half_width_mm"]
        under = top - drawn["mattress_mm"]
        parts = [
            Bar(TOP_MATERIAL, drawn["mattress_density"], (left, right), (under, top)),
            Bar(TOP_MATERIAL, drawn["top_density"], (left, right), (under - drawn["top_mm"], under)),
        ]
        if rng.random() < drawn["rails"]:
            size = drawn["rail_mm"]
            density = get_material(RAIL_MATERIAL).density_g_cm3
            for edge in (left - size, right):
                parts.append(Bar(RAIL_MATERIAL, density, (edge, edge + size), (under - size, under)))
        return parts

    def add(
        self,
        area: QuantityStack,
        materials: Sequence[str],
        camera: Camera,
        about_world: Point3,
        drawn: dict[str, float],
        key: int,
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """The area densities (g/cm2, M x H x W) with the table's, and their materials.

        Args:
            area: Of the patient; changed in place where a material is there already.
            materials: Name of each.
            camera: The camera.
            about_world: The point that the view is about, RAS mm.
            drawn: The draw.
            key: Of the image's streams.
        """
        names, stack = list(materials), area
        bars = self.bars(about_world, drawn, key)
        for bar, path in zip(bars, bar_paths_mm(camera, bars), strict=True):
            if bar.material not in names:
                if not path.any():
                    continue
                names.append(bar.material)
                stack = np.concatenate((stack, np.zeros_like(stack[:1])))
            stack[names.index(bar.material)] += path * np.float32(bar.density_g_cm3 / 10)  # g/cm3 mm to g/cm2
        return stack, tuple(names)


def bar_paths_mm(camera: Camera, bars: Sequence[Bar]) -> list[Image]:
    """Length of every pixel's ray within each bar, mm, H x W.

    The slab method: a ray is inside between the last of its entries and the first of its exits.
    """
    if not bars:
        return []
    column = np.arange(camera.width, dtype=np.float32) + np.float32(0.5)
    row = (np.arange(camera.height, dtype=np.float32) + np.float32(0.5))[:, None]
    per_depth = camera.world_from_pixel.astype(np.float32)
    slopes = [axis[0] * column + (axis[1] * row + axis[2]) for axis in per_depth]  # mm along R, A, S per mm of depth
    length = np.sqrt(slopes[0] ** 2 + slopes[1] ** 2 + slopes[2] ** 2)
    depths = [1 / np.where(np.abs(slope) < 1e-9, np.float32(1e-9), slope) for slope in slopes[:2]]
    source, paths = camera.source_world, []
    for bar in bars:
        entry, leave = np.zeros_like(length), np.full_like(length, camera.sdd_mm)
        for axis, ends in enumerate((bar.across_mm, bar.deep_mm)):
            first, second = (np.float32(end - source[axis]) * depths[axis] for end in ends)
            entry, leave = np.maximum(entry, np.minimum(first, second)), np.minimum(leave, np.maximum(first, second))
        paths.append(np.maximum(leave - entry, 0) * length)
    return paths
