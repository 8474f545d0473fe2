"""``synthex evaluate``: a prediction set, or several as one, against the truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.cli.build import build_task, open_checked, open_real, plain
from synthex.cli.gate import with_gate
from synthex.cli.predict import BASELINE_FOLDER, CASES_FILE, open_cases, read_yaml
from synthex.cli.terminal import console, quiet_libraries
from synthex.core import ConfigError, InputError, Reader, Task
from synthex.evaluation import (
    Evaluation,
    evaluate,
    pool,
    pool_with_cases,
    read_prediction_set,
    terminal_table,
    write_evaluation,
)


def main(cfg: DictConfig) -> None:
    """Score the prediction set or sets ``cfg.predictions`` and write everything to ``cfg.output``."""
    quiet_libraries()
    folders = prediction_folders(cfg)
    if len(folders) > 1 and cfg.output is None:
        raise ConfigError("several prediction sets are scored as one; say where to write: output=<folder>")
    output = Path(cfg.output).expanduser() if cfg.output else folders[0] / "evaluation"
    options: dict[str, Any] = {"seed": int(cfg.seed), "allow_partial": bool(cfg.allow_partial)}
    if cfg.on_disk and cfg.real:
        raise ConfigError("on_disk and real are both set; give one of them")
    if cfg.on_disk or cfg.real:
        # A set of another origin has no cases of ours; then the config says the task.
        described = read_cases(folders[0]).config if (folders[0] / CASES_FILE).exists() else cfg
        task = build_task(described)
        reader = open_checked(cfg.on_disk, task, "on_disk") if cfg.on_disk else open_real(cfg.real, task)
        score(folders, with_gate(task, cfg.gate_mm), reader, output, **options)
        return
    cases = [read_cases(folder) for folder in folders]
    tasks = [with_gate(build_task(one.config), cfg.gate_mm) for one in cases]
    for folder, task in zip(folders, tasks, strict=True):
        if task.protocol != tasks[0].protocol:
            problem = f"is scored by another protocol ({task.name}) than {folders[0]} ({tasks[0].name})"
            raise InputError(folder, problem, "pool sets of one task")
    readers = [open_cases(one, task, cfg.paths.cache_dir) for one, task in zip(cases, tasks, strict=True)]
    score(folders, tasks[0], readers if len(readers) > 1 else readers[0], output, **options)


def prediction_folders(cfg: DictConfig) -> list[Path]:
    """The sets that ``cfg.predictions`` names: one folder or a list of them.

    Raises:
        ConfigError: There is none, or one is named twice.
    """
    given = plain(cfg.predictions)
    names = given if isinstance(given, list) else [] if given is None else [given]
    if not names:
        raise ConfigError("no prediction set given; say which: synthex evaluate outputs/quickstart/predictions/test")
    folders = [Path(str(name)).expanduser() for name in names]
    for index, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:index]]:
            raise ConfigError(f"predictions: {folder} is there twice")
    return folders


def read_cases(folder: Path) -> DictConfig:
    """The description of the cases that a set was predicted on.

    Raises:
        InputError: The set has none (it was not written by ``synthex predict``).
    """
    path = folder / CASES_FILE
    if not path.exists():
        if not folder.exists():
            raise InputError(folder, "does not exist", "give a folder that `synthex predict` wrote")
        raise InputError(path, "is missing", "copy it from a set of `synthex predict`, or give on_disk=<folder>")
    cases = read_yaml(path, "predict again")
    missing = [key for key in ("kind", "split", "count", "name", "config") if key not in cases]
    if missing:
        raise InputError(path, f"does not describe cases (no {', '.join(missing)})", "predict again")
    return cases


def score(
    predictions: Path | Sequence[Path],
    task: Task,
    truth: Reader | Sequence[Reader],
    output: Path,
    seed: int = 0,
    *,
    allow_partial: bool = False,
) -> Evaluation:
    """Evaluate, write tables, pictures and report to ``output``, and print the table.

    Args:
        predictions: A set, or sets whose cases are pooled.
        task: Theirs.
        truth: Ground truth of all cases, or one reader a set.
        output: Folder for the results.
        seed: Of the bootstrap.
        allow_partial: Score the common cases.
    """
    folders = [predictions] if isinstance(predictions, Path) else list(predictions)
    protocol = task.protocol
    sets = [read_prediction_set(folder, protocol) for folder in folders]
    trivial = [folder / BASELINE_FOLDER for folder in folders]
    # A figure of the baseline on some of the cases would not be comparable: all of them or none.
    baselines = [read_prediction_set(path, protocol) for path in trivial] if all(map(Path.exists, trivial)) else []
    if isinstance(truth, Reader):
        found, reader = sets[0] if len(sets) == 1 else pool(sets, protocol), truth
    else:
        found, reader = pool_with_cases(sets, truth, protocol, allow_partial=allow_partial)
    baseline = None if not baselines else baselines[0] if len(baselines) == 1 else pool(baselines, protocol)
    result = evaluate(found, reader, protocol, baseline, seed=seed, allow_partial=allow_partial)
    write_evaluation(output, result)
    console.print(terminal_table(result))
    console.print(f"report: {output / 'report.html'}", soft_wrap=True)
    console.print(f"figures: {output / 'summary.json'}", soft_wrap=True)
    return result
