"""The seams: what a source of anatomies, a simulator, a reader and a task must offer.

Each Protocol's docstring is its contract; ``tests/contracts`` checks every shipped implementation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from synthex.core.anatomy import Anatomy, Scene
from synthex.core.arrays import Flags, Image, Landmarks2, MaskStack, PathStack, SolidStack
from synthex.core.camera import Camera
from synthex.core.errors import ConfigError
from synthex.core.sample import Prediction, Radiograph, Sample


@runtime_checkable
class AnatomySource(Protocol):
    """A set of subjects that can be listed without being loaded.

    Contract: ``subject_ids`` is stable, sorted or in a fixed order, and cheap. ``load`` is a pure
    function of the id (same arrays every time, in every process). ``fingerprint`` changes whenever
    ``load`` would give other values (file size and time, parameters, code version) and is cheap: it
    keys the on-disk cache.
    """

    def subject_ids(self) -> tuple[str, ...]:
        """All subjects."""
        ...

    def load(self, subject_id: str) -> Anatomy:
        """One subject at its native resolution."""
        ...

    def fingerprint(self, subject_id: str) -> str:
        """Short string that changes when the subject's data would."""
        ...


@dataclass(frozen=True, eq=False)
class Rendering:
    """One pass over the rays: the image and, from geometry alone, the path through each structure.

    Attributes:
        radiograph: The simulated image.
        label_path_mm: S x H x W, length of each pixel's ray inside each structure, mm.
        record: JSON values of everything that was drawn for the image (dose, kVp, …).
        solid_path_mm: N x H x W, the same for each of the scene's solids; N is 0 without solids.
        water_path_mm: H x W, mm of water that weigh as much as the tissue along each ray (without the solids).
    """

    radiograph: Radiograph
    label_path_mm: PathStack
    record: Mapping[str, Any] = field(default_factory=dict)
    solid_path_mm: SolidStack = field(default_factory=lambda: np.zeros((0, 1, 1), dtype=np.float32))
    water_path_mm: Image = field(default_factory=lambda: np.zeros((1, 1), dtype=np.float32))


@runtime_checkable
class Simulator(Protocol):
    """A realism level.

    Contract: ``label_path_mm`` and ``solid_path_mm`` are bit-identical at every level for the same scene and
    camera; only the pixels change. Solids do not shorten the paths of labels: a structure is where it is,
    with or without a screw in it. All randomness comes from ``rng``.
    """

    def __call__(self, scene: Scene, camera: Camera, label_ids: Sequence[int], rng: np.random.Generator) -> Rendering:
        """Image ``scene`` with ``camera``; paths for ``label_ids`` in that order."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Labelled radiographs, synthetic or real, in native pixels.

    Contract: ``reader[i].case_id == reader.case_ids()[i]``; samples carry ``structures`` masks and
    ``landmarks`` points in the order of these two tuples.
    """

    structures: tuple[str, ...]
    landmarks: tuple[str, ...]

    def case_ids(self) -> tuple[str, ...]:
        """All cases, in order, without loading them."""
        ...

    def __len__(self) -> int:
        """Number of cases."""
        ...

    def __getitem__(self, index: int) -> Sample:
        """One case with its ground truth."""
        ...


@dataclass(frozen=True)
class Vocabulary:
    """Names of a task, in the order of its channels.

    Attributes:
        structures: Mask channels.
        landmarks: Landmark channels.
        structure_pairs: (left, right) structure names.
        landmark_pairs: (left, right) landmark names.
    """

    structures: tuple[str, ...]
    landmarks: tuple[str, ...] = ()
    structure_pairs: tuple[tuple[str, str], ...] = ()
    landmark_pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DistanceGate:
    """A pair of predicted landmarks is plausible only at distances between two bounds, both exclusive.

    Attributes:
        first: Name of one landmark.
        second: Name of the other.
        low_mm: Lower bound of their distance, mm at the detector.
        high_mm: Upper bound.

    Raises:
        ConfigError: The bounds are not in order, or the names are one.
    """

    first: str
    second: str
    low_mm: float | int
    high_mm: float | int

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ConfigError(f"a gate needs two landmarks, got {self.first} twice")
        if not 0 <= self.low_mm < self.high_mm:
            raise ConfigError(f"gate_mm=[{self.low_mm}, {self.high_mm}]: give [low, high] in mm with 0 <= low < high")


@dataclass(frozen=True)
class EvalProtocol:
    """How a task is scored; touches neither networks nor Lightning.

    Attributes:
        task: Name of the task, compared with the one stored in prediction files.
        vocabulary: Names, in channel order.
        confidence_cuts: Cuts of the detection curve.
        primary: Key of ``summary.json`` that ranks models.
        gate: Figures without implausible pairs are reported beside the others; None reports none.
        mask_scores: Scores of masks that are reported by structure beside Dice (``sensitivity``, ``f2``, ...).
        original_rule: The scores of the original's evaluation of this task are reported too; None reports none.
        field_baseline: (structure, region) pairs of structures: the model is held against an answer that takes
            the whole true region for the structure, so knows where to look and sees nothing.
        probabilities: Prediction sets keep the probability of each pixel, for the area under the precision-recall
            curve, unless they are told otherwise.

    Raises:
        ConfigError: The gate or the field baseline has names that the vocabulary does not have, or the tool's rule is
            asked for without two landmarks.
    """

    task: str
    vocabulary: Vocabulary
    confidence_cuts: tuple[float, ...]
    primary: str
    gate: DistanceGate | None = None
    mask_scores: tuple[str, ...] = ()
    original_rule: Literal["hip", "tool", "covid"] | None = None
    field_baseline: tuple[tuple[str, str], ...] = ()
    probabilities: bool = False

    def __post_init__(self) -> None:
        if self.gate is not None:
            unknown = [name for name in (self.gate.first, self.gate.second) if name not in self.vocabulary.landmarks]
            if unknown:
                known = ", ".join(self.vocabulary.landmarks) or "none"
                raise ConfigError(f"the gate names {', '.join(unknown)}, the landmarks of {self.task} are {known}")
        strange = [name for pair in self.field_baseline for name in pair if name not in self.vocabulary.structures]
        if strange:
            known = ", ".join(self.vocabulary.structures) or "none"
            raise ConfigError(f"the field baseline names {strange[0]}, the structures of {self.task} are {known}")
        if self.original_rule == "tool" and len(self.vocabulary.landmarks) != 2:
            count = len(self.vocabulary.landmarks)
            raise ConfigError(f"the original's rule of tools is about two landmarks, {self.task} has {count}")


@dataclass(frozen=True, eq=False)
class Targets:
    """Ground truth of one view, from geometry alone.

    Attributes:
        masks: S x H x W bool.
        landmarks: L x 2 (column, row); NaN where not visible.
        visible: L flags: inside the image.
        annotated: L flags: presence or absence is known.
        record: Further JSON values about the view (``{"polylines": {name: [[column, row], ...]}}``); samples carry
            them under ``record["targets"]``.
    """

    masks: MaskStack
    landmarks: Landmarks2
    visible: Flags
    annotated: Flags
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Task:
    """A task as a value: its facets, injected wherever they are needed.

    Attributes:
        name: Name of the task's folder and config.
        vocabulary: Channel names and left-right pairs.
        scene: Anatomy to scene (what is inserted, what views are aimed at); pure given the generator.
        targets: Scene, camera and the paths of a rendering to ground truth; the image is not for it.
        loss: Pixel pitch of the network's input (mm at the detector) to the training loss, a module
            ``(outputs, batch) -> {"loss": ..., ...}``.
        decode: Raw network outputs and their batch to predictions in native pixels.
        protocol: How predictions are scored.
        labels: Structures of the anatomy that subjects must have and whose paths ``targets`` reads, in this
            order; None is the vocabulary's structures.
        unusable: Says in a few words why nothing can be learnt from a view (what it should show lies outside),
            None where something can. Such a view is drawn again.
    """

    name: str
    vocabulary: Vocabulary
    scene: Callable[[Anatomy, np.random.Generator], Scene]
    targets: Callable[[Scene, Camera, Rendering], Targets]
    loss: Callable[[float], Any]
    decode: Callable[[Mapping[str, Any], Mapping[str, Any]], list[Prediction]]
    protocol: EvalProtocol
    labels: tuple[str, ...] | None = None
    unusable: Callable[[Scene, Camera], str | None] | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """Structures that a subject must have."""
        return self.vocabulary.structures if self.labels is None else self.labels


Augmentation = Callable[[Sample, np.random.Generator], Sample]
"""Sample in, new sample out (inputs untouched); all randomness from the generator; what was drawn is
appended under ``record["augment"]``."""
