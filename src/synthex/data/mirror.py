"""Radiographs mirrored, left and right changing places, and turned by quarters, with all that is known of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synthex.core import Sample, Vocabulary


def mirrored_order(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Where each channel of a mirrored image comes from: partners of ``pairs`` trade places, others stay.

    Args:
        names: Channels, in order.
        pairs: (left, right) names; pairs of which a name is no channel are passed over.
    """
    partner = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
    index = {name: number for number, name in enumerate(names)}
    return [index.get(partner.get(name, name), number) for number, name in enumerate(names)]


def mirror(sample: Sample, vocabulary: Vocabulary) -> Sample:
    """The radiograph of the patient's mirror image, in the same display convention (patient's right on the left).

    Columns run backwards, and what was a left structure or landmark is a right one. A mirrored patient is another
    possible patient, so this doubles the anatomies of a training. What breaks the symmetry (writing, side markers)
    must be added after it.

    Args:
        sample: As simulated or read; its camera's record is that of the original.
        vocabulary: Channel names and left-right pairs of the task.
    """
    masks = mirrored_order(vocabulary.structures, vocabulary.structure_pairs)
    points = mirrored_order(vocabulary.landmarks, vocabulary.landmark_pairs)
    landmarks = sample.landmarks[points].copy()
    landmarks[:, 0] = sample.image.shape[1] - landmarks[:, 0]
    return replace(
        sample,
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        masks=np.ascontiguousarray(sample.masks[masks, :, ::-1]),
        landmarks=landmarks,
        visible=sample.visible[points],
        annotated=sample.annotated[points],
        masks_annotated=sample.masks_annotated[masks],
        record={**sample.record, "mirrored": True},
    )


def turned(sample: Sample, quarters: int) -> Sample:
    """The radiograph turned anticlockwise by so many quarters; a picture of another side up, not another patient.

    Args:
        sample: As simulated or read; its camera's record is that of the original.
        quarters: Whole turns are left out.
    """
    quarters %= 4
    image, masks = np.rot90(sample.image, quarters), np.rot90(sample.masks, quarters, axes=(1, 2))
    points, (height, width) = sample.landmarks, sample.image.shape
    for _ in range(quarters):
        points = np.stack((points[:, 1], width - points[:, 0]), axis=1)
        height, width = width, height
    return replace(
        sample,
        image=np.ascontiguousarray(image),
        masks=np.ascontiguousarray(masks),
        landmarks=points,
        record={**sample.record, "quarter_turns": quarters},
    )
