"""What lesions are drawn from: ranges and probabilities, each with its source."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from synthex.core import ConfigError

Number = float | int
Kind = Literal["ground_glass", "mixed", "consolidation", "crazy_paving", "reversed_halo"]
KINDS: tuple[str, ...] = get_args(Kind)


def default_kinds() -> dict[str, float]:
    """Shares of the kinds of patches.

    Our choice in the order of frequency of Awulachew et al. 2020 (Radiol Res Pract 2020:1023506, 5041 patients):
    ground glass in 65 % of patients, consolidation in 22 %, both mixed in 18 %, thickened septa in 27 %. The
    reversed halo is called typical but less common in the review PMC8119228.
    """
    return {"ground_glass": 0.45, "mixed": 0.22, "consolidation": 0.15, "crazy_paving": 0.15, "reversed_halo": 0.03}


@dataclass(frozen=True)
class LesionSettings:
    """Distributions of :func:`~synthex.anatomy.lesions.add_lesions`.

    Published shares are shares of patients; used for single patches they are our choice of the nearest number.

    Attributes:
        bilateral: Probability that both lungs have lesions: 80 % (Awulachew et al. 2020,
            Radiol Res Pract 2020:1023506).
        extent: Share of the volume of the more diseased lung, (low, high); its 2/3 power is uniform, because a
            radiograph shows areas. Our choice, from a single patch to a nearly white lung: means are 4 to 7 % in
            early disease (Chin J Acad Radiol 2020, doi 10.1007/s42058-020-00034-2), less than 73 % of well aerated
            lung predicts intensive care (Colombi et al. 2020, Radiology, PMC7233411), and severity scores go on to
            more than 75 % of a lobe.
        other_extent: Extent of the other lung as a share of the first one's, uniform. Our choice.
        patches: Number of patches in a lung, (low, high), both included, uniform. Our choice; large ones grow into
            each other.
        peripheral: Probability that a patch is subpleural: 82.4 % of 552 patients (PMC7355135).
        posterior: Probability that it lies in the back half: 81.5 % of the same patients.
        lower: Probability that it lies in the lower half. Our choice: with three patches 96 % of patients have
            one there; 90 % have in radiographs (Singapore Med J, 96 patients) and in CTs (Iran J Pathol, 163).
        flatness: Depth of a subpleural patch over its radius along the pleura, uniform. Our choice.
        kinds: Kind of patch to its share, see :func:`default_kinds`.
        ground_glass_hu: HU that ground glass gives to lung of median HU, uniform. Mean lesion density was -462
            with a standard deviation of 99 in early and -430 (80) in late disease, with most voxels between -700
            and -500 (doi 10.1007/s42058-020-00034-2).
        consolidation_hu: The same of consolidated lung: from some air left to that of soft tissue. Our choice.
        contrast_hu: Least difference to the lung's median HU. Our choice: less is no lesion but a lung that is
            not fully inflated.
        edge_mm: Width of the border from nothing to the full lesion, uniform. Our choice.
        border_mm: Amplitude (standard deviation) of the irregularity of the outline; at most a quarter of a
            patch's radius. Our choice.
        texture: Strength of the lesion's own texture: where the share q of the air is filled, q varies with the
            standard deviation ``texture q (1 - q)``. Our choice.
        patchiness: How much thinner parts of a patch are: the excess over the lung loses the share
            ``patchiness max(n, 0)`` with smooth Gaussian noise n of variance 1. Our choice.
        lobule_mm: Spacing of the septa in crazy paving, uniform: secondary lobules are 10 to 25 mm across
            (Webb 2006, Radiology 239:322), the finer net lies within them.
        probability: Probability that there is any lesion.
    """

    bilateral: Number = 0.8
    extent: Sequence[Number] = (0.02, 0.75)
    other_extent: Sequence[Number] = (0.2, 1.0)
    patches: Sequence[Number] = (1, 6)
    peripheral: Number = 0.82
    posterior: Number = 0.8
    lower: Number = 0.65
    flatness: Sequence[Number] = (0.35, 1.0)
    kinds: Mapping[str, Number] = field(default_factory=default_kinds)
    ground_glass_hu: Sequence[Number] = (-700.0, -300.0)
    consolidation_hu: Sequence[Number] = (-100.0, 50.0)
    contrast_hu: Number = 100.0
    edge_mm: Sequence[Number] = (4.0, 14.0)
    border_mm: Number = 6.0
    texture: Number = 0.3
    patchiness: Number = 0.25
    lobule_mm: Sequence[Number] = (7.0, 16.0)
    probability: Number = 1.0

    def __post_init__(self) -> None:
        for name in ("bilateral", "peripheral", "posterior", "lower", "probability"):
            _check_number(name, getattr(self, name), 0.0, 1.0)
        for name, low, high in (
            ("extent", 1e-4, 1.0),
            ("other_extent", 0.0, 1.0),
            ("patches", 1, 50),
            ("flatness", 0.05, 5.0),
            ("ground_glass_hu", -1000.0, 200.0),
            ("consolidation_hu", -1000.0, 200.0),
            ("edge_mm", 0.1, 100.0),
            ("lobule_mm", 2.0, 100.0),
        ):
            _check_range(name, getattr(self, name), low, high)
        for name, high in (("contrast_hu", 1000.0), ("border_mm", 50.0), ("texture", 1.0), ("patchiness", 1.0)):
            _check_number(name, getattr(self, name), 0.0, high)
        if any(number != int(number) for number in self.patches):
            raise ConfigError(f"lesions.patches={list(self.patches)} must be whole numbers")
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ConfigError(f"lesions.kinds has the unknown kind {unknown[0]!r}; choose from {', '.join(KINDS)}")
        shares = [float(share) for share in self.kinds.values()]
        if not all(math.isfinite(share) and share >= 0 for share in shares) or not sum(shares) > 0:
            raise ConfigError("lesions.kinds needs shares of 0 and more, one of them positive")


def uniform(rng: np.random.Generator, limits: Sequence[Number]) -> float:
    """One draw from (low, high)."""
    return float(rng.uniform(float(limits[0]), float(limits[1])))


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    if not low <= float(value) <= high:
        raise ConfigError(f"lesions.{name}={value} must lie within {low:g} and {high:g}")


def _check_range(name: str, values: Sequence[Number], low: float, high: float) -> None:
    numbers = [float(value) for value in values]
    if len(numbers) != 2 or not low <= numbers[0] <= numbers[1] <= high:
        raise ConfigError(f"lesions.{name}={list(values)} must be (low, high) within {low:g} and {high:g}")
