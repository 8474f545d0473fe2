"""Plugins of ours that Hydra finds in the one place where it looks: each passes on to ``synthex.sweeps``.

Every Hydra program of the environment imports this module, so it imports nothing heavy.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["OptunaSweeper", "ProcessLauncher", "SlurmLauncher"]


class _Commands(Launcher):
    """A launcher whose jobs are command lines of ``synthex``, each in a process of its own."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook."""
        self.context, self.config = hydra_context, config


class ProcessLauncher(_Commands):
    """``hydra/launcher=processes``: a process a job, several at the same time."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's hook."""
        from synthex.sweeps.launch import plan, run_in_processes

        jobs = plan(self.context.config_loader, self.config, job_overrides, initial_job_idx)
        return run_in_processes(jobs, **self.settings)


class SlurmLauncher(_Commands):
    """``hydra/launcher=slurm``: an array job of Slurm, whose tasks are requeued and go on."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's hook."""
        from synthex.sweeps.launch import plan
        from synthex.sweeps.slurm import run_in_slurm

        jobs = plan(self.context.config_loader, self.config, job_overrides, initial_job_idx)
        return run_in_slurm(jobs, self.config, self.settings)


class OptunaSweeper(Sweeper):
    """``hydra/sweeper=optuna``: trials proposed by Optuna, kept in a file that a killed sweep goes on with."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook."""
        self.whole = config
        self.runs = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Hydra's hook."""
        from synthex.sweeps.search import sweep

        return sweep(self.whole, self.runs, arguments, self.settings)
