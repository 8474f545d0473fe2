"""Between a :class:`~synthex.core.Sample` and what albumentations takes: image, masks, keypoints.

albumentations and OpenCV put pixel centres at integers, synthex at +0.5: keypoints are shifted by half a
pixel on the way in and back on the way out. Knows no structure or landmark names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthex.augment.library import A
from synthex.augment.operation import Frame, SampleOperation
from synthex.core import Augmentation, ConfigError, Sample


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


@dataclass(frozen=True, eq=False)
class Albumentations:
    """Any transform, or ``Compose``, of albumentations as an augmentation.

    It sees the image scaled to [0, 1] by its own darkest and brightest value, float32, whatever the domain, and what it
    makes is scaled back. Masks and landmarks follow; a landmark that leaves the image becomes not visible. The pixel
    pitch stays as it was: where a transform cuts or zooms, lengths in mm are those of before.

    Args:
        transform: Seeded anew for each sample by its generator, so that a sample stays a function of its number.
    """

    transform: A.BasicTransform | A.BaseCompose

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The sample transformed; ``record["augment"]`` gets the seed."""
        seed = int(rng.integers(2**32))
        parts = self.transform.transforms if isinstance(self.transform, A.Compose) else [self.transform]
        points = A.KeypointParams("xy", remove_invisible=False)
        whole = A.Compose(parts, keypoint_params=points, p=self.transform.p, seed=seed)
        low, high = float(sample.image.min()), float(sample.image.max())
        span = max(high - low, 1e-12)
        data = to_albumentations(sample)
        data["image"] = ((sample.image - low) / span).astype(np.float32)
        data["keypoints"] = np.where(sample.visible[:, None], data["keypoints"], 0.0)
        made = dict(whole(**data))
        image = np.asarray(made["image"], dtype=np.float32)
        made["image"] = (image if image.ndim == 2 else image.mean(axis=2)) * span + low
        changed = from_albumentations(sample, made)
        record = dict(sample.record)
        record["augment"] = [*record.get("augment", ()), {"op": type(self.transform).__name__, "seed": seed}]
        return replace(changed, record=record)


def as_augmentation(made: Any) -> Augmentation:
    """What a config's ``augment`` made, as an augmentation: one of ours, of the user's or of albumentations.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(made, A.BasicTransform | A.BaseCompose):
        return Albumentations(made)
    if not callable(made):
        raise ConfigError(f"augment makes a {type(made).__name__}, which is no augmentation")
    found: Augmentation = made
    return found
