"""What the DICOM objects of an answer share: who answered, what was found, codes, references to the source."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

import synthex
from synthex.exchange.dicom_source import uid_of
from synthex.runs import Answer, FoundLandmark

SCHEME = "99SYNTHEX"
_COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
_KNOWN = {
    "femur": ("71341001", "Femur"),
    "sacrum": ("54735007", "Sacrum"),
    "vertebrae": ("51282000", "Vertebra"),
    "hip": ("29836001", "Hip"),
    "lungs": ("39607008", "Lung"),
    "lesion": ("52988006", "Lesion"),
    "lesions": ("52988006", "Lesion"),
    "guide_wire": ("272224001", "Guide Wire"),
}
"""SNOMED CT codes of structures, without the side (PS3.16 CID 7151)."""
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}
_ABNORMAL = ("lesion", "lesions")
_THINGS = ("guide_wire", "k_wire", "clamp", "drill", "retractor", "continuum_manipulator")


@dataclass(frozen=True)
class Author:
    """The model that answered.

    Attributes:
        name: Of the model.
        version: Of its weights.
    """

    name: str
    version: str


@dataclass(frozen=True, eq=False)
class Found:
    """What an answer says, without its image.

    Attributes:
        landmarks: By name.
        masks: By structure, H x W; may be made when they are asked for.
        shape: H, W.
        pixel_mm: Pitch at the detector; None where it is not known.
        frame: Which of the source, from 0.
    """

    landmarks: Mapping[str, FoundLandmark]
    masks: Mapping[str, np.ndarray]
    shape: tuple[int, int]
    pixel_mm: float | None = None
    frame: int = 0

    @classmethod
    def of(cls, answer: Answer) -> "Found":
        """Of an answer to a source of one frame."""
        height, width = answer.image.shape
        return cls(answer.landmarks, answer.masks, (height, width), answer.pixel_mm)


def identity(author: Author, key: str, part: str, number: int, description: str) -> dict[str, Any]:
    """What an object is called and who made it, for the library's constructors; the same for the same ``key``."""
    return {
        "series_instance_uid": uid_of(key, author.version, part, "series"),
        "series_number": number,
        "sop_instance_uid": uid_of(key, author.version, part),
        "instance_number": 1,
        "manufacturer": "synthex",
        "manufacturer_model_name": author.name[:64],
        "software_versions": f"synthex {synthex.__version__}, weights {author.version}",
        "device_serial_number": author.version or "0",
        "series_description": description,
    }


def code(value: str, meaning: str, scheme: str = "SCT") -> Any:
    """A coded concept."""
    from highdicom.sr import CodedConcept

    return CodedConcept(value, scheme, meaning[:64])


def own_code(name: str) -> Any:
    """A code of ours; values take 16 characters (PS3.3 8.1)."""
    return code(name if len(name) <= 16 else uid_of(name)[-16:].lstrip("."), name, SCHEME)


def structure_code(name: str) -> tuple[Any, Any, Any | None]:
    """Category, type and side of a structure."""
    bare, _, side = name.rpartition("_")
    bare, side = (bare, side) if side in _SIDES else (name, "")
    kind = code(*_KNOWN[bare]) if bare in _KNOWN else own_code(name)
    category = code("91723000", "Anatomical Structure")
    if bare in _ABNORMAL:
        category = code("49755003", "Morphologically Abnormal Structure")
    elif bare in _THINGS:
        category = code("260787004", "Physical object")
    return category, kind, code(*_SIDES[side]) if side else None


def scheme_item() -> Any:
    """What says whose our own codes are."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(designator=SCHEME, name="synthex", responsible_organization="synthex")


def one_frame(source: Any) -> Any:
    """The source as an image of one frame and no place in space: for the library the kind of image decides both.

    It wants positions in space of kinds that may have several frames, which projections never have.
    """
    alone = deepcopy(source)
    alone.pop("NumberOfFrames", None)
    alone.SOPClassUID = _COMPUTED_RADIOGRAPHY
    return alone


def name_class(data: Any, source: Any) -> None:
    """Give back to references the kind of their image."""
    if data.get("ReferencedSOPInstanceUID") == source.SOPInstanceUID:
        data.ReferencedSOPClassUID = source.SOPClassUID
    for element in data:
        for item in element.value if element.VR == "SQ" else ():
            name_class(item, source)


def frame_number(source: Any, answer: Found) -> list[int] | None:
    """Of a reference to the answer's frame, from 1; None where the source has but one."""
    return [answer.frame + 1] if int(source.get("NumberOfFrames", 1)) > 1 else None
