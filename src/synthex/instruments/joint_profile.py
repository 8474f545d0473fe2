"""Bending of a chain of joints in a plane: the curve it makes, profiles to draw, and how far it may go.

Each joint spreads its angle evenly over its share of the length, so that equal angles make an exact arc of a
circle. In the plane of bending, positions are (across, along) in mm: the chain starts at the origin along +along.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq


@dataclass(frozen=True, eq=False)
class PlanarChain:
    """A line of joints that each bend it by an angle.

    Attributes:
        angles: Radians, positive towards +across; from the first joint to the last.
        length_mm: Of all joints together, equally shared.
    """

    angles: Float[np.ndarray, "J"]
    length_mm: float | int

    def at(
        self, arc_mm: Float[np.ndarray, "P"]
    ) -> tuple[Float[np.ndarray, "P 2"], Float[np.ndarray, "P 2"], Float[np.ndarray, "P"]]:
        """Positions, unit tangents and tangent angles (radians from +along) at arc lengths of the line.

        Before its start and behind its end the line goes on straight. Each joint is an arc of a circle, whose
        chord is ``ds * sinc(angle / 2)`` long in the direction of the arc's middle.
        """
        share = self.length_mm / len(self.angles)
        starts = share * np.arange(len(self.angles))
        before = np.concatenate([[0.0], np.cumsum(self.angles)])
        nodes = np.concatenate([np.zeros((1, 2)), np.cumsum(_chord(share, before[:-1], self.angles), axis=0)])
        inside = np.clip(arc_mm, 0.0, self.length_mm)
        joint = np.clip(np.searchsorted(starts, inside, side="right") - 1, 0, len(starts) - 1)
        gone = inside - starts[joint]
        turned = self.angles[joint] * gone / share
        headings = before[joint] + turned
        tangents = np.stack([np.sin(headings), np.cos(headings)], axis=1)
        positions = nodes[joint] + _chord(gone, before[joint], turned)
        return positions + (arc_mm - inside)[:, None] * tangents, tangents, headings


def smooth_profile(controls: Float[np.ndarray, "C"], joints: int, limit: float | int) -> Float[np.ndarray, "{joints}"]:
    """Angles of joints on a cubic spline through control values that are spread evenly over them.

    Where the spline overshoots, angles are cut off at ``limit`` to either side.
    """
    where = np.linspace(0.0, 1.0, len(controls))
    return np.clip(CubicSpline(where, controls)(np.linspace(0.0, 1.0, joints)), -limit, limit)


def largest_total_bend(length_mm: float | int, clearance_mm: float | int, protrusion_mm: float | int) -> float:
    """Radians that a line may bend in all before its end runs into the straight part before its start.

    Evenly bent by ``t`` beyond a half turn, the end of a line of length L lies L (1 - cos t) / t off the axis of
    the straight part; something straight that protrudes by p there comes nearer by p abs(sin t). Up to three
    quarters of a turn, which is the most that is allowed, such an arc is convex, and lines that bend nowhere more
    sharply stay farther from themselves (Schur's comparison theorem, Chern 1967, "Curves and surfaces in Euclidean
    space").

    Args:
        length_mm: L.
        clearance_mm: What the two centre lines must keep from each other.
        protrusion_mm: p.
    """

    def room(total: float) -> float:
        return float(length_mm * (1 - np.cos(total)) / total + protrusion_mm * np.sin(total) - clearance_mm)

    turns = np.linspace(np.pi, 1.5 * np.pi, 91)
    closes = next((number for number, turn in enumerate(turns) if room(float(turn)) <= 0), None)
    if closes is None:
        return float(turns[-1])
    return np.pi if closes == 0 else float(brentq(room, turns[closes - 1], turns[closes]))


def _chord(
    arc: float | Float[np.ndarray, "#N"], heading: Float[np.ndarray, "N"], angle: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N 2"]:
    """From one end of arcs to the other; ``np.sinc(x)`` is sin(pi x) / (pi x)."""
    middle = heading + angle / 2
    return (arc * np.sinc(angle / (2 * np.pi)))[:, None] * np.stack([np.sin(middle), np.cos(middle)], axis=1)
