"""A level made of several: each image by one of them, drawn by weight."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthex.core import Camera, ConfigError, Rendering, Scene, Simulator
from synthex.projection import Projection, project


@dataclass(frozen=True)
class Mixed:
    """Films and fluoroscopy in one training; a :class:`synthex.core.Simulator`.

    Attributes:
        levels: Levels by name; None leaves one out.
        weights: How often each is drawn, relative to the others; one that is not named has the weight 1.
        projector: Projects the scene for all of them.

    Raises:
        ConfigError: A weight is negative or of no level, or none is above 0.
    """

    levels: Mapping[str, Simulator | None]
    weights: Mapping[str, float | int]
    projector: Callable[..., Projection] = project

    def __post_init__(self) -> None:
        kept = {name: level for name, level in self.levels.items() if level is not None}
        strange = [name for name in self.weights if name not in self.levels]
        if strange:
            raise ConfigError(f"simulation.weights names {strange[0]}; the levels are {', '.join(self.levels)}")
        weights = {name: float(self.weights.get(name, 1)) for name in kept}
        if min(weights.values(), default=0) < 0 or sum(weights.values()) <= 0:
            raise ConfigError(f"simulation.weights={weights}: give weights of 0 or more, one of them above 0")
        object.__setattr__(self, "levels", {name: self._projecting(level) for name, level in kept.items()})
        object.__setattr__(self, "weights", weights)

    def _projecting(self, level: Any) -> Simulator:
        return level if self.projector is project else replace(level, projector=self.projector)

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene`` at one level, whose name the record has as ``mixed``."""
        bounds = np.cumsum(list(self.weights.values()))
        names = list(self.weights)
        index = int(np.searchsorted(bounds / bounds[-1], rng.random(), side="right"))
        name = names[min(index, len(names) - 1)]
        level = self.levels[name]
        assert level is not None  # of those kept
        made = level(scene, camera, label_ids, rng)
        return replace(made, record={**made.record, "mixed": name})
