"""A bending rod as an instrument: cheap, and no manipulator's code is needed."""

import numpy as np

from synthex.core import Solid
from synthex.instruments import InstrumentBody
from synthex.instruments.sweep import swept_tube


class Rod:
    """A rod with a straight shaft of 200 mm; the part beyond its base bends in x-z by up to ``bend_deg``."""

    landmarks = ("base", "tip")

    def __init__(self, name="rod", bend_deg=(-60.0, 60.0), radius=3.0, length=35.0):
        self.name, self.bend_deg, self.radius, self.length = name, bend_deg, radius, length

    def draw(self, rng):
        return {"bend_deg": float(rng.uniform(*self.bend_deg))}

    def body(self, joints):
        bend = float(joints.get("bend_deg", 0.0))
        angle = np.deg2rad(bend) * (np.arange(20) + 0.5) / 20
        steps = np.stack((np.sin(angle), 0 * angle, np.cos(angle)), axis=1) * self.length / 20
        line = np.concatenate((np.zeros((1, 3)), np.cumsum(steps, axis=0)))
        shaft = np.array(((0.0, 0.0, -200.0), (0.0, 0.0, 0.0)))
        surface = swept_tube(np.concatenate((shaft[:1], line)), self.radius, 12)
        solid = Solid(f"{self.name}/rod", *surface, "steel_316l")
        points = {"base": line[0], "tip": line[-1]}
        return InstrumentBody(self.name, (solid,), points, line, shaft, self.radius, {"bend_deg": bend})
