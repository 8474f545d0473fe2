"""``synthex study table NAME``: the tables and figures of whatever is finished."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.cli.studies import chosen_jobs
from synthex.core import atomic_path, write_text
from synthex.core.terminal import console
from synthex.jobs import State
from synthex.studies import collect, draw_curves, study_csv, study_latex, study_markdown


def main(cfg: DictConfig) -> None:
    """Write ``table.csv``, ``table.md``, ``table.tex`` and the curves, and show the tables."""
    chosen = chosen_jobs(cfg)
    study, size = chosen.study, chosen.study.sizes[chosen.size]
    finished = [(cell, job.folder) for cell, job in chosen.jobs.values() if job.state() is State.DONE]
    found = collect(study, size, finished)
    folder = Path(cfg.table).expanduser() if cfg.table else chosen.folder / "tables" / chosen.size
    markdown = study_markdown(study, chosen.size, size, found)
    for name, text in (
        ("table.csv", study_csv(study, found)),
        ("table.md", markdown),
        ("table.tex", study_latex(study, chosen.size, size, found)),
    ):
        write_text(folder / name, text)
    for name, content in draw_curves(study, found).items():
        with atomic_path(folder / name) as path:
            path.write_bytes(content)
    console.print(markdown, soft_wrap=True, markup=False)
    console.print(f"files: {folder}", soft_wrap=True)
