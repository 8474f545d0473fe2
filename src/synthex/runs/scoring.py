"""Prediction sets against the truth: tables, figures, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from synthex.core import EvalProtocol, Reader, Task
from synthex.core.terminal import console
from synthex.evaluation import (
    MAX_CASES,
    Evaluation,
    PredictionSet,
    evaluate,
    pool,
    pool_with_cases,
    read_prediction_set,
    write_evaluation,
)
from synthex.runs.run import BASELINE_FOLDER


def score(
    predictions: str | Path | Sequence[Path],
    task: Task,
    truth: Reader | Sequence[Reader],
    output: str | Path | None = None,
    seed: int = 0,
    *,
    allow_partial: bool = False,
    gallery: int = MAX_CASES,
    radiographs: Mapping[str, bytes] | None = None,
) -> Evaluation:
    """Evaluate, and write tables, pictures and report.

    Args:
        predictions: A set, or sets whose cases are pooled.
        task: Theirs.
        truth: Ground truth of all cases, or one reader a set.
        output: Folder for them; None writes nothing.
        seed: Of the bootstrap.
        allow_partial: Score the common cases.
        gallery: How many cases, the worst, the report's viewer shows.
        radiographs: Pictures of answers without ground truth, for the report, by caption.
    """
    folders = [Path(predictions)] if isinstance(predictions, str | Path) else list(predictions)
    protocol = task.protocol
    sets = [read_prediction_set(folder, protocol) for folder in folders]
    if isinstance(truth, Reader):
        found, reader = sets[0] if len(sets) == 1 else pool(sets, protocol), truth
    else:
        found, reader = pool_with_cases(sets, truth, protocol, allow_partial=allow_partial)
    baseline = baselines_of(folders, protocol)
    result = evaluate(found, reader, protocol, baseline, seed=seed, allow_partial=allow_partial, gallery=gallery)
    if output is not None:
        write_evaluation(Path(output), result, radiographs=radiographs)
    return result


def baselines_of(folders: Sequence[Path], protocol: EvalProtocol) -> PredictionSet | None:
    """The trivial predictor's answers beside sets, pooled; None unless every set has them.

    A figure of the baseline on some of the cases would not be comparable: all of them or none, and a word about it.
    """
    paths = [folder / BASELINE_FOLDER for folder in folders]
    lacking = [path for path in paths if not path.exists()]
    if 0 < len(lacking) < len(paths):
        console.print(f"no baseline is scored: {lacking[0]} does not exist", style="yellow", soft_wrap=True)
    return None if lacking else pool_folders(paths, protocol)


def pool_folders(folders: Sequence[Path], protocol: EvalProtocol) -> PredictionSet:
    """The set of a folder, or those of several as one."""
    sets = [read_prediction_set(folder, protocol) for folder in folders]
    return sets[0] if len(sets) == 1 else pool(sets, protocol)
