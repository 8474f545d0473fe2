"""DICOM segmentation of an answer's masks (PS3.3 A.51)."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from jaxtyping import Bool

from synthex.exchange.dicom_parts import (
    Author,
    Found,
    code,
    identity,
    name_class,
    one_frame,
    scheme_item,
    structure_code,
)

MAX_MASK_BYTES = 1 << 28
"""Masks of one segmentation object, unpacked; a long run of frames makes several objects."""


def segmentations(
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
        name=author.name[:64], family=code("123110", "Artificial Intelligence", "DCM"), version=author.version or "0"
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
        source_images=[one_frame(source)],
        pixel_array=np.moveaxis(masks, 0, 2).reshape(1, *masks.shape[1:3], -1).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=described,
        content_label="SEGMENTATION",
        content_creator_name="synthex^model",
        coding_schemes=[scheme_item()],
        **identity(author, key, f"seg {number}", 901, "Segmentation"),
    )
    made.PatientOrientation = ""  # type 2C: to be there, and not known
    if int(source.get("NumberOfFrames", 1)) > 1:
        _tell_frames(made, len(names), first)
        made.SegmentsOverlap = "YES" if (masks.sum(axis=-1) > 1).any() else "NO"
    name_class(made, source)
    return made


def _tell_frames(made: Any, segments: int, first: int) -> None:
    """Segment numbers of (frame, structure) become those of structures, and each refers to its frame."""
    from pydicom.dataset import Dataset

    made.SegmentSequence = list(made.SegmentSequence)[:segments]
    dimension = Dataset()
    dimension.DimensionOrganizationUID = made.DimensionIndexSequence[0].DimensionOrganizationUID
    dimension.DimensionIndexPointer = 0x00209057  # In-Stack Position Number
    dimension.FunctionalGroupPointer = 0x00209111  # of the Frame Content Sequence
    dimension.DimensionDescriptionLabel = "In-Stack Position Number"
    made.DimensionIndexSequence.append(dimension)
    for group in made.PerFrameFunctionalGroupsSequence:
        for name in ("SegmentIdentificationSequence", "DerivationImageSequence"):
            setattr(group, name, _group(made, group, name))
        frame, segment = divmod(int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber) - 1, segments)
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber = segment + 1
        group.DerivationImageSequence = deepcopy(group.DerivationImageSequence)  # the library's frames share one
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber = first + frame + 1
        content = group.FrameContentSequence[0]
        content.StackID, content.InStackPositionNumber = "1", first + frame + 1
        content.DimensionIndexValues = [segment + 1, first + frame + 1]
    for name in ("SegmentIdentificationSequence", "DerivationImageSequence"):  # each frame says it now
        made.SharedFunctionalGroupsSequence[0].pop(name, None)


def _group(made: Any, group: Any, name: str) -> Any:
    """What a frame says of itself; the library says what is the same of all frames, as of a single one, for all."""
    return group.get(name) or made.SharedFunctionalGroupsSequence[0][name].value


def _places(segmentation: Any, names: Sequence[str], first: int) -> dict[tuple[int, str], int]:
    places = {}
    for place, group in enumerate(segmentation.PerFrameFunctionalGroupsSequence, 1):
        segment = int(_group(segmentation, group, "SegmentIdentificationSequence")[0].ReferencedSegmentNumber)
        image = _group(segmentation, group, "DerivationImageSequence")[0].SourceImageSequence[0]
        frame = int(image.get("ReferencedFrameNumber", first + 1)) - 1
        places[frame, names[segment - 1]] = place
    return places
