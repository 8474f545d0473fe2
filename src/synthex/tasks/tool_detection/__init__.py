"""Surgical tool detection: an instrument's mask, and its base and tip, in fluoroscopy (the study's second task)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from synthex.core import ConfigError, DistanceGate, EvalProtocol, Task, Vocabulary
from synthex.tasks.tool_detection.scoring import CONFIDENCE_CUTS, PRIMARY

if TYPE_CHECKING:
    from synthex.instruments import Instrument
    from synthex.tasks.tool_detection.placement import Placement

NAME = "tool_detection"


def build(
    instrument: "Instrument",
    distractors: "Mapping[str, Instrument | None] | None" = None,
    placement: "Placement | None" = None,
    sigma_mm: float | int = 3.88,
    present_above: float | int = 0.3,
    heat_weight: float | int = 0.5,
    gate_mm: Sequence[float | int] | None = None,
    loss: str = "synthex",
    read_out: str = "synthex",
) -> Task:
    """The task for training.

    Args:
        instrument: What is to be found; names the mask and the landmarks.
        distractors: Other things that may lie in the scene, by any name; None leaves one out, and so does
            being what is to be found: unlabelled ones would teach that it is not there.
        placement: Where all of these lie; None takes the defaults.
        sigma_mm: Standard deviation of the landmark heatmaps at the detector (the study: 20 px of 0.194 mm).
        present_above: Confidence from which a landmark counts as present.
        heat_weight: Weight of the heatmap loss; the mask gets the rest (the study: 0.5).
        gate_mm: Report beside the figures what is left of them where pairs of the first two landmarks that are
            found nearer or farther than this (mm at the detector) are dropped, as the study does with (15, 200).
        loss: ``synthex``, or ``syntheX_2023``: the study's.
        read_out: How outputs are read, likewise.

    Raises:
        ConfigError: Something that should be an instrument is none, the instrument has no landmarks or too few for
            the gate, or a number cannot be used.
    """
    from synthex.instruments import Instrument
    from synthex.tasks.masks_and_landmarks import STUDYS, StudysDecoder, check_rule, make_decoder, make_loss
    from synthex.tasks.tool_detection import scene, targets
    from synthex.tasks.tool_detection.placement import Placement

    if not isinstance(instrument, Instrument):
        raise ConfigError(
            f"task.instrument={instrument!r} is no instrument; choose one with instrument@task.instrument="
        )
    if not isinstance(distractors, Mapping | None):
        raise ConfigError(f"task.distractors={distractors!r} must be a mapping of names to instruments")
    for name, other in (distractors or {}).items():
        if not isinstance(other, Instrument | None):
            raise ConfigError(
                f"task.distractors.{name}={other!r} is no instrument; choose one with "
                f"instrument@task.distractors.{name}=, or give null"
            )
    if not instrument.landmarks:
        raise ConfigError(f"task.instrument={instrument.name} has no landmarks to find; name some")
    others = [other for other in (distractors or {}).values() if other is not None and other.name != instrument.name]
    vocabulary = Vocabulary(structures=(instrument.name,), landmarks=tuple(instrument.landmarks))
    check_rule("read_out", read_out)
    anywhere = StudysDecoder(sigma_mm, (None,) * len(instrument.landmarks))
    return Task(
        name=NAME,
        vocabulary=vocabulary,
        scene=scene.make_scenes(instrument, others, placement or Placement()),
        targets=targets.make_targets(instrument.name, instrument.landmarks),
        loss=make_loss(sigma_mm, heat_weight, loss),
        decode=anywhere if read_out == STUDYS else make_decoder(sigma_mm, present_above),
        protocol=protocol(vocabulary, gate_mm),
        labels=(),
        unusable=targets.make_unusable(instrument.name),
    )


def protocol(vocabulary: Vocabulary, gate_mm: Sequence[float | int] | None = None) -> EvalProtocol:
    """How predictions of this task are scored.

    Raises:
        ConfigError: A gate needs two landmarks and low < high.
    """
    from synthex.instruments.checks import is_number

    gate = None
    if gate_mm is not None:
        numbers = isinstance(gate_mm, Sequence) and all(map(is_number, gate_mm))
        if not numbers or len(gate_mm) != 2 or len(vocabulary.landmarks) < 2:
            raise ConfigError(f"task.gate_mm={gate_mm!r} needs [low, high] in mm and an instrument with two landmarks")
        first, second = vocabulary.landmarks[:2]
        gate = DistanceGate(first, second, float(gate_mm[0]), float(gate_mm[1]))
    return EvalProtocol(NAME, vocabulary, CONFIDENCE_CUTS, PRIMARY, gate)


__all__ = ["NAME", "build", "protocol"]
