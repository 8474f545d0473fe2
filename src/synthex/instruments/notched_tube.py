"""A tube with alternating notches, bent in their plane, as a closed surface.

Between notches the tube has rings of full wall that stay rigid; a notch leaves a bridge on the side opposite to
it. Notches face +across and -across in turn, the first one +across (see :mod:`synthex.instruments.joint_profile`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from synthex.instruments.joint_profile import PlanarChain
from synthex.instruments.sweep import Surface

_LEAST_ANGLE = 1e-9


@dataclass(frozen=True)
class NotchedTube:
    """Measures of the tube, in mm.

    Attributes:
        outer_radius_mm: Of the wall.
        inner_radius_mm: Of the lumen.
        length_mm: Of all notches with the rings between them.
        notches: On both sides together.
        width_mm: Of a notch along the tube.
        depth_mm: From the outer surface towards the axis and beyond, where the notch ends on the outer surface.
            Its ends are cut towards the axis, not along a saw's plane.
        collar_mm: Length of a plain ring in addition, behind the last notch: the tip.
    """

    outer_radius_mm: float | int
    inner_radius_mm: float | int
    length_mm: float | int
    notches: int
    width_mm: float | int
    depth_mm: float | int
    collar_mm: float | int = 0.0

    @property
    def half_angle(self) -> float:
        """Half of the angle that a notch takes of the wall, radians."""
        return float(np.arccos(1 - self.depth_mm / self.outer_radius_mm))

    @property
    def volume_mm3(self) -> float:
        """What is left of the wall, straight: closed form."""
        wall = np.pi * (self.outer_radius_mm**2 - self.inner_radius_mm**2)
        length = self.length_mm + self.collar_mm
        return float(wall * (length - self.notches * self.width_mm * self.half_angle / np.pi))

    def surface(self, chain: PlanarChain, sides: int) -> Surface:
        """The tube along a bent line, in (across, perpendicular to the plane of bending, along).

        Args:
            chain: As long as the tube without its collar.
            sides: About how many sides the polygon has that stands for a circle of the same area.
        """
        angles = self._angles(sides)
        centres, normals = self._rings(chain)
        scale = np.sqrt(2 * np.pi / np.sin(np.diff(angles, append=angles[0] + 2 * np.pi)).sum())
        across = np.cos(angles)[None, :, None] * normals[:, None]
        upwards = np.broadcast_to(np.sin(angles)[None, :, None] * np.array([0.0, 1.0, 0.0]), across.shape)
        offsets = scale * (across + upwards)
        vertices = [centres[:, None] + radius * offsets for radius in (self.outer_radius_mm, self.inner_radius_mm)]
        return np.concatenate(vertices).reshape(-1, 3), wall_faces(self._metal(angles))

    def _angles(self, sides: int) -> Float[np.ndarray, "S"]:
        """Corners of the cross-section: the ends of notches, and evenly between them."""
        half = self.half_angle
        ends = np.unique(np.round(np.mod([-half, half, np.pi - half, np.pi + half], 2 * np.pi), 12))
        ends = ends[np.diff(ends, append=ends[0] + 2 * np.pi) > _LEAST_ANGLE]
        parts = [
            np.linspace(low, high, max(1, round((high - low) * sides / (2 * np.pi))), endpoint=False)
            for low, high in zip(ends, [*ends[1:], ends[0] + 2 * np.pi], strict=True)
        ]
        return np.concatenate(parts)

    def _rings(self, chain: PlanarChain) -> tuple[Float[np.ndarray, "R 3"], Float[np.ndarray, "R 3"]]:
        """Centres of cross-sections at both ends of every rigid ring, and their directions across."""
        pitch = self.length_mm / self.notches
        middles = pitch * np.arange(self.notches + 1)
        reach = np.array([-0.5, 0.5]) * (pitch - self.width_mm)
        arcs = middles[:, None] + reach
        arcs[0, 0], arcs[-1, 1] = 0.0, self.length_mm + self.collar_mm
        places, tangents, _ = chain.at(middles)
        flat = (places[:, None] + (arcs - middles[:, None])[..., None] * tangents[:, None]).reshape(-1, 2)
        aims = np.repeat(tangents, 2, axis=0)
        zeros = np.zeros(len(flat))
        return np.stack([flat[:, 0], zeros, flat[:, 1]], axis=1), np.stack([aims[:, 1], zeros, -aims[:, 0]], axis=1)

    def _metal(self, angles: Float[np.ndarray, "S"]) -> Bool[np.ndarray, "K S"]:
        """Which cells, between two cross-sections and two corners, are wall."""
        middles = angles + np.diff(angles, append=angles[0] + 2 * np.pi) / 2
        bridges = np.stack([np.cos(middles - facing) < np.cos(self.half_angle) for facing in (0.0, np.pi)])
        metal = np.ones((2 * self.notches + 1, len(angles)), dtype=bool)
        metal[1::2] = bridges[np.arange(self.notches) % 2]
        return metal


def wall_faces(metal: Bool[np.ndarray, "K S"]) -> Int[np.ndarray, "F 3"]:
    """Triangles around the cells of a thick wall that are metal, outside where corners run counter-clockwise.

    Args:
        metal: By interval along the tube and by sector around it (the last one is next to the first).

    Returns:
        Faces of 2 x (K + 1) x S vertices: outer ones, then inner ones, by cross-section and corner.
    """
    rings, sides = metal.shape[0] + 1, metal.shape[1]
    corner = np.arange(rings * sides).reshape(rings, sides)
    outer, inner = corner, corner + rings * sides
    following = np.roll(np.arange(sides), -1)

    def quads(mask: np.ndarray, *corners: np.ndarray) -> np.ndarray:
        a, b, c, d = (np.broadcast_to(each, mask.shape)[mask] for each in corners)
        return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])

    parts = [
        quads(metal, outer[:-1], outer[:-1, following], outer[1:, following], outer[1:]),
        quads(metal, inner[:-1], inner[1:], inner[1:, following], inner[:-1, following]),
    ]
    bordered = np.pad(metal, ((1, 1), (0, 0)))
    starts, ends = bordered[1:] & ~bordered[:-1], bordered[:-1] & ~bordered[1:]
    parts.append(quads(starts, outer, inner, inner[:, following], outer[:, following]))
    parts.append(quads(ends, outer, outer[:, following], inner[:, following], inner))
    previous = np.roll(metal, 1, axis=1)
    parts.append(quads(metal & ~previous, outer[:-1], outer[1:], inner[1:], inner[:-1]))
    parts.append(quads(previous & ~metal, outer[:-1], inner[:-1], inner[1:], outer[1:]))
    return np.concatenate(parts)
