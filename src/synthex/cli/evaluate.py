"""``synthex evaluate``: a prediction set, several as one, or several methods against the truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.cli import evaluate_methods
from synthex.cli.build import build_task, open_checked, open_real
from synthex.cli.gate import with_gate
from synthex.cli.names import write_names
from synthex.cli.predict import open_cases
from synthex.cli.sets import baselines_of, folders_of, read_cases, task_of_set
from synthex.cli.terminal import console, quiet_libraries
from synthex.core import ConfigError, InputError, Reader, Task
from synthex.evaluation import (
    MAX_CASES,
    Evaluation,
    evaluate,
    pool,
    pool_with_cases,
    read_prediction_set,
    terminal_table,
    write_evaluation,
)


def main(cfg: DictConfig) -> None:
    """Score ``cfg.predictions``, or the methods ``cfg.compare``, and write everything to ``cfg.output``."""
    quiet_libraries()
    if cfg.compare is not None:
        evaluate_methods.main(cfg)
        return
    if cfg.margins:
        raise ConfigError("margins are of a comparison; give the methods: 'compare={sim2real: SET, real2real: SET}'")
    folders = folders_of(cfg.predictions, "predictions")
    if len(folders) > 1 and cfg.output is None:
        raise ConfigError("several prediction sets are scored as one; say where to write: output=<folder>")
    output = Path(cfg.output).expanduser() if cfg.output else folders[0] / "evaluation"
    options: dict[str, Any] = {
        "seed": int(cfg.seed),
        "allow_partial": bool(cfg.allow_partial),
        "gallery": int(cfg.gallery),
    }
    if cfg.on_disk and cfg.real:
        raise ConfigError("on_disk and real are both set; give one of them")
    if cfg.on_disk or cfg.real:
        task = task_of_set(folders[0], cfg)
        reader = open_checked(cfg.on_disk, task, "on_disk") if cfg.on_disk else open_real(cfg.real, task)
        write_names(cfg.names, [reader])
        score(folders, with_gate(task, cfg.gate_mm), reader, output, **options)
        return
    cases = [read_cases(folder) for folder in folders]
    tasks = [with_gate(build_task(one.config), cfg.gate_mm) for one in cases]
    for folder, task in zip(folders, tasks, strict=True):
        if task.protocol != tasks[0].protocol:
            problem = f"is scored by another protocol ({task.name}) than {folders[0]} ({tasks[0].name})"
            raise InputError(folder, problem, "pool sets of one task")
    readers = [open_cases(one, task, cfg.paths.cache_dir) for one, task in zip(cases, tasks, strict=True)]
    write_names(cfg.names, readers)
    score(folders, tasks[0], readers if len(readers) > 1 else readers[0], output, **options)


def score(
    predictions: Path | Sequence[Path],
    task: Task,
    truth: Reader | Sequence[Reader],
    output: Path,
    seed: int = 0,
    *,
    allow_partial: bool = False,
    gallery: int = MAX_CASES,
    radiographs: Mapping[str, bytes] | None = None,
) -> Evaluation:
    """Evaluate, write tables, pictures and report to ``output``, and print the table.

    Args:
        predictions: A set, or sets whose cases are pooled.
        task: Theirs.
        truth: Ground truth of all cases, or one reader a set.
        output: Folder for the results.
        seed: Of the bootstrap.
        allow_partial: Score the common cases.
        gallery: How many cases, the worst, the report's viewer shows.
        radiographs: Pictures of answers without ground truth, for the report, by caption.
    """
    folders = [predictions] if isinstance(predictions, Path) else list(predictions)
    protocol = task.protocol
    sets = [read_prediction_set(folder, protocol) for folder in folders]
    if isinstance(truth, Reader):
        found, reader = sets[0] if len(sets) == 1 else pool(sets, protocol), truth
    else:
        found, reader = pool_with_cases(sets, truth, protocol, allow_partial=allow_partial)
    baseline = baselines_of(folders, protocol)
    result = evaluate(found, reader, protocol, baseline, seed=seed, allow_partial=allow_partial, gallery=gallery)
    write_evaluation(output, result, radiographs=radiographs)
    console.print(terminal_table(result))
    console.print(f"report: {output / 'report.html'}", soft_wrap=True)
    console.print(f"figures: {output / 'summary.json'}", soft_wrap=True)
    return result
