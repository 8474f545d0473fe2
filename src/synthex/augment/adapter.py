"""Between a :class:`~synthex.core.Sample` and what albumentations takes: image, masks, keypoints.

albumentations and OpenCV put pixel centres at integers, synthex at +0.5: keypoints are shifted by half a
pixel on the way in and back on the way out. Knows no structure or landmark names.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from synthex.augment.library import A
from synthex.augment.operation import Frame, SampleOperation
from synthex.core import Sample


def to_albumentations(sample: Sample) -> dict[str, Any]:
    """Image (H x W float32), masks (list of H x W uint8) and keypoints (L x 2, index coordinates)."""
    return {
        "image": sample.image,
        "masks": [mask.astype(np.uint8) for mask in sample.masks],
        "keypoints": sample.landmarks.astype(np.float64) - 0.5,
    }


def from_albumentations(sample: Sample, data: Mapping[str, Any]) -> Sample:
    """``sample`` with the image, masks and landmarks of ``data``.

    A landmark that was not visible stays so; one that left ``[0, W] x [0, H]`` becomes not visible (NaN).
    What is annotated stays annotated.
    """
    height, width = data["image"].shape
    landmarks = np.asarray(data["keypoints"], dtype=np.float64) + 0.5
    with np.errstate(invalid="ignore"):
        inside = ((landmarks >= 0) & (landmarks <= (width, height))).all(axis=1)
    visible = sample.visible & inside
    return replace(
        sample,
        image=np.ascontiguousarray(data["image"], dtype=np.float32),
        masks=np.array(data["masks"], dtype=bool).reshape(-1, height, width),
        landmarks=np.where(visible[:, None], landmarks, np.nan).astype(sample.landmarks.dtype),
        visible=visible,
    )


def apply_operation(
    operation: A.BasicTransform | SampleOperation, sample: Sample, parameters: Mapping[str, Any]
) -> Sample:
    """``sample`` after ``operation`` with exactly these ``parameters``; nothing is drawn here.

    An operation on the image alone leaves masks, landmarks and flags bit for bit as they were.
    """
    if isinstance(operation, SampleOperation):
        return operation.apply(sample, **parameters)
    frame = Frame.of(sample)
    if isinstance(operation, A.ImageOnlyTransform):
        image = operation.apply_with_params({"frame": frame, **parameters}, image=sample.image)["image"]
        return replace(sample, image=np.ascontiguousarray(image, dtype=np.float32))
    data = operation.apply_with_params({"frame": frame, **parameters}, **to_albumentations(sample))
    return from_albumentations(sample, data)
