"""A policy, what it records, and the replay of a record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthex.augment import (
    display,
    encoding,
    framing,
    geometric,
    overlay,
    photometric,
    physical,
    screen,
    speckle,
    texture,
)
from synthex.augment.adapter import apply_operation
from synthex.augment.checks import check_names
from synthex.augment.library import A
from synthex.augment.operation import SampleOperation
from synthex.augment.tree import Node, Step
from synthex.core import Sample

RECORD_KEY = "augment"

_OPERATIONS: Mapping[str, A.BasicTransform | SampleOperation] = {
    operation.name: operation
    for operation in (
        geometric.AffineMove(),
        geometric.FramedAffine(),
        photometric.Inversion(),
        photometric.GaussianNoise(),
        photometric.Gamma(),
        photometric.LinearContrast(),
        photometric.LogContrast(),
        photometric.SigmoidContrast(),
        photometric.MultiplyImage(),
        photometric.MultiplyPixels(),
        speckle.ImpulseNoise(),
        speckle.SaltAndPepper(),
        speckle.CoarseSaltAndPepper(),
        speckle.PixelDropout(),
        speckle.CoarseDropout(),
        texture.GaussianBlur(),
        texture.BoxBlur(),
        texture.Sharpen(),
        texture.Emboss(),
        texture.AveragePool(),
        texture.MaxPool(),
        texture.MinPool(),
        texture.MedianPool(),
        texture.Elastic(),
        physical.MetalRod(),
        physical.MetalPlate(),
        physical.MetalScrew(),
        physical.Collimation(),
        physical.UnevenContrast(),
        overlay.GridLines(),
        overlay.Graticule(),
        overlay.Letters(),
        overlay.Marker(),
        overlay.UnevenBlur(),
        display.LinearWindow(),
        display.SigmoidWindow(),
        display.ToneSpline(),
        display.LocalEqualization(),
        display.UnsharpMask(),
        display.MultiScaleContrast(),
        display.RangeCompression(),
        display.Vignette(),
        encoding.Jpeg(),
        encoding.Quantize(),
        encoding.Resample(),
        encoding.LetterPlate(),
        framing.LineIntegral(),
        framing.AsShown(),
        framing.Resize(),
        framing.Crop(),
        screen.RoundField(),
        screen.Shutter(),
        screen.CornerMask(),
        screen.Seam(),
        screen.ScaleBar(),
        screen.Annotation(),
    )
}

OPERATION_NAMES: tuple[str, ...] = tuple(_OPERATIONS)


@dataclass(frozen=True)
class Policy:
    """An augmentation: draws steps, applies them, and says under ``record["augment"]`` what it did.

    Attributes:
        name: Written to the record.
        root: What is drawn; an empty chain draws nothing.
    """

    name: str
    root: Node

    def draw(self, rng: np.random.Generator) -> list[Step]:
        """The steps of one sample: JSON objects that :func:`apply_steps` takes."""
        return self.root.draw(rng)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """A new sample; ``sample`` is untouched.

        The result depends on the sample and the generator's state alone: not on the process, the worker
        or on what was augmented before.

        Raises:
            ValueError: The image holds NaN or infinity.
        """
        return _recorded(sample, {"policy": self.name, "steps": self.draw(rng)})


def apply_steps(sample: Sample, steps: Sequence[Step]) -> Sample:
    """``sample`` after ``steps``; the record is left alone.

    Raises:
        ConfigError: A step names an operation that does not exist.
        ValueError: The image holds NaN or infinity.
    """
    if not np.isfinite(sample.image).all():
        raise ValueError(f"{sample.case_id}: an image with NaN or infinite pixels cannot be augmented")
    for step in steps:
        check_names([step["op"]], OPERATION_NAMES, "augmentation step")
        parameters = {key: value for key, value in step.items() if key != "op"}
        sample = apply_operation(_OPERATIONS[step["op"]], sample, parameters)
    return sample


def replay(sample: Sample, record: Mapping[str, Any]) -> Sample:
    """Apply to ``sample`` what ``record`` says was done to it; bit-identical to the first time.

    Args:
        sample: The sample before augmentation.
        record: The record of the augmented sample (also after a round trip through JSON).

    Raises:
        ValueError: The sample has been augmented in a way that ``record`` does not begin with.
    """
    done, wanted = list(sample.record.get(RECORD_KEY, [])), list(record.get(RECORD_KEY, []))
    if wanted[: len(done)] != done:
        raise ValueError(f"{sample.case_id}: already augmented otherwise than the record says; replay on the original")
    for entry in wanted[len(done) :]:
        sample = _recorded(sample, entry)
    return sample


def _recorded(sample: Sample, entry: Mapping[str, Any]) -> Sample:
    done = apply_steps(sample, entry["steps"])
    entries = [*sample.record.get(RECORD_KEY, []), dict(entry)]
    return replace(done, record={**sample.record, RECORD_KEY: entries})
