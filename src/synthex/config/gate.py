"""A gate for any task whose predictions are scored."""

from dataclasses import replace
from typing import Any

from synthex.config.compose import plain
from synthex.core import ConfigError, DistanceGate, Task


def with_gate(task: Task, bounds: Any) -> Task:
    """The task with the plausibility gate of ``gate_mm`` on its first two landmarks; as it is where that is null.

    Raises:
        ConfigError: The bounds are no [low, high], or the task has fewer than two landmarks.
    """
    if bounds is None:
        return task
    given = plain(bounds)
    numbers = isinstance(given, list | tuple) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in given
    )
    if not numbers or len(given) != 2:
        raise ConfigError(f"gate_mm={given}: give [low, high] in mm at the detector, like [15,200]")
    landmarks = task.vocabulary.landmarks
    if len(landmarks) < 2:
        raise ConfigError(f"gate_mm={given}: the task {task.name} has {len(landmarks)} landmarks, a gate needs two")
    gate = DistanceGate(landmarks[0], landmarks[1], *given)
    return replace(task, protocol=replace(task.protocol, gate=gate))
