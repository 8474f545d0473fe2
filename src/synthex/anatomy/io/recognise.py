"""Which numbering a label map has, and whether what is named lies where it can: by evidence, never in silence."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from synthex.anatomy.io.facts import BONES, Fact, Kind, facts_about, meaning
from synthex.anatomy.io.names import (
    NUMBERINGS,
    SYNTHEX_HIP,
    TOTALSEGMENTATOR,
    TOTALSEGMENTATOR_V1,
    Numbering,
    nearest,
)
from synthex.anatomy.io.parts import Part, measure_density, named_parts
from synthex.core import InputError, Volume

_SOFT_HU = 100.0
"""Median HU above which organs are bone rather: the pelvic bones of old people still reach it."""

_LEAST_CONTRAST = 0.2
"""By how much the share of voxels above 150 HU is larger under bone labels than around them (0.7 on a chest CT of 2.5
mm; 0.05 to 0.14 with its labels turned round or moved by 30 mm)."""

_MOST_AIR = 0.2
"""Bone labels with more air than this lie off the bone."""

_CLEAR = 1.0
"""Least difference of evidence between two numberings: two statements kept, or one broken."""

_MAIN = frozenset(("hip", "femur", "sacrum"))
"""Structures of which one broken statement is enough: many others are told by a network that may be wrong in one."""

_WORDS: Mapping[Kind, str] = {"side": "left and right", "order": "head to foot", "depth": "front and back"}
_REMEDY: Mapping[Kind, str] = {
    "side": "left and right are swapped, or the header is wrong: correct the file, or its names (labels.yaml)",
    "order": "head and feet are turned, or the ids mean other things: correct the file, or its names (labels.yaml)",
    "depth": "front and back are turned round: correct the file's voxels or header",
}
_NAME_THEM = "name its ids in a labels.yaml beside it ('name: id')"


def recognise_numbering(path: Path, used: Iterable[int], parts: Mapping[int, Part]) -> Numbering:
    """The built-in numbering that the places, sizes and HU of a map's ids speak for.

    TotalSegmentator's versions 1 and 2 give most ids different meanings (75 to 78 are ribs in one, femurs and hip
    bones in the other): the one whose statements about anatomy hold is taken. Ids from 1 to 6 are the hip's, unless
    only their being abdominal organs fits.

    Args:
        path: For messages.
        used: Ids that occur, without 0.
        parts: The same, measured.

    Raises:
        InputError: No numbering knows the ids, none fits, or two fit equally and disagree.
    """
    used = set(used)
    _require_known(path, used)
    if used <= {number for ids in SYNTHEX_HIP.values() for number in ids}:
        return _hip_or_organs(parts)
    tables = {"totalsegmentator_v1": TOTALSEGMENTATOR_V1, "totalsegmentator": TOTALSEGMENTATOR}
    known = {name: {n for ids in table.values() for n in ids} for name, table in tables.items()}
    found = {name: facts_about(named_parts(parts, table)) for name, table in tables.items() if used <= known[name]}
    best, *others = sorted(found, key=lambda name: _evidence(found[name]), reverse=True)
    if others and _evidence(found[best]) - _evidence(found[others[0]]) < _CLEAR and not _same_names(used):
        problem = "its ids fit versions 1 and 2 of TotalSegmentator alike"
        choices = "label_names=totalsegmentator (version 2) or label_names=totalsegmentator_v1"
        raise InputError(path, problem, f"say which with {choices}, or {_NAME_THEM}")
    placed = [fact for fact in found[best] if fact.kind == "order"]
    wrong = [fact for fact in placed if not fact.holds]
    if len(wrong) > 1 and len(wrong) > 0.3 * len(placed):
        problem = f"its ids lie where {best} does not have them ({wrong[0].broken}, {len(wrong)} of {len(placed)} so)"
        raise InputError(path, problem, _NAME_THEM)
    against = f", {_kept(found[others[0]])} as {others[0]}" if others else f", no other version has id {max(used)}"
    evidence = f"recognised: {_kept(found[best])} statements about places and sizes hold{against}"
    return Numbering(f"{best} ({evidence})", NUMBERINGS[best])


def check_anatomy(path: Path, parts: Mapping[str, Part]) -> tuple[str, ...]:
    """Check that named structures lie where they can.

    Returns:
        What was checked, in words.

    Raises:
        InputError: Left and right, head and feet, or front and back contradict the names.
    """
    facts = facts_about(parts)
    broken = contradiction(facts)
    if broken is not None:
        raise InputError(path, *broken)
    return tuple(
        f"{words}: {_kept(about)} statements hold"
        for kind, words in _WORDS.items()
        if (about := [fact for fact in facts if fact.kind == kind])
    )


def contradiction(facts: Sequence[Fact]) -> tuple[str, str] | None:
    """What is wrong with the places of named structures, and what to do; None where nothing is.

    One broken statement about a hip bone, femur or sacrum is enough; of other structures, and of front and back, half
    of them.
    """
    for kind in _WORDS:
        about = [fact for fact in facts if fact.kind == kind]
        wrong = [fact for fact in about if not fact.holds]
        main = [fact for fact in wrong if kind != "depth" and any(meaning(name).kind in _MAIN for name in fact.names)]
        if main or (wrong and len(wrong) >= 0.5 * len(about)):
            return f"{_most(main or wrong)} ({len(wrong)} of {len(about)} statements fail)", _REMEDY[kind]
    return None


def check_bone_density(path: Path, labels: Volume, ct: Volume, structures: Mapping[str, int]) -> tuple[str, ...]:
    """Check that what is called bone is bone in the CT, and what is called lung is not.

    Returns:
        What was measured, in words.

    Raises:
        InputError: It is soft tissue, air, or no denser than what surrounds it.
    """
    said = []
    bones = {name: number for name, number in structures.items() if meaning(name).kind in BONES}
    density = measure_density(labels, ct, bones.values()) if bones else None
    if density is not None:
        median, contrast = density.median_hu, density.bone - density.bone_around
        seen = f"the labelled bone has a median of {median:.0f} HU"
        remedy = "check that the labels belong to this CT, and their header (an axis may be turned round)"
        if density.air > _MOST_AIR:
            raise InputError(path, f"{100 * density.air:.0f} % of the labelled bone is air; {seen}", remedy)
        if median < _SOFT_HU and contrast < _LEAST_CONTRAST:
            problem = f"{seen}, which is soft tissue, and is no denser than what surrounds it"
            raise InputError(path, problem, remedy)
        said.append(f"{seen}; {100 * density.bone:.0f} % above 150 HU, {100 * density.bone_around:.0f} % around it")
    lungs = [number for name, number in structures.items() if meaning(name).base.startswith("lung")]
    density = measure_density(labels, ct, lungs) if lungs else None
    if density is not None:
        seen = f"the labelled lung has a median of {density.median_hu:.0f} HU"
        if density.median_hu > _SOFT_HU and density.bone > 0.5:
            raise InputError(path, f"{seen}, which is bone", "check that the labels belong to this CT, and their names")
        said.append(seen)
    return tuple(said)


def _hip_or_organs(parts: Mapping[int, Part]) -> Numbering:
    """Ids 1 to 6: the six bones, or TotalSegmentator's first six organs."""
    bones, organs = (facts_about(named_parts(parts, table)) for table in (SYNTHEX_HIP, TOTALSEGMENTATOR))
    broken = [sum(not fact.holds for fact in facts) for facts in (bones, organs)]
    hu = [part.hu for part in parts.values() if part.hu is not None]
    soft = not hu or max(hu) < _SOFT_HU
    if broken[0] and not broken[1] and len(organs) > 1 and soft:
        evidence = f"recognised: {_kept(organs)} statements about places and sizes hold, {_kept(bones)} as synthex_hip"
        return Numbering(f"totalsegmentator ({evidence})", TOTALSEGMENTATOR)
    evidence = f"no id beyond 6; {_kept(bones)} statements about places and sizes hold"
    return Numbering(f"synthex_hip ({evidence})", SYNTHEX_HIP)


def _kept(facts: Sequence[Fact]) -> str:
    return f"{sum(fact.holds for fact in facts)} of {len(facts)}"


def _evidence(facts: Sequence[Fact]) -> float:
    """Log likelihood ratio, about: a statement about places holds in 98 % of true namings and in 60 % of false ones.

    Limits of sizes and densities are wide, so that keeping them says nothing.
    """
    kept = sum(fact.holds for fact in facts if fact.kind not in ("size", "density"))
    return 0.5 * kept - 3.0 * sum(not fact.holds for fact in facts)


def _require_known(path: Path, used: set[int]) -> None:
    known = {number for ids in TOTALSEGMENTATOR.values() for number in ids}
    unknown = sorted(used - known)
    if unknown:
        shown = ", ".join(str(value) for value in unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            path,
            f"ids without a name in TotalSegmentator's numbering: {shown}"
            f"{nearest(str(unknown[0]), map(str, sorted(known)))}",
            f"{_NAME_THEM}, or choose label_names",
        )


def _same_names(used: set[int]) -> bool:
    """Whether both versions call these ids the same (1 to 6 only)."""
    one, two = (
        {number: name for name, ids in table.items() for number in ids if number in used}
        for table in (TOTALSEGMENTATOR_V1, TOTALSEGMENTATOR)
    )
    return one == two


def _most(facts: Sequence[Fact]) -> str:
    """The statement to show: one about hips or femurs, if there is one."""
    order = {"hip": 0, "femur": 1, "sacrum": 2}
    return min(facts, key=lambda fact: min(order.get(meaning(name).kind, 3) for name in fact.names)).broken
