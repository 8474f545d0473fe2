"""Devices that a chest radiograph shows beside what is wrong with the lungs: never labelled, only in the way."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from synthex.core import Anatomy, ConfigError, Solid

Number = float | int


@dataclass(frozen=True)
class Devices:
    """Shares of scenes with each kind of device; None or 0 leaves it out. All defaults are our choice.

    Attributes:
        leads: Electrocardiogram electrodes with their cables on the chest.
        line: A central venous line.
        endotracheal_tube: A tube in the trachea. It and the next are drawn with one number: the rarer of both comes
            with the other, as the intubated are fed.
        gastric_tube: A tube into the stomach.
        pacemaker: A generator below a clavicle with one lead or two.
        sternal_wires: Wires of a sternotomy.

    Raises:
        ConfigError: A share outside 0 to 1.
    """

    leads: Number | None = 0.25
    line: Number | None = 0.15
    endotracheal_tube: Number | None = 0.07
    gastric_tube: Number | None = 0.1
    pacemaker: Number | None = 0.08
    sternal_wires: Number | None = 0.05

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"task.findings.devices.{field.name}={value} must lie in 0 to 1; null leaves it out")

    def draw(self, rng: np.random.Generator) -> tuple[str, ...]:
        """The kinds that are there, in the order of the attributes; always as many random numbers."""
        numbers = rng.random(len(fields(self)))
        numbers[3] = numbers[2]
        names = [field.name for field in fields(self)]
        return tuple(name for name, number in zip(names, numbers, strict=True) if number < (getattr(self, name) or 0))


def add_devices(
    anatomy: Anatomy, rng: np.random.Generator, devices: Devices | None = None
) -> tuple[tuple[Solid, ...], tuple[str, ...]]:
    """Solids of the devices of one scene, and the kinds that are there.

    Args:
        anatomy: A subject with the structures ``lung_left`` and ``lung_right``.
        rng: Randomness.
        devices: How often there are which; None for the defaults.

    Raises:
        ConfigError: A lung has no voxel.
    """
    kinds = (Devices() if devices is None else devices).draw(rng)
    if not kinds:
        return (), ()
    from synthex.tasks.lesion_segmentation import device_shapes
    from synthex.tasks.lesion_segmentation.chest_frame import ChestFrame

    makers: dict[str, Callable[[ChestFrame, np.random.Generator], list[Solid]]] = {
        "leads": device_shapes.ekg_leads,
        "line": device_shapes.central_line,
        "endotracheal_tube": device_shapes.endotracheal_tube,
        "gastric_tube": device_shapes.gastric_tube,
        "pacemaker": device_shapes.pacemaker,
        "sternal_wires": device_shapes.sternal_wires,
    }
    frame = ChestFrame.of(anatomy)
    return tuple(solid for kind in kinds for solid in makers[kind](frame, rng)), kinds
