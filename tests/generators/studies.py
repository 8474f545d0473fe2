"""Small studies, and jobs that only pretend to train."""

import csv
from pathlib import Path

import yaml

from synthex.jobs import Job

TINY_STUDY = {
    "title": "A small question",
    "axes": {
        "level": {
            "naive": ["simulation=naive"],
            "heuristic": ["simulation=heuristic"],
            "later": {"pending": "not yet"},
        },
        "augment": {"none": ["augment=none"], "strong": ["augment=strong"]},
    },
    "sizes": {"tiny": {"folds": [0, 1], "tests": {"test": []}}},
    "table": {"rows": ["level"], "columns": ["augment"], "figures": ["landmark_error_mm", "dice"]},
}


def write_study(folder: Path, changes: dict | None = None, published: dict | None = None) -> Path:
    """A study's folder: :data:`TINY_STUDY` with other top-level keys (None: without)."""
    content = {key: value for key, value in (TINY_STUDY | (changes or {})).items() if value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    if published is not None:
        (folder / "published.yaml").write_text(yaml.safe_dump(published), encoding="utf-8")
    return folder


MAIN = "generators.pretend_jobs"
"""Main module of what runs fake jobs."""


def fake_job(study: Path, name: str, steps=("train", "tests"), code=0, seconds=0.0, **settings) -> Job:
    """A job whose steps write down that they ran, and exit with ``code``; those that are not counted are prepared."""
    kind = "jobs" if settings.get("counted", True) else "prepared"
    folder = study / kind / name.encode().hex().rjust(16, "0")
    commands = tuple((step, ((step, str(folder), str(code), str(seconds)),)) for step in steps)
    return Job(folder, name, commands, **settings)


def ran(job: Job) -> list[str]:
    """Names of the steps that have been started, in order."""
    path = job.folder / "ran.txt"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def write_scores(folder: Path, errors: dict[str, list[float | None]], dice: float | None = None) -> None:
    """Tables of an evaluation: subject to the errors of one landmark, None where it was not detected."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "landmarks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["case_id", "subject_id", "landmark", "annotated", "visible", "present", "error_mm", "error_mm_all"]
        )
        for subject, values in errors.items():
            for index, value in enumerate(values):
                error = 99.0 if value is None else value
                writer.writerow([f"{subject}-{index}", subject, "FH-l", 1, 1, int(value is not None), error, error])
        writer.writerow(["absent", "s", "FH-l", 1, 0, 1, 50.0, ""])  # not visible: no error, a false detection
    if dice is not None:
        header = ["case_id", "subject_id", "structure", "dice", "true_positives", "sensitivity"]
        with (folder / "dice.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, ["a", "s", "sacrum", dice, 5, ""]])
