"""What can be set on the page: one table of controls, from which page, defaults and checks are made."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from synthex.core import ConfigError, nearest

LEVELS = ("realistic", "heuristic", "naive")
LOOKS = ("none", "regular", "strong", "extreme", "radiograph", "chest")
"""Policies of :mod:`synthex.augment`."""


@dataclass(frozen=True)
class Slider:
    """A number.

    Attributes:
        name: Key of the state.
        label: On the page.
        group: Heading it stands below.
        default: Where it starts.
        low: Least value.
        high: Greatest.
        step: Of the slider; for a logarithmic one the page makes its own.
        unit: For the page.
        log: The slider runs over the logarithm.
        hint: A sentence on what it does.
    """

    name: str
    label: str
    group: str
    default: float
    low: float
    high: float
    step: float
    unit: str = ""
    log: bool = False
    hint: str = ""
    kind: str = field(default="slider", init=False)

    def read(self, value: Any) -> float:
        """A value from the page: a finite number, moved into the range.

        Raises:
            ConfigError: It is none.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{self.name}={value!r} must be a number in {self.low:g} to {self.high:g}")
        return float(min(max(value, self.low), self.high))


@dataclass(frozen=True)
class Choice:
    """One of some words; attributes as those of :class:`Slider`."""

    name: str
    label: str
    group: str
    default: str
    options: tuple[str, ...]
    hint: str = ""
    kind: str = field(default="choice", init=False)

    def read(self, value: Any) -> str:
        """A value from the page.

        Raises:
            ConfigError: It is none of the options.
        """
        if value not in self.options:
            raise ConfigError(f"{self.name}={value!r}: {nearest(str(value), self.options)}")
        return str(value)


@dataclass(frozen=True)
class Switch:
    """On or off; attributes as those of :class:`Slider`."""

    name: str
    label: str
    group: str
    default: bool
    hint: str = ""
    kind: str = field(default="switch", init=False)

    def read(self, value: Any) -> bool:
        """A value from the page.

        Raises:
            ConfigError: It is no truth value.
        """
        if not isinstance(value, bool):
            raise ConfigError(f"{self.name}={value!r} must be true or false")
        return value


Control = Slider | Choice | Switch
State = Mapping[str, Any]
"""A value for every control, by name."""

_SUBJECT, _POSE, _BEAM, _IMAGE = "Subject", "Pose of the C-arm", "Beam and detector", "Display"


def make_controls(scenes: tuple[str, ...], subjects: int) -> tuple[Control, ...]:
    """The controls of a page.

    Args:
        scenes: Names of the scenes that can be chosen.
        subjects: The most subjects that one of them has.
    """
    return (
        Choice("scene", "Scene", _SUBJECT, scenes[0], scenes, "What is X-rayed: a body, or a body with an instrument"),
        Slider("subject", "Subject", _SUBJECT, 0, 0, max(0, subjects - 1), 1, hint="Another person"),
        Slider("draw", "Draw", _SUBJECT, 0, 0, 99, 1, hint="Other places of instruments, other lesions, other noise"),
        Slider("lao_rao_deg", "LAO (+) / RAO (−)", _POSE, 0, -110, 110, 1, "°"),
        Slider("cranial_caudal_deg", "Cranial (+) / caudal (−)", _POSE, 0, -60, 60, 1, "°"),
        Slider("roll_deg", "Roll", _POSE, 0, -180, 180, 1, "°"),
        Slider("right_mm", "Isocentre to the patient's right", _POSE, 0, -150, 150, 1, "mm"),
        Slider("front_mm", "Isocentre to the front", _POSE, 0, -150, 150, 1, "mm"),
        Slider("head_mm", "Isocentre to the head", _POSE, 0, -200, 200, 1, "mm"),
        Slider("sdd_mm", "Source to detector", _POSE, 1020, 800, 2000, 5, "mm"),
        Slider("source_isocenter_mm", "Source to isocentre", _POSE, 720, 350, 1850, 5, "mm"),
        Slider("field_mm", "Field at the detector", _POSE, 400, 80, 430, 5, "mm"),
        Choice(
            "source_side", "Tube", _POSE, "posterior", ("posterior", "anterior"), "Which side of the patient it is on"
        ),
        Switch("round", "Round field (image intensifier)", _POSE, False),
        Choice("level", "Simulation", _BEAM, "realistic", LEVELS, "naive: line integrals of HU; heuristic: of tissues"),
        Slider("kvp", "Tube voltage", _BEAM, 75, 40, 150, 1, "kV"),
        Switch("aec", "Automatic exposure (AEC)", _BEAM, True, "The charge follows the dose at the detector"),
        Slider("dose_ugy", "Dose at the detector", _BEAM, 2.0, 0.005, 10, 0, "µGy", log=True),
        Slider("mas", "Charge", _BEAM, 2.0, 0.01, 100, 0, "mAs", log=True, hint="Without AEC"),
        Slider("aluminium_mm", "Filter, aluminium", _BEAM, 3, 1, 10, 0.1, "mm"),
        Slider("copper_mm", "Filter, copper", _BEAM, 0.1, 0, 1, 0.05, "mm"),
        Slider("focal_spot_mm", "Focal spot", _BEAM, 0.6, 0, 2, 0.1, "mm"),
        Slider("scatter", "Scatter", _BEAM, 1, 0, 2, 0.05, "×", hint="Factor on the scatter of water"),
        Switch("grid", "Anti-scatter grid", _BEAM, True),
        Switch("noise", "Noise", _BEAM, True, "Of quanta and of electronics"),
        Slider("open_width", "Shutters, width", _BEAM, 1, 0.2, 1, 0.01, "×"),
        Slider("open_height", "Shutters, height", _BEAM, 1, 0.2, 1, 0.01, "×"),
        Slider("contrast", "Contrast", _IMAGE, 1, 0.3, 4, 0.05, "×"),
        Slider("brightness", "Brightness", _IMAGE, 0, -1, 1, 0.02),
        Switch("bone_dark", "Bone dark", _IMAGE, False, "As fluoroscopes and some archives show it"),
        Choice("look", "Augmentation", _IMAGE, "none", LOOKS, "What training makes of it; labels move with it"),
        Slider("look_draw", "Its draw", _IMAGE, 0, 0, 99, 1),
    )


def defaults(controls: tuple[Control, ...]) -> dict[str, Any]:
    """The state that the page opens with."""
    return {control.name: control.default for control in controls}


def read_state(given: Any, controls: tuple[Control, ...]) -> dict[str, Any]:
    """A state as a page sends it: what is left out has its default, numbers are moved into their ranges.

    The isocentre stays 50 mm in front of the detector.

    Raises:
        ConfigError: It is no mapping, has a name that no control has, or a value of another kind.
    """
    if not isinstance(given, Mapping):
        raise ConfigError("the state of the page must be a mapping of names to values")
    by_name = {control.name: control for control in controls}
    for name in given:
        if name not in by_name:
            raise ConfigError(f"{name}: there is no such control; {nearest(str(name), list(by_name))}")
    state: dict[str, Any] = {name: control.read(given.get(name, control.default)) for name, control in by_name.items()}
    state["source_isocenter_mm"] = min(state["source_isocenter_mm"], state["sdd_mm"] - 50)
    return state


def described(controls: tuple[Control, ...]) -> list[dict[str, Any]]:
    """The controls as JSON values."""
    return [asdict(control) for control in controls]
