"""``synthex evaluate``: a prediction set, several as one, or several methods against the truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.cli import evaluate_methods
from synthex.config.build import build_task
from synthex.config.cases import open_cases, read_cases
from synthex.config.gate import with_gate
from synthex.config.sets import folders_of, given_cases
from synthex.core import ConfigError, InputError, Task
from synthex.core.terminal import console, quiet_libraries
from synthex.evaluation import Evaluation, terminal_table
from synthex.exchange.names import write_names
from synthex.runs.scoring import score


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
    if (given := given_cases(folders[0], cfg)) is not None:
        task, reader = given
        write_names(cfg.names, [reader])
        score_and_show(folders, with_gate(task, cfg.gate_mm), reader, output, **options)
        return
    cases = [read_cases(folder) for folder in folders]
    tasks = [with_gate(build_task(one.config), cfg.gate_mm) for one in cases]
    for folder, task in zip(folders, tasks, strict=True):
        if task.protocol != tasks[0].protocol:
            problem = f"is scored by another protocol ({task.name}) than {folders[0]} ({tasks[0].name})"
            raise InputError(folder, problem, "pool sets of one task")
    readers = [open_cases(one, task, cfg.paths.cache_dir) for one, task in zip(cases, tasks, strict=True)]
    write_names(cfg.names, readers)
    score_and_show(folders, tasks[0], readers if len(readers) > 1 else readers[0], output, **options)


def score_and_show(folders: Path | Sequence[Path], task: Task, truth: Any, output: Path, **options: Any) -> Evaluation:
    """Score sets, write everything to ``output`` and print the table; ``options`` as of ``score``."""
    result = score(folders, task, truth, output, **options)
    console.print(terminal_table(result))
    console.print(f"report: {output / 'report.html'}", soft_wrap=True)
    console.print(f"figures: {output / 'summary.json'}", soft_wrap=True)
    return result
