"""DICOM objects of answers: segmentation, measurement report (TID 1500) and presentation state, made with highdicom.

All of them refer to the image that was asked about and repeat its patient and study, as the standard demands
(PS3.3 A.51, A.35.13 and A.33.1). Positions need no shift: both here and in DICOM the outer corner of the first pixel is
(0, 0) and its centre (0.5, 0.5) (PS3.3 C.18.6.1.1 and C.10.5.1.2).
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool

import synthex
from synthex.core import UserError
from synthex.core.optional import optional_import
from synthex.exchange.dicom_source import uid_of
from synthex.runs import Answer, FoundLandmark

MAX_MASK_BYTES = 1 << 28
"""Masks of one segmentation object, unpacked; a long run of frames makes several objects."""

_SCHEME = "99SYNTHEX"
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
class Shown:
    """How the source image is shown, for the presentation state.

    Attributes:
        window: Centre and width; None: as the viewer chooses.
        rescale: Slope and intercept before the window.
    """

    window: tuple[float, float] | None = None
    rescale: tuple[float, float] | None = None


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


def dicom_objects(
    source: Any, answers: Sequence[Found], author: Author, key: str, shown: Shown | None = None
) -> Iterator[tuple[str, Any]]:
    """The objects of one image, each with the ending that its file is to have.

    Args:
        source: The image (:mod:`synthex.exchange.dicom_source`).
        answers: To its frames, in their order.
        author: Who answered.
        key: Decides the objects' identifiers.
        shown: How the image is shown.

    Yields:
        ``seg`` (only where the model segments something that is there), ``sr``, ``pr``; a long run of frames gives
        ``seg-2`` and so on.

    Raises:
        MissingExtraError: highdicom is not installed.
        UserError: The source cannot be referred to.
    """
    with _quiet():
        optional_import("highdicom", "dicom")
        try:
            segments = list(_segmentations(source, answers, author, key))
            for number, (segmentation, _) in enumerate(segments, 1):
                yield "seg" if number == 1 else f"seg-{number}", segmentation
            yield "sr", _report(source, answers, author, key, segments)
            yield "pr", _presentation(source, answers, author, key, shown or Shown())
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            # Not quoted: the library's words may hold the patient's.
            raise UserError(f"DICOM objects of it cannot be made ({type(error).__name__})") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep highdicom's and pydicom's warnings to themselves, for they quote patients."""
    logs = [logging.getLogger(name) for name in ("highdicom", "pydicom")]
    levels = [log.level for log in logs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in logs:
            log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.setLevel(level)


def _identity(author: Author, key: str, part: str, number: int, description: str) -> dict[str, Any]:
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


def _code(value: str, meaning: str, scheme: str = "SCT") -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(value, scheme, meaning[:64])


def _own_code(name: str) -> Any:
    """A code of ours; values take 16 characters (PS3.3 8.1)."""
    return _code(name if len(name) <= 16 else uid_of(name)[-16:].lstrip("."), name, _SCHEME)


def structure_code(name: str) -> tuple[Any, Any, Any | None]:
    """Category, type and side of a structure."""
    bare, _, side = name.rpartition("_")
    bare, side = (bare, side) if side in _SIDES else (name, "")
    kind = _code(*_KNOWN[bare]) if bare in _KNOWN else _own_code(name)
    category = _code("91723000", "Anatomical Structure")
    if bare in _ABNORMAL:
        category = _code("49755003", "Morphologically Abnormal Structure")
    elif bare in _THINGS:
        category = _code("260787004", "Physical object")
    return category, kind, _code(*_SIDES[side]) if side else None


def _scheme_item() -> Any:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(designator=_SCHEME, name="synthex", responsible_organization="synthex")


def _segmentations(
    source: Any, answers: Sequence[Found], author: Author, key: str
) -> Iterator[tuple[Any, dict[tuple[int, str], int]]]:
    """Objects of at most :data:`MAX_MASK_BYTES`, with the number of the frame of each (frame of the source, name)."""
    names = list(answers[0].masks)
    rows, columns = answers[0].shape
    at_once = max(1, MAX_MASK_BYTES // max(1, rows * columns * len(names)))
    number = 0
    for first in range(0, len(answers) if names else 0, at_once):
        part = answers[first : first + at_once]
        stack = np.stack([np.stack([answer.masks[name] for name in names], axis=-1) for answer in part])
        filled = stack.any(axis=(1, 2))
        if filled.any():
            number += 1
            kept = np.flatnonzero(filled.any(axis=0))
            labels = [names[index] for index in kept]
            made = _segmentation(source, stack[..., kept], labels, author, key, number, first)
            yield made, _places(made, labels, first)


def _segmentation(
    source: Any,
    masks: Bool[np.ndarray, "frames H W S"],
    names: Sequence[str],
    author: Author,
    key: str,
    number: int,
    first: int,
) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription

    algorithm = AlgorithmIdentificationSequence(
        name=author.name[:64], family=_code("123110", "Artificial Intelligence", "DCM"), version=author.version or "0"
    )
    frames, described = len(masks), []
    # The library knows no several frames of a projection, which has no place in space: each frame's segments are
    # handed to it as segments of their own, and their numbers are put right below.
    for frame in range(frames):
        for index, name in enumerate(names, 1):
            category, kind, side = structure_code(name)
            item = SegmentDescription(frame * len(names) + index, name[:64], category, kind, "AUTOMATIC", algorithm)
            if side is not None:
                item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side]
            described.append(item)
    made = Segmentation(
        source_images=[_one_frame(source)],
        pixel_array=np.moveaxis(masks, 0, 2).reshape(1, *masks.shape[1:3], -1).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=described,
        content_label="SEGMENTATION",
        content_creator_name="synthex^model",
        coding_schemes=[_scheme_item()],
        **_identity(author, key, f"seg {number}", 901, "Segmentation"),
    )
    made.PatientOrientation = ""  # type 2C: to be there, and not known
    if int(source.get("NumberOfFrames", 1)) > 1:
        _tell_frames(made, len(names), first)
        made.SegmentsOverlap = "YES" if (masks.sum(axis=-1) > 1).any() else "NO"
    _name_class(made, source)
    return made


def _one_frame(source: Any) -> Any:
    """The source as an image of one frame and no place in space: for the library the kind of image decides both.

    It wants positions in space of kinds that may have several frames, which projections never have.
    """
    from copy import deepcopy

    alone = deepcopy(source)
    alone.pop("NumberOfFrames", None)
    alone.SOPClassUID = _COMPUTED_RADIOGRAPHY
    return alone


def _name_class(data: Any, source: Any) -> None:
    """Give back to references the kind of their image."""
    if data.get("ReferencedSOPInstanceUID") == source.SOPInstanceUID:
        data.ReferencedSOPClassUID = source.SOPClassUID
    for element in data:
        for item in element.value if element.VR == "SQ" else ():
            _name_class(item, source)


def _tell_frames(made: Any, segments: int, first: int) -> None:
    """Segment numbers of (frame, structure) become those of structures, and each refers to its frame."""
    from copy import deepcopy

    from pydicom.dataset import Dataset

    made.SegmentSequence = list(made.SegmentSequence)[:segments]
    dimension = Dataset()
    dimension.DimensionOrganizationUID = made.DimensionIndexSequence[0].DimensionOrganizationUID
    dimension.DimensionIndexPointer = 0x00209057  # In-Stack Position Number
    dimension.FunctionalGroupPointer = 0x00209111  # of the Frame Content Sequence
    dimension.DimensionDescriptionLabel = "In-Stack Position Number"
    made.DimensionIndexSequence.append(dimension)
    for group in made.PerFrameFunctionalGroupsSequence:
        frame, segment = divmod(int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber) - 1, segments)
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber = segment + 1
        group.DerivationImageSequence = deepcopy(group.DerivationImageSequence)  # the library's frames share one
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber = first + frame + 1
        content = group.FrameContentSequence[0]
        content.StackID, content.InStackPositionNumber = "1", first + frame + 1
        content.DimensionIndexValues = [segment + 1, first + frame + 1]


def _places(segmentation: Any, names: Sequence[str], first: int) -> dict[tuple[int, str], int]:
    places = {}
    for place, group in enumerate(segmentation.PerFrameFunctionalGroupsSequence, 1):
        segment = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        frame = int(image.get("ReferencedFrameNumber", first + 1)) - 1
        places[frame, names[segment - 1]] = place
    return places


def _report(source: Any, answers: Sequence[Found], author: Author, key: str, segments: list[Any]) -> Any:
    """Landmarks as points with their confidence, areas of segments, and what was looked for and is absent."""
    from highdicom import sr

    groups: list[Any] = []
    for answer in answers:
        groups += _landmark_groups(source, answer, key)
        groups += _area_groups(source, answer, key, segments)
    observer = sr.ObserverContext(
        observer_type=_code("121007", "Device", "DCM"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("device", author.name, author.version),
            name=author.name,
            manufacturer_name="synthex",
            model_name=author.name,
            serial_number=author.version or "0",
        ),
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_code("168537006", "Plain radiography"),
        imaging_measurements=groups,
        title=_code("126000", "Imaging Measurement Report", "DCM"),
    )
    return sr.EnhancedSR(
        evidence=[source, *(segmentation for segmentation, _ in segments)],
        content=report[0],
        is_complete=True,
        coding_schemes=[_scheme_item()],
        **_identity(author, key, "sr", 902, "Landmarks and measurements"),
    )


def _frame_number(source: Any, answer: Found) -> list[int] | None:
    return [answer.frame + 1] if int(source.get("NumberOfFrames", 1)) > 1 else None


def _landmark_groups(source: Any, answer: Found, key: str) -> Iterator[Any]:
    from highdicom import sr

    height, width = answer.shape
    frame = _frame_number(source, answer)
    for name, one in answer.landmarks.items():
        tracking = sr.TrackingIdentifier(uid_of(key, "landmark", name, str(answer.frame)), name)
        confidence = sr.Measurement(
            name=_own_code("Confidence"), value=round(one.confidence, 6), unit=_code("1", "no units", "UCUM")
        )
        if not one.present:
            yield sr.MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracking,
                finding_type=_own_code(name),
                measurements=[confidence],
                qualitative_evaluations=[
                    sr.QualitativeEvaluation(_code("705057003", "Presence"), _code("272519000", "Absent"))
                ],
                source_images=[sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID, frame)],
            )
            continue
        region = sr.ImageRegion(
            graphic_type="POINT",
            graphic_data=np.array([[np.clip(one.column, 0, width), np.clip(one.row, 0, height)]]),
            source_image=sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID, frame),
        )
        measured = [confidence]
        if answer.pixel_mm is not None:
            measured += [
                sr.Measurement(
                    name=_own_code(f"{axis} at detector"),
                    value=round(value * answer.pixel_mm, 4),
                    unit=_code("mm", "millimeter", "UCUM"),
                )
                for axis, value in (("Column", one.column), ("Row", one.row))
            ]
        yield sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            referenced_region=region,
            finding_type=_own_code(name),
            measurements=measured,
        )


def _area_groups(source: Any, answer: Found, key: str, segments: list[Any]) -> Iterator[Any]:
    from highdicom import sr

    frame = _frame_number(source, answer)
    for segmentation, places in segments:
        for (number, name), place in places.items():
            if number != answer.frame:
                continue
            _, kind, _ = structure_code(name)
            pixels = int(answer.masks[name].sum())
            known = answer.pixel_mm is not None
            area = pixels * (answer.pixel_mm or 1.0) ** 2
            unit = _code("mm2", "square millimeter", "UCUM") if known else _code("{pixels}", "pixels", "UCUM")
            (segment,) = [
                int(item.SegmentNumber) for item in segmentation.SegmentSequence if item.SegmentLabel == name[:64]
            ]
            referenced = sr.ReferencedSegmentationFrame(
                segmentation.SOPClassUID,
                segmentation.SOPInstanceUID,
                frame_number=place,
                segment_number=segment,
                source_image=sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID, frame),
            )
            # The frame is of one segment; to name both is against PS3.3 table 10-3, though the library does.
            del referenced[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
            yield sr.PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=sr.TrackingIdentifier(uid_of(key, "segment", name, str(number)), name),
                referenced_segment=referenced,
                finding_type=kind,
                measurements=[sr.Measurement(name=_code("42798000", "Area"), value=round(area, 2), unit=unit)],
            )


def _presentation(source: Any, answers: Sequence[Found], author: Author, key: str, shown: Shown) -> Any:
    from highdicom import PresentationLUTTransformation, pr

    referenced = _one_frame(source)
    layers = [pr.GraphicLayer("LANDMARKS", order=2), pr.GraphicLayer("OUTLINES", order=1)]
    annotations: list[Any] = []
    several = int(source.get("NumberOfFrames", 1)) > 1
    for answer in answers:
        before = len(annotations)
        outlines = [
            pr.GraphicObject("POLYLINE", outline, units="PIXEL")
            for mask in answer.masks.values()
            for outline in outlines_of(mask)
        ]
        present = {name: one for name, one in answer.landmarks.items() if one.present}
        height, width = answer.shape
        where = {
            name: (float(np.clip(one.column, 0, width)), float(np.clip(one.row, 0, height)))
            for name, one in present.items()
        }
        if outlines:
            annotations.append(pr.GraphicAnnotation([referenced], layers[1], graphic_objects=outlines))
        if present:
            points = [pr.GraphicObject("POINT", np.array([xy]), units="PIXEL") for xy in where.values()]
            texts = [
                pr.TextObject(f"{name} {100 * one.confidence:.0f} %", units="PIXEL", anchor_point=where[name])
                for name, one in present.items()
            ]
            annotations.append(
                pr.GraphicAnnotation([referenced], layers[0], graphic_objects=points, text_objects=texts)
            )
        for annotation in annotations[before:] if several else []:
            annotation.ReferencedImageSequence[0].ReferencedFrameNumber = answer.frame + 1
    if shown.rescale is not None:
        referenced.RescaleSlope, referenced.RescaleIntercept = (f"{value:.10g}" for value in shown.rescale)
        referenced.RescaleType = "US"
    window = None
    if shown.window is not None:
        window = [pr.SoftcopyVOILUTTransformation(window_center=shown.window[0], window_width=shown.window[1])]
    inverse = source.PhotometricInterpretation == "MONOCHROME1"
    made = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[referenced],
        content_label="SYNTHEX",
        content_description="Outlines and landmarks",
        graphic_annotations=annotations or None,
        graphic_layers=layers if annotations else None,
        content_creator_name="synthex^model",
        presentation_lut_transformation=PresentationLUTTransformation("INVERSE" if inverse else "IDENTITY"),
        voi_lut_transformations=window,
        **_identity(author, key, "pr", 903, "Outlines and landmarks"),
    )
    made.Laterality = ""  # type 2C: to be there, and not known
    _name_class(made, source)
    return made


def outlines_of(mask: Bool[np.ndarray, "H W"]) -> list[np.ndarray]:
    """Outlines of a mask as N x 2 (column, row), closed, through the centres of edge pixels."""
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outlines = []
    for contour in found:
        # Half a pixel of slack keeps objects small: a femur's outline has thousands of pixels.
        points = cv2.approxPolyDP(contour, 0.5, True)[:, 0].astype(np.float64) + 0.5
        outlines.append(np.concatenate([points, points[:1]]))
    return outlines
