"""Which tissue a label's name means."""

import re
from dataclasses import dataclass
from typing import Literal

Tissue = Literal["bone", "muscle", "organ", "body"]

_LUMBAR_LABELLED = ("L3", "L4", "L5")


@dataclass(frozen=True)
class Meaning:
    """What a label is.

    Attributes:
        tissue: Bone, muscle, organ, or body: anything of a person that nothing else names.
        bone: For bones: ``hip``, ``femur``, ``sacrum``, ``vertebra``, ``rib``, ``other``.
        side: ``left``, ``right``, ``both`` where one label may hold the two of a pair, or empty.
        structure: The hip task's structure for bones (without side for pairs); empty for a bone without label.
    """

    tissue: Tissue
    bone: str = ""
    side: str = ""
    structure: str = ""


_BONES = (
    ("hip", r"hips?|pelvis|pelvic_bones?|hip_bones?|innominates?|os_coxae|coxal"),
    ("femur", r"femur|femurs|femora|femoral"),
    ("sacrum", r"sacrum|vertebrae?_s1|s1|coccyx|sacrum_coccyx"),
    ("vertebra", r"spine|lumbar_spine|vertebrae?(?:_[ctl]\d+)?|[ctl]\d+"),
    ("rib", r"ribs?(?:_\d+)?|sternum|costal_cartilages"),
    ("other", r"patella|tibia|fibula|humerus|scapula|clavicula|clavicle|skull|radius|ulna|carpal|hand|bones?"),
)
_MUSCLES = r"muscle|gluteus|iliopsoas|iliacus|psoas|autochthon|adductor|vastus|rectus|obturator|piriformis|sartorius"
_FLAT_BODY = r"body|skin|subcutaneous.*|torso_fat|.*_fat|body_trunc|body_extremities"


def meaning(name: str) -> Meaning:
    """What a label of this name is; names as TotalSegmentator and others write them."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    side = next((s for s in ("left", "right") if re.search(rf"(^|_){s}(_|$)", plain)), "")
    bare = re.sub(r"_?(left|right)_?", "_", plain).strip("_")
    for bone, pattern in _BONES:
        if re.fullmatch(pattern, bare):
            if bone in ("hip", "femur"):
                return Meaning("bone", bone, side or "both", bone)
            level = re.search(r"([ctl]\d+)$", bare)
            labelled = bone == "vertebra" and (level is None or level[1].upper() in _LUMBAR_LABELLED)
            structure = "vertebrae" if labelled else "sacrum" if bone == "sacrum" else ""
            return Meaning("bone", bone, side, structure)
    if re.search(_MUSCLES, plain):
        return Meaning("muscle", side=side)
    return Meaning("body") if re.fullmatch(_FLAT_BODY, plain) else Meaning("organ")
