"""``synthex study list``: the studies there are."""

from omegaconf import DictConfig
from rich.table import Table

from synthex.core import UserError
from synthex.core.terminal import console
from synthex.studies import plans, read_study, study_folders


def main(cfg: DictConfig) -> None:
    """List studies with their sizes and numbers of jobs; one with a mistake in it is listed with that."""
    table = Table(box=None)
    table.add_column("study", no_wrap=True)
    table.add_column("question")
    table.add_column("jobs")
    for name, folder in study_folders().items():
        try:
            study = read_study(folder)
            jobs = ", ".join(f"{size}: {len(plans(study, size))}" for size in study.sizes)
            table.add_row(name, study.title, jobs)
        except UserError as error:
            table.add_row(name, str(error), "")
    console.print(table)
