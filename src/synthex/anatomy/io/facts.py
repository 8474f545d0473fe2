"""What must be true of the places of named structures in a person, as statements that a label map keeps or breaks.

World is RAS: the patient's left lies at smaller x, the back at smaller y, the feet at smaller z. All of them hold for
any part of a body: a statement about structures that are not there is not made, and one whose structures are as good
as level says nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

from synthex.anatomy.io.parts import Part

Kind = Literal["side", "order", "depth", "situs", "size", "density"]
"""Situs: which organ lies on which side, which a few people have mirrored."""

MARGIN = 0.1
"""Two structures count as apart along an axis if their centres are so by this share of the smaller one's extent."""

FEWEST_VOXELS = 20
"""Smaller structures are crumbs of a network's output, which lie anywhere."""

_ALIASES = {
    **dict.fromkeys(("pelvis", "hemipelvis", "innominate", "hip_bone", "os_coxae", "coxal", "ilium"), "hip"),
    **dict.fromkeys(("clavicula", "collarbone"), "clavicle"),
    "femoral": "femur",
    "vertebra": "vertebrae",
}
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}

_SPINE = (
    *(f"L{n}" for n in range(5, 0, -1)),
    *(f"T{n}" for n in range(12, 0, -1)),
    *(f"C{n}" for n in range(7, 0, -1)),
)

LEVELS: Mapping[str, float] = {
    "femur": 0.0,
    **{f"gluteus_{size}": 1.0 for size in ("maximus", "medius", "minimus")},
    "prostate": 0.7,
    "urinary_bladder": 1.0,
    "hip": 1.4,
    "sacrum": 1.7,
    "vertebrae_S1": 1.9,
    **{f"iliac_{vessel}": 1.9 for vessel in ("artery", "vena")},
    **{f"vertebrae_{name}": 2.1 + 0.2 * place for place, name in enumerate(_SPINE)},
    "vertebrae": 2.5,
    "duodenum": 2.7,
    "gallbladder": 2.9,
    "kidney": 2.9,
    "pancreas": 3.0,
    "stomach": 3.2,
    "adrenal_gland": 3.2,
    "liver": 3.3,
    "spleen": 3.4,
    **{f"rib_{n}": 5.3 - 0.2 * n for n in range(1, 13)},
    "ribs": 4.2,
    "heart": 4.2,
    **{f"heart_{part}": 4.2 for part in ("myocardium", "atrium", "ventricle")},
    "lung": 4.4,
    "lung_lower_lobe": 4.2,
    "lung_middle_lobe": 4.2,
    "lung_upper_lobe": 4.7,
    "sternum": 4.6,
    "pulmonary_artery": 4.6,
    "scapula": 4.9,
    "trachea": 5.2,
    "clavicle": 5.4,
    "thyroid_gland": 5.8,
    "face": 7.2,
    "skull": 7.6,
    "brain": 7.8,
}
"""Height of the middle of a structure, in steps of five vertebrae; long ones (aorta, bowel, muscles of the back) have
no height. Ours, from any atlas (Gray's)."""

LEVELS_APART = 0.8
"""Structures whose heights differ by this (four vertebrae) never change places, in whatever part of them is scanned."""

LIMITS_CM3: Mapping[str, float] = {
    "rib": 80.0,
    "vertebrae_C": 50.0,
    "vertebrae_T": 90.0,
    "vertebrae_L": 160.0,
    "iliac_artery": 80.0,
    "iliac_vena": 80.0,
    "clavicle": 120.0,
    "adrenal_gland": 60.0,
    "gallbladder": 400.0,
    "hip": 900.0,
    "sacrum": 700.0,
    "femur": 1200.0,
}
"""No adult's is larger (twice the large ones of published segmentations); there is no lower limit, for scans cut."""

BONES = frozenset(
    ("hip", "femur", "sacrum", "vertebrae", "rib", "ribs", "clavicle", "scapula", "sternum", "humerus", "skull")
)
_LUNGS = frozenset(("lung", "lung_upper_lobe", "lung_middle_lobe", "lung_lower_lobe"))
_MOST_HU = {
    **dict.fromkeys(("spleen", "kidney", "liver", "pancreas", "heart", "heart_myocardium", "brain", "prostate"), 500.0),
    **dict.fromkeys(("iliopsoas", "autochthon", "gluteus_maximus", "gluteus_medius", "gluteus_minimus"), 150.0),
}
"""Largest median HU of solid organs, which contrast agent fills, and of muscles, which it does not."""

_BEHIND: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("sacrum", ("hip", "femur", "urinary_bladder", "prostate")),
    ("vertebrae", ("sternum", "heart", "trachea", "liver", "pancreas", "urinary_bladder", "thyroid_gland")),
    ("scapula", ("sternum", "heart")),
    ("gluteus_maximus", ("hip",)),
    ("kidney", ("liver", "pancreas")),
)
"""(what lies behind, what lies in front of it)."""

_SIDED = frozenset(("hip", "femur", "clavicle", "scapula", "kidney", "lung", "lung_upper_lobe", "lung_lower_lobe"))
"""Structures of two sides that lie well away from the midline."""

_MIDLINE = frozenset(("sacrum", "vertebrae", "vertebrae_S1", "sternum"))


@dataclass(frozen=True)
class Structure:
    """What a name means.

    Attributes:
        base: Without its side, in our spelling (``hip``, ``rib_7``, ``vertebrae_L3``).
        side: ``left``, ``right`` or empty.
    """

    base: str
    side: str

    @property
    def kind(self) -> str:
        """Without its number: ``rib``, ``vertebrae``."""
        return re.sub(r"_[CTLS]?\d+$", "", self.base)


@dataclass(frozen=True)
class Fact:
    """A statement about structures, and whether the label map keeps it.

    Attributes:
        kind: What it is about.
        names: Structures it is about.
        holds: Whether it is so.
        broken: What is seen where it is not, in words.
    """

    kind: Kind
    names: tuple[str, ...]
    holds: bool
    broken: str


def meaning(name: str) -> Structure:
    """The structure that a name means: ``Left hip``, ``pelvis_left`` and ``hip_l`` are ``hip`` of the left side."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    side = ""
    kept: list[str] = []
    for word in words:
        if word.lower() in _SIDES and not side and len(words) > 1:
            side = _SIDES[word.lower()]
        else:
            kept.append(word.upper() if re.fullmatch(r"[CTLSctls]\d{1,2}", word) else word.lower())
    base = "_".join(kept)
    for alias, ours in _ALIASES.items():
        if base == alias or base.startswith(f"{alias}_"):
            base = ours + base[len(alias) :]
            break
    if re.fullmatch(r"[CTL]\d{1,2}", base):
        base = f"vertebrae_{base}"
    return Structure(re.sub(r"(?<=_)([CTL]?)0+(?=\d)", r"\1", base), side)


def spelled(name: str) -> str:
    """A name as TotalSegmentator and the task's groups spell it, as far as it can be told."""
    found = meaning(name)
    rib = re.fullmatch(r"rib_(\d+)", found.base)
    if rib and found.side:
        return f"rib_{found.side}_{rib[1]}"
    return f"{found.base}_{found.side}" if found.side else found.base


def facts_about(parts: Mapping[str, Part]) -> list[Fact]:
    """Every statement that can be made about named parts of one label map."""
    if not parts:
        return []
    middle = sorted(part.voxels for part in parts.values())[len(parts) // 2]
    solid = {name: part for name, part in parts.items() if part.voxels >= max(FEWEST_VOXELS, 0.02 * middle)}
    known = {name: meaning(name) for name in solid}
    makers = (_sides, _neighbours, _heights, _depths, _sizes, _densities)
    return [fact for maker in makers for fact in maker(solid, known)]


def _before(one: Part, other: Part, axis: int) -> bool | None:
    """Whether ``one`` lies before ``other`` along an axis; None where they are as good as level.

    None too where it does not but the scan hides what would tell: the rest of ``one`` before the first voxels, or
    that of ``other`` beyond the last.
    """
    step = float(other.center[axis] - one.center[axis])
    if abs(step) <= MARGIN * float(min(one.extent[axis], other.extent[axis])):
        return None
    return True if step > 0 else (None if one.cut_low[axis] or other.cut_high[axis] else False)


def _sides(parts: Mapping[str, Part], known: Mapping[str, Structure]) -> Iterator[Fact]:
    """Left is left of right, and of the midline."""
    for left, right in _pairs(known):
        if (holds := _before(parts[left], parts[right], 0)) is not None:
            yield Fact("side", (left, right), holds, f"{left} lies to the patient's right of {right}")
    middle = [name for name, what in known.items() if what.kind in _MIDLINE and not what.side]
    for name, what in known.items():
        if what.side and what.base in _SIDED:
            for other in middle:
                ends = (name, other) if what.side == "left" else (other, name)
                if (holds := _before(parts[ends[0]], parts[ends[1]], 0)) is not None:
                    wrong = "right" if what.side == "left" else "left"
                    yield Fact("side", (name, other), holds, f"{name} lies to the patient's {wrong} of {other}")


def _neighbours(parts: Mapping[str, Part], known: Mapping[str, Structure]) -> Iterator[Fact]:
    """A femur is next to the hip bone of its side, ribs of one side lie on one side, the brain in the skull."""
    named = {(what.base, what.side): name for name, what in known.items()}
    for side, other in (("left", "right"), ("right", "left")):
        femur, own, far = (named.get(key) for key in (("femur", side), ("hip", side), ("hip", other)))
        if femur and own and far:
            near, away = (abs(float(parts[femur].center[0] - parts[hip].center[0])) for hip in (own, far))
            if abs(near - away) > MARGIN * abs(float(parts[own].center[0] - parts[far].center[0])):
                yield Fact("side", (femur, own, far), near < away, f"{femur} lies nearer to {far} than to {own}")
        ribs = [named.get((f"rib_{n}", side)) for n in range(1, 13)]
        for one, next_one in pairwise(ribs):
            if one and next_one:
                a, b = parts[one], parts[next_one]
                together = bool(a.low[0] <= b.high[0] and b.low[0] <= a.high[0])
                yield Fact("situs", (one, next_one), together, f"{one} and {next_one} lie on two sides")
    for left, right in (("stomach", "liver"), ("spleen", "liver"), ("heart", "liver")):
        here, there = parts.get(named.get((left, ""), "")), parts.get(named.get((right, ""), ""))
        if here and there and (holds := _before(here, there, 0)) is not None:
            yield Fact("situs", (left, right), holds, f"{left} lies to the patient's right of {right}")
    brain, skull = parts.get(named.get(("brain", ""), "")), parts.get(named.get(("skull", ""), ""))
    if brain and skull:
        within = bool(((brain.center >= skull.low) & (brain.center <= skull.high)).all())
        yield Fact("situs", ("brain", "skull"), within, "the brain lies outside the skull")


def _heights(parts: Mapping[str, Part], known: Mapping[str, Structure]) -> Iterator[Fact]:
    """From foot to head."""
    levels = {name: level for name, what in known.items() if (level := LEVELS.get(what.base)) is not None}
    spine = {f"vertebrae_{name}": place for place, name in enumerate(("S1", *_SPINE))} | {"sacrum": -1}
    for one, other in combinations(sorted(levels, key=lambda name: levels[name]), 2):
        bases = known[one].base, known[other].base
        next_to = all(base in spine for base in bases) and spine[bases[0]] < spine[bases[1]]
        if levels[other] - levels[one] < LEVELS_APART and not next_to:
            continue
        if (holds := _before(parts[one], parts[other], 2)) is not None:
            yield Fact("order", (one, other), holds, f"{one} lies above {other}")


def _depths(parts: Mapping[str, Part], known: Mapping[str, Structure]) -> Iterator[Fact]:
    """Front and back."""
    for behind, before in _BEHIND:
        backs = [name for name, what in known.items() if what.kind == behind]
        fronts = [name for name, what in known.items() if what.kind in before]
        for back in backs:
            for front in fronts:
                one, other = known[back], known[front]
                if one.side and other.side and one.side != other.side:
                    continue
                # Vertebrae against what is at their own height: a spine curves.
                if abs(LEVELS.get(one.base, 3.0) - LEVELS.get(other.base, 3.0)) > 1.0 and one.kind == "vertebrae":
                    continue
                if (holds := _before(parts[back], parts[front], 1)) is not None:
                    yield Fact("depth", (back, front), holds, f"{back} lies in front of {front}")


def _sizes(parts: Mapping[str, Part], known: Mapping[str, Structure]) -> Iterator[Fact]:
    for name, what in known.items():
        limit = LIMITS_CM3.get(what.kind, LIMITS_CM3.get(re.sub(r"\d+$", "", what.base)))
        if limit is not None:
            size = parts[name].cm3
            yield Fact("size", (name,), bool(size <= limit), f"{name} has {size:.0f} cm3")


def _densities(parts: Mapping[str, Part], known: Mapping[str, Structure]) -> Iterator[Fact]:
    """Rough ones, for telling numberings apart: calcium, contrast agent and disease move them far."""
    for name, what in known.items():
        hu = parts[name].hu
        if hu is None:
            continue
        seen = f"the median of {name} is {hu:.0f} HU"
        if what.kind in BONES:
            yield Fact("density", (name,), hu > 0, seen)
        elif what.base in _LUNGS:
            yield Fact("density", (name,), hu < -100, seen)
        elif what.base in _MOST_HU:
            yield Fact("density", (name,), -200 < hu < _MOST_HU[what.base], seen)


def _pairs(known: Mapping[str, Structure]) -> Iterable[tuple[str, str]]:
    right = {what.base: name for name, what in known.items() if what.side == "right"}
    return [(name, right[what.base]) for name, what in known.items() if what.side == "left" and what.base in right]
