"""``synthex evaluate compare={sim2real: SET, real2real: SET}``: several methods on the same cases."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.config.build import build_task
from synthex.config.cases import has_cases, open_cases, origin, read_cases
from synthex.config.compose import plain
from synthex.config.gate import with_gate
from synthex.config.sets import folders_of, given_cases
from synthex.core import ConfigError, InputError, Reader, Task
from synthex.core.terminal import console
from synthex.evaluation import (
    PooledReader,
    check_method_names,
    compare_methods,
    evaluate_methods,
    headline_differences,
    write_comparison,
)
from synthex.evaluation.compare_tables import terminal_comparison
from synthex.runs.scoring import baselines_of, pool_folders


def main(cfg: DictConfig) -> None:
    """Score every method of ``cfg.compare`` on the same cases, compare them and write everything to ``cfg.output``."""
    methods = method_folders(cfg)
    if not cfg.output:
        raise ConfigError("several methods are compared; say where to write: output=<folder>")
    task, reader = cases_of(cfg, methods)
    protocol = task.protocol
    sets = {name: pool_folders(folders, protocol) for name, folders in methods.items()}
    baselines = {
        name: found for name, folders in methods.items() if (found := baselines_of(folders, protocol)) is not None
    }
    evaluations = evaluate_methods(
        sets, reader, protocol, baselines,
        allow_partial=bool(cfg.allow_partial), gallery=int(cfg.gallery), seed=int(cfg.seed),
    )  # fmt: skip
    table = compare_methods(evaluations, plain(cfg.margins), seed=int(cfg.seed))
    written = write_comparison(Path(cfg.output).expanduser(), evaluations, table)
    console.print(terminal_comparison(table))
    if (differences := headline_differences(table, protocol)) is not None:
        console.print(differences)
    console.print(f"report: {written.report}", soft_wrap=True)
    console.print(f"figures: {written.comparison}", soft_wrap=True)


def method_folders(cfg: DictConfig) -> dict[str, list[Path]]:
    """The sets of each method.

    Raises:
        ConfigError: Predictions are given too, there are fewer than two methods, or a name is no folder's.
    """
    if cfg.predictions is not None:
        raise ConfigError("predictions and compare are both set; give one of them")
    given = plain(cfg.compare)
    if not isinstance(given, dict) or len(given) < 2:
        raise ConfigError("compare needs at least two methods by name: 'compare={sim2real: SET, real2real: [A, B]}'")
    check_method_names(map(str, given))
    return {str(name): folders_of(sets, f"compare.{name}") for name, sets in given.items()}


def cases_of(cfg: DictConfig, methods: dict[str, list[Path]]) -> tuple[Task, Reader]:
    """The task and the cases, the same for all methods.

    A set without ``cases.yaml`` is taken to be on the cases of the others, which its case ids must show.

    Raises:
        ConfigError: on_disk and real are both set.
        InputError: No set says which cases it is on, or two are on other images.
    """
    described = {
        name: [(folder, read_cases(folder)) for folder in folders]
        for name, folders in methods.items()
        if all(map(has_cases, folders))
    }
    first = next(iter(described.values()), None)
    some = first[0][0] if first else next(iter(methods.values()))[0]
    if (given := given_cases(some, cfg)) is not None:
        return with_gate(given[0], cfg.gate_mm), given[1]
    if first is None:
        read_cases(some)  # says what is missing
        raise InputError(some, "does not say its cases", "give on_disk=<folder>")
    reference, cases = first[0]
    for sets in described.values():
        for folder, other in sets:
            if origin(other) != origin(cases):
                raise InputError(
                    folder,
                    f"is on other cases than {reference}",
                    "predict one dataset with every method (on_disk=<folder> or real=...)",
                )
    task = with_gate(build_task(cases.config), cfg.gate_mm)
    readers = [open_cases(one, task, cfg.paths.cache_dir) for _, one in first]
    return task, readers[0] if len(readers) == 1 else PooledReader(readers)
