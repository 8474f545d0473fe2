"""Join a prediction set with ground truth and score it, reading every case once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from synthex.core import ConfigError, EvalProtocol, InputError, Prediction, Reader, Sample
from synthex.evaluation.pictures import Picture, PictureKeeper
from synthex.evaluation.prediction_set import PredictionSet, match_protocol
from synthex.evaluation.scores import ScoreBuilder, Scores
from synthex.evaluation.summary import summarize


@runtime_checkable
class Predictor(Protocol):
    """Anything that answers for a sample: a prediction set, the trivial predictor."""

    def predict(self, sample: Sample) -> Prediction:
        """The prediction for ``sample``, channels in the order of the protocol."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that was found out about a model on a dataset.

    Attributes:
        protocol: How it was scored.
        scores: Per case, per landmark and per structure.
        baseline: The same for the baseline, if there was one.
        summary: Flat figures, the content of ``summary.json``.
        provenance: Where the predictions come from.
        pictures: The best, median and worst cases, best first.
        missing: Cases of the reader without a prediction (only where partial sets are allowed).
        extra: Predicted cases that the reader does not have.
    """

    protocol: EvalProtocol
    scores: Scores
    baseline: Scores | None
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]
    pictures: tuple[Picture, ...] = ()
    missing: tuple[str, ...] = field(default=())
    extra: tuple[str, ...] = field(default=())


def evaluate(
    prediction_set: PredictionSet,
    reader: Reader,
    protocol: EvalProtocol,
    baseline: Predictor | None = None,
    *,
    allow_partial: bool = False,
    pictures: int = 2,
    seed: int = 0,
) -> Evaluation:
    """Score ``prediction_set`` against the ground truth of ``reader``.

    Cases are joined by case id and every sample is read once, in order, since it may be simulated on the
    fly. Names are joined too: a landmark that the reader does not know counts as not annotated, a
    structure it does not know is not scored.

    Args:
        prediction_set: What the model said.
        reader: Ground truth.
        protocol: Task, names, cuts.
        baseline: Scored on the same samples, for instance :class:`TrivialPredictor` or another set.
        allow_partial: Score the common cases and list the others, instead of refusing.
        pictures: How many of the best, of the median and of the worst cases are kept for overlays.
        seed: Of the bootstrap.

    Raises:
        InputError: Other task, other names, missing or extra cases, masks of another size.
        ConfigError: Reader and protocol have no name in common.
    """
    chosen = match_protocol(prediction_set, protocol)
    other = match_protocol(baseline, protocol) if isinstance(baseline, PredictionSet) else baseline
    wanted = reader.case_ids()
    missing, extra = compare_cases(chosen, wanted, allow_partial)
    adapt = _ChannelMap(reader, protocol)
    builder, baseline_builder = ScoreBuilder(protocol, adapt.known), ScoreBuilder(protocol, adapt.known)
    keeper = PictureKeeper(pictures)
    for index, case_id in enumerate(wanted):
        if case_id not in chosen:
            continue
        sample = adapt(reader[index])
        prediction = chosen.predict(sample)
        if prediction.masks.shape != sample.masks.shape:
            raise InputError(
                chosen.source(case_id),
                f"case {case_id} was predicted on {_size(prediction.masks)} pixels, its image is {_size(sample.masks)}",
                "write predictions in native pixels",
            )
        badness = builder.add(sample, prediction)
        if other is not None:
            baseline_builder.add(sample, other.predict(sample))
        keeper.add(sample, prediction, badness)
    scores = builder.finish()
    baseline_scores = baseline_builder.finish() if other is not None else None
    return Evaluation(
        protocol,
        scores,
        baseline_scores,
        summarize(scores, baseline_scores, protocol, seed, len(missing), len(extra)),
        dict(chosen.provenance),
        keeper.chosen(),
        missing,
        extra,
    )


class _ChannelMap:
    """Puts the channels of a reader into the order of a protocol."""

    def __init__(self, reader: Reader, protocol: EvalProtocol) -> None:
        vocabulary = protocol.vocabulary
        self.structures = [_find(reader.structures, name) for name in vocabulary.structures]
        self.landmarks = [_find(reader.landmarks, name) for name in vocabulary.landmarks]
        self.known = np.array([index >= 0 for index in self.structures], dtype=bool)
        if not self.known.any() and all(index < 0 for index in self.landmarks):
            raise ConfigError(
                f"the dataset has none of the names of task {protocol.task}: it has "
                f"{', '.join((*reader.structures, *reader.landmarks)) or 'none'}; choose a dataset of this task"
            )

    def __call__(self, sample: Sample) -> Sample:
        """The sample with unknown structures empty and unknown landmarks not annotated."""
        height, width = sample.image.shape
        masks = np.zeros((len(self.structures), height, width), dtype=bool)
        for target, source in enumerate(self.structures):
            if source >= 0:
                masks[target] = sample.masks[source]
        channels = np.array(self.landmarks, dtype=np.int64)
        found, count = channels >= 0, len(channels)
        points = np.full((count, 2), np.nan)
        visible, annotated = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        points[found] = sample.landmarks[channels[found]]
        visible[found] = sample.visible[channels[found]]
        annotated[found] = sample.annotated[channels[found]]
        return replace(sample, masks=masks, landmarks=points, visible=visible, annotated=annotated)


def _find(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else -1


def compare_cases(
    predictions: PredictionSet, wanted: tuple[str, ...], allow_partial: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cases without a prediction, and predictions without a case.

    Raises:
        InputError: There are any and ``allow_partial`` is false, or nothing is common.
    """
    missing = tuple(case_id for case_id in wanted if case_id not in predictions)
    known = set(wanted)
    extra = tuple(case_id for case_id in predictions.case_ids() if case_id not in known)
    path = predictions.source()
    if len(missing) == len(wanted):
        raise InputError(path, "has no case of the dataset", "evaluate it on the dataset it was predicted on")
    if missing and not allow_partial:
        raise InputError(
            path,
            f"lacks {len(missing)} of {len(wanted)} cases, the first is {missing[0]}",
            "predict the whole dataset, or allow partial prediction sets",
        )
    if extra and not allow_partial:
        raise InputError(
            path,
            f"has {len(extra)} cases that the dataset does not have, the first is {extra[0]}",
            "evaluate it on the dataset it was predicted on, or allow partial prediction sets",
        )
    return missing, extra


def _size(masks: np.ndarray) -> str:
    return f"{masks.shape[1]} x {masks.shape[2]}"
