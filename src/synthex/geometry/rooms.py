"""Views of a radiographic room: a fixed detector, a tube that moves, and several kinds of examination."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from synthex.core.arrays import Point3
from synthex.geometry.views import Number, Range, SourceSide, View, ViewRanges, checked_range


@dataclass(frozen=True)
class StandRanges:
    """One kind of examination: the patient at a distance from the detector, the tube at another.

    Attributes:
        source_side: Side of the patient that the tube is on: ``posterior`` for PA, ``anterior`` for AP.
        sdd_mm: Source-to-detector distance (SID), mm.
        isocenter_detector_mm: From the middle of the body to the detector, mm.
        lao_rao_deg: Rotation of the patient, as :class:`View` has it, degrees.
        cranial_caudal_deg: Tilt of the tube, or a patient who leans, degrees.
        roll_deg: Degrees.
        isocenter_jitter_mm: One range per world axis (lateral R, anterior A, cranial S), mm.
        field_mm: Width of the open field at the detector, mm; None: the whole detector.
        weight: How often it is drawn, relative to the others.
    """

    source_side: SourceSide
    sdd_mm: Range
    isocenter_detector_mm: Range
    lao_rao_deg: Range = (0.0, 0.0)
    cranial_caudal_deg: Range = (0.0, 0.0)
    roll_deg: Range = (0.0, 0.0)
    isocenter_jitter_mm: tuple[Range, ...] | list[Range] = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    field_mm: Range | None = None
    weight: Number = 1.0

    def __post_init__(self) -> None:
        for name in ("sdd_mm", "isocenter_detector_mm"):
            object.__setattr__(self, name, checked_range(name, getattr(self, name)))
        if self.field_mm is not None:
            object.__setattr__(self, "field_mm", checked_range("field_mm", self.field_mm))
            if not self.field_mm[0] > 0:
                raise ValueError(f"field_mm={list(self.field_mm)} must be positive")
        if not 0 < self.isocenter_detector_mm[0] <= self.isocenter_detector_mm[1] < self.sdd_mm[0]:
            raise ValueError(
                f"isocenter_detector_mm={list(self.isocenter_detector_mm)} must lie between 0 and the shortest "
                f"sdd_mm, {self.sdd_mm[0]}"
            )
        if self.weight < 0:
            raise ValueError(f"weight={self.weight} must not be negative")
        self._pose()

    def _pose(self) -> ViewRanges:
        return ViewRanges(self.lao_rao_deg, self.cranial_caudal_deg, self.roll_deg, self.isocenter_jitter_mm)

    def sample(self, rng: np.random.Generator, center_world: Point3) -> View:
        """Draw a view whose isocentre is ``center_world`` (RAS mm) plus jitter; always 10 draws."""
        pose = self._pose().sample(rng, center_world)
        (near, far), (close, away) = self.sdd_mm, self.isocenter_detector_mm
        sdd, behind = float(rng.uniform(near, far)), float(rng.uniform(close, away))
        share = float(rng.random())
        opened = None if self.field_mm is None else self.field_mm[0] + share * (self.field_mm[1] - self.field_mm[0])
        return replace(
            pose, source_isocenter_mm=sdd - behind, sdd_mm=sdd, source_side=self.source_side, field_mm=opened
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

    def sample(self, rng: np.random.Generator, center_world: Point3) -> View:
        """Draw a kind and a view of it; always 11 draws."""
        chosen = [kind for kind in self.kinds.values() if kind is not None]
        weights = np.array([kind.weight for kind in chosen], dtype=np.float64)
        index = int(np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(), side="right"))
        return chosen[min(index, len(chosen) - 1)].sample(rng, center_world)
