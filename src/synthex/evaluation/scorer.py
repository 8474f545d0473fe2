"""Join prediction sets with ground truth and score them, reading every case once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from synthex.core import ConfigError, EvalProtocol, InputError, Prediction, Reader, Relabelled, Sample
from synthex.evaluation.comparison_table import ComparisonTable
from synthex.evaluation.gallery import CaseView, GalleryKeeper
from synthex.evaluation.pictures import Picture, PictureKeeper
from synthex.evaluation.prediction_set import PredictionSet, match_protocol
from synthex.evaluation.score_builder import ScoreBuilder
from synthex.evaluation.scores import Scores
from synthex.evaluation.summary import summarize
from synthex.evaluation.trivial import compare_with_trivial


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
        gallery: The cases of the report's viewer, worst first.
        seed: Of the bootstrap.
    """

    protocol: EvalProtocol
    scores: Scores
    baseline: Scores | None
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]
    pictures: tuple[Picture, ...] = ()
    missing: tuple[str, ...] = field(default=())
    extra: tuple[str, ...] = field(default=())
    gallery: tuple[CaseView, ...] = field(default=(), repr=False)
    seed: int = 0

    @cached_property
    def against(self) -> ComparisonTable | None:
        """The model against the trivial predictors beside it, made when first asked for; None without any."""
        return compare_with_trivial(self.scores, self.baseline, seed=self.seed)


def evaluate(
    prediction_set: PredictionSet,
    reader: Reader,
    protocol: EvalProtocol,
    baseline: Predictor | None = None,
    *,
    allow_partial: bool = False,
    pictures: int = 2,
    gallery: int = 0,
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
        gallery: How many of the worst cases are kept for the report's viewer.
        seed: Of the bootstrap.

    Raises:
        InputError: Other task, other names, missing or extra cases, masks of another size.
        ConfigError: Reader and protocol have no name in common.
    """
    found = evaluate_methods(
        {"model": prediction_set}, reader, protocol, {} if baseline is None else {"model": baseline},
        allow_partial=allow_partial, pictures=pictures, gallery=gallery, seed=seed,
    )  # fmt: skip
    return found["model"]


def evaluate_methods(
    methods: Mapping[str, PredictionSet],
    reader: Reader,
    protocol: EvalProtocol,
    baselines: Mapping[str, Predictor] | None = None,
    *,
    allow_partial: bool = False,
    pictures: int = 2,
    gallery: int = 0,
    seed: int = 0,
) -> dict[str, Evaluation]:
    """Score several methods on the same cases, reading every case once; see :func:`evaluate`.

    Args:
        methods: Name to prediction set. All have every case of the reader and no other.
        reader: Ground truth.
        protocol: Task, names, cuts.
        baselines: Of some of the methods, by their names.
        allow_partial: Score the cases that all methods and the reader have, instead of refusing.
        pictures: How many of the best, of the median and of the worst cases of each method are kept for overlays.
        gallery: How many of the worst cases are kept for the report's viewer: the same for all methods.
        seed: Of the bootstrap.

    Raises:
        InputError: Other task, other names, missing or extra cases, masks of another size.
        ConfigError: Reader and protocol have no name in common, nothing is annotated, or there is no method.
    """
    if not methods:
        raise ConfigError("there is no prediction set to evaluate")
    wanted = reader.case_ids()
    channels = _in_channels(reader, protocol)
    runs = []
    # Methods are compared in what all of them have.
    areas = all(one.has_probabilities for one in methods.values())
    for name, prediction_set in methods.items():
        chosen = match_protocol(prediction_set, protocol)
        other = (baselines or {}).get(name)
        other = match_protocol(other, protocol) if isinstance(other, PredictionSet) else other
        extra = compare_cases(chosen, wanted, allow_partial)[1]
        runs.append(_Run(chosen, other, extra, channels.known, protocol, pictures, areas))
    common = {case_id for case_id in wanted if all(case_id in run.chosen for run in runs)}
    if not common:
        problem = "has no case in common with the other methods"
        raise InputError(runs[0].chosen.source(), problem, "compare prediction sets of one dataset")
    views, annotated = GalleryKeeper(gallery), False
    for index, case_id in enumerate(wanted):
        if case_id in common:
            sample = channels[index]
            annotated |= sample.is_annotated
            predictions, badness = zip(*(run.add(sample) for run in runs), strict=True)
            views.add(sample, predictions, badness)
    if not annotated:
        raise ConfigError(f"nothing of task {protocol.task} is annotated in the dataset, so there is nothing to score")
    missing = tuple(case_id for case_id in wanted if case_id not in common)
    return {
        name: run.finish(missing, [view.of_method(index) for view in views.views()], seed)
        for index, (name, run) in enumerate(zip(methods, runs, strict=True))
    }


class _Run:
    """One method on its way through the cases."""

    def __init__(
        self,
        chosen: PredictionSet,
        baseline: Predictor | None,
        extra: tuple[str, ...],
        known: np.ndarray,
        protocol: EvalProtocol,
        pictures: int,
        areas: bool,
    ) -> None:
        self.chosen = chosen
        self._baseline, self._extra, self._protocol = baseline, extra, protocol
        self._builder, self._baseline_builder = (ScoreBuilder(protocol, known, areas) for _ in range(2))
        self._keeper = PictureKeeper(pictures)

    def add(self, sample: Sample) -> tuple[Prediction, float]:
        """Score one case; its prediction and what it is ranked by."""
        prediction = self.chosen.predict(sample)
        if prediction.masks.shape != sample.masks.shape:
            case_id = sample.case_id
            raise InputError(
                self.chosen.source(case_id),
                f"case {case_id} was predicted on {_size(prediction.masks)} pixels, its image is {_size(sample.masks)}",
                "write predictions in native pixels",
            )
        badness = self._builder.add(sample, prediction)
        if self._baseline is not None:
            self._baseline_builder.add(sample, self._baseline.predict(sample))
        self._keeper.add(sample, prediction, badness)
        return prediction, badness

    def finish(self, missing: tuple[str, ...], views: Sequence[CaseView], seed: int) -> Evaluation:
        """Everything found out about all cases added."""
        scores = self._builder.finish()
        baseline = self._baseline_builder.finish() if self._baseline is not None else None
        return Evaluation(
            self._protocol,
            scores,
            baseline,
            summarize(scores, baseline, self._protocol, seed, len(missing), len(self._extra)),
            dict(self.chosen.provenance),
            self._keeper.chosen(),
            missing,
            self._extra,
            tuple(views),
            seed,
        )


def _in_channels(reader: Reader, protocol: EvalProtocol) -> Relabelled:
    """A reader in the channels of a protocol.

    Raises:
        ConfigError: It has names, and none of them is the protocol's.
    """
    vocabulary = protocol.vocabulary
    named = {*reader.structures, *reader.landmarks}
    if named and not named.intersection((*vocabulary.structures, *vocabulary.landmarks)):
        raise ConfigError(
            f"the dataset has none of the names of task {protocol.task}: it has "
            f"{', '.join((*reader.structures, *reader.landmarks))}; choose a dataset of this task"
        )
    return Relabelled(reader, vocabulary.structures, vocabulary.landmarks)


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
