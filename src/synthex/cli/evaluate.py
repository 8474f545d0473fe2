"""``synthex evaluate``: a prediction set against the truth."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.cli.build import build_task, open_checked
from synthex.cli.gate import with_gate
from synthex.cli.predict import BASELINE_FOLDER, CASES_FILE, open_cases, read_yaml
from synthex.cli.terminal import console, quiet_libraries
from synthex.core import ConfigError, InputError, Reader, Task
from synthex.evaluation import Evaluation, evaluate, read_prediction_set, terminal_table, write_evaluation


def main(cfg: DictConfig) -> None:
    """Score the prediction set ``cfg.predictions`` and write everything to ``cfg.output``."""
    quiet_libraries()
    if cfg.predictions is None:
        raise ConfigError("no prediction set given; say which: synthex evaluate outputs/quickstart/predictions/test")
    folder = Path(cfg.predictions).expanduser()
    reader: Reader
    if cfg.on_disk:
        # A set of another origin has no cases of ours; then the config says the task.
        described = read_cases(folder).config if (folder / CASES_FILE).exists() else cfg
        task = build_task(described)
        reader = open_checked(cfg.on_disk, task, "on_disk")
    else:
        cases = read_cases(folder)
        task = build_task(cases.config)
        reader = open_cases(cases, task, cfg.paths.cache_dir)
    output = Path(cfg.output).expanduser() if cfg.output else folder / "evaluation"
    score(folder, with_gate(task, cfg.gate_mm), reader, output, int(cfg.seed), allow_partial=bool(cfg.allow_partial))


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
    predictions: Path, task: Task, reader: Reader, output: Path, seed: int = 0, *, allow_partial: bool = False
) -> Evaluation:
    """Evaluate, write tables, pictures and report to ``output``, and print the table."""
    found = read_prediction_set(predictions, task.protocol)
    trivial = predictions / BASELINE_FOLDER
    baseline: Any = read_prediction_set(trivial, task.protocol) if trivial.exists() else None
    result = evaluate(found, reader, task.protocol, baseline, seed=seed, allow_partial=allow_partial)
    write_evaluation(output, result)
    console.print(terminal_table(result))
    console.print(f"report: {output / 'report.html'}", soft_wrap=True)
    console.print(f"figures: {output / 'summary.json'}", soft_wrap=True)
    return result
