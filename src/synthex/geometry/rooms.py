"""Views as examinations take them: radiographic rooms and C-arms, each kind with its ranges, mixed by weight."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from synthex.core import ConfigError
from synthex.core.arrays import Point3
from synthex.geometry.views import NO_AIMS, Number, Range, SourceSide, View, ViewRanges, checked_range

Tube = SourceSide | Literal["either"]
Aim = str | Mapping[str, Number]
_SIDES = (*get_args(SourceSide), "either")
_SWAPPED = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class StandRanges:
    """One kind of examination: where the tube, the patient and the detector of a room or of a C-arm are.

    Attributes:
        source_side: Side of the patient that the tube is on: ``posterior`` for PA, ``anterior`` for AP; ``either`` is
            drawn, one as often as the other. The display stays: patient's right on the image's left, head up.
        sdd_mm: Source-to-detector distance (SID), mm.
        isocenter_detector_mm: From the middle of the body to the detector, mm: what a room's stand or table fixes.
        lao_rao_deg: Rotation of the patient, as :class:`View` has it, degrees.
        cranial_caudal_deg: Tilt of the tube, or a patient who leans, degrees.
        roll_deg: Degrees.
        isocenter_jitter_mm: One range per world axis (lateral R, anterior A, cranial S), mm.
        field_mm: Width of the open field at the detector, mm; None: the whole detector.
        weight: How often it is drawn, relative to the others.
        source_isocenter_mm: From the source to the isocentre, mm: what a C-arm fixes; given instead of
            ``isocenter_detector_mm``.
        aim: Name of the point of the scene that the view is about, or weights of several; None: the scene's centre.
        mirrored: Half of the views are of the patient's other side: LAO is RAO, a roll turns the other way, and the
            lateral jitter and ``left`` and ``right`` in the name of the aim are exchanged.
        opening: Diameter of a round field over the width of the image; see :class:`View`.
        opening_share: Share of the views that have it.

    Raises:
        ValueError: A number is impossible, or the isocentre is given twice or not at all.
    """

    source_side: Tube
    sdd_mm: Range
    isocenter_detector_mm: Range | None = None
    lao_rao_deg: Range = (0.0, 0.0)
    cranial_caudal_deg: Range = (0.0, 0.0)
    roll_deg: Range = (0.0, 0.0)
    isocenter_jitter_mm: tuple[Range, ...] | list[Range] = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    field_mm: Range | None = None
    weight: Number = 1.0
    source_isocenter_mm: Range | None = None
    aim: Aim | None = None
    mirrored: bool = False
    opening: Range | None = None
    opening_share: Number = 1.0

    def __post_init__(self) -> None:
        if self.source_side not in _SIDES:
            raise ValueError(f"source_side is one of {', '.join(_SIDES)}, got {self.source_side!r}")
        if (self.isocenter_detector_mm is None) == (self.source_isocenter_mm is None):
            raise ValueError("give one of isocenter_detector_mm and source_isocenter_mm")
        for name in ("sdd_mm", "isocenter_detector_mm", "source_isocenter_mm", "field_mm", "opening"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_range(name, getattr(self, name)))
        for name in ("isocenter_detector_mm", "source_isocenter_mm"):
            limits = getattr(self, name)
            if limits is not None and not 0 < limits[0] <= limits[1] < self.sdd_mm[0]:
                raise ValueError(f"{name}={list(limits)} must lie between 0 and the shortest sdd_mm, {self.sdd_mm[0]}")
        for name in ("field_mm", "opening"):
            if getattr(self, name) is not None and not getattr(self, name)[0] > 0:
                raise ValueError(f"{name}={list(getattr(self, name))} must be positive")
        if not 0 <= self.opening_share <= 1:
            raise ValueError(f"opening_share={self.opening_share} is a share, 0 to 1")
        if self.weight < 0:
            raise ValueError(f"weight={self.weight} must not be negative")
        _check_weights(self.aims())
        self._pose()

    def _pose(self) -> ViewRanges:
        return ViewRanges(self.lao_rao_deg, self.cranial_caudal_deg, self.roll_deg, self.isocenter_jitter_mm)

    def aims(self) -> Mapping[str, Number]:
        """Names of the points that views are about, and their weights; empty for the scene's centre."""
        if self.aim is None:
            return {}
        return {self.aim: 1} if isinstance(self.aim, str) else self.aim

    def sample(
        self, rng: np.random.Generator, center_world: Point3, aims: Mapping[str, Point3] = NO_AIMS, case: int = 0
    ) -> View:
        """Draw a view about the aim, or else ``center_world`` (RAS mm), plus jitter; always 15 draws.

        Raises:
            ConfigError: The scene does not offer the aim.
        """
        pose = self._pose().sample(rng, np.zeros(3))
        share, close, field, tube, other_side, which, is_round, diameter = rng.random(8)
        sdd = _between(self.sdd_mm, share)
        if self.source_isocenter_mm is not None:
            source_isocenter = _between(self.source_isocenter_mm, close)
        else:
            assert self.isocenter_detector_mm is not None
            source_isocenter = sdd - _between(self.isocenter_detector_mm, close)
        side: SourceSide = "anterior" if tube < 0.5 else "posterior"
        if self.source_side != "either":
            side = self.source_side
        turned = self.mirrored and other_side < 0.5
        about = center_world
        if self.aim is not None:
            name = _chosen(self.aims(), which)
            about = _point(aims, "_".join(_SWAPPED.get(word, word) for word in name.split("_")) if turned else name)
        sign = -1.0 if turned else 1.0
        return replace(
            pose,
            isocenter_world=pose.isocenter_world * (sign, 1, 1) + about,
            lao_rao_deg=sign * pose.lao_rao_deg,
            roll_deg=sign * pose.roll_deg,
            source_isocenter_mm=source_isocenter,
            sdd_mm=sdd,
            source_side=side,
            field_mm=None if self.field_mm is None else _between(self.field_mm, field),
            opening=_between(self.opening, diameter) if self.opening and is_round < self.opening_share else None,
        )


@dataclass(frozen=True)
class MixedViews:
    """Examinations of several kinds, each by its weight; stands where :class:`ViewRanges` does.

    Attributes:
        kinds: The kinds by name; None leaves one out.

    Raises:
        ValueError: None has a weight above 0.
    """

    kinds: Mapping[str, StandRanges | None]

    def __post_init__(self) -> None:
        kept = {name: kind for name, kind in self.kinds.items() if kind is not None and kind.weight > 0}
        if not kept:
            raise ValueError("views.kinds has no kind with a weight above 0")
        object.__setattr__(self, "kinds", kept)

    def sample(
        self, rng: np.random.Generator, center_world: Point3, aims: Mapping[str, Point3] = NO_AIMS, case: int = 0
    ) -> View:
        """Draw a kind and a view of it; always 16 draws."""
        kinds = {name: kind for name, kind in self.kinds.items() if kind is not None}
        name = _chosen({name: kind.weight for name, kind in kinds.items()}, rng.random())
        return kinds[name].sample(rng, center_world, aims, case)


def _between(limits: Range, share: float) -> float:
    """The number that lies ``share`` of the way from the lower to the upper limit."""
    low, high = limits
    return float(low + share * (high - low))


def _check_weights(choices: Mapping[str, Number]) -> None:
    if choices and not (all(weight >= 0 for weight in choices.values()) and sum(choices.values()) > 0):
        raise ValueError(f"aim={dict(choices)} needs weights of 0 or more, one of them above 0")


def _chosen(choices: Mapping[str, Number], share: float) -> str:
    """The name whose part of the sum of all weights holds ``share``."""
    weights = np.array(list(choices.values()), dtype=np.float64)
    index = int(np.searchsorted(np.cumsum(weights) / weights.sum(), share, side="right"))
    return list(choices)[min(index, len(choices) - 1)]


def _point(aims: Mapping[str, Point3], name: str) -> Point3:
    if name not in aims:
        offered = ", ".join(aims) or "none"
        raise ConfigError(f"a view is aimed at {name!r}, which the task's scenes do not offer; they have {offered}")
    return aims[name]
