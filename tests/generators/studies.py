"""Small studies, and jobs that only pretend to train."""

import csv
import json
import sys
from pathlib import Path

import yaml

from synthex.studies import Job

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


FAKE = """
import os, sys, time
folder, name, code, seconds = sys.argv[1:]
print("running", name, flush=True)
with open(os.path.join(folder, "ran.txt"), "a") as file:
    file.write(f"{name} {os.getpid()}\\n")
time.sleep(float(seconds))
if int(code):
    print("it went wrong here", flush=True)
sys.exit(int(code))
"""


def fake_job(folder: Path, steps=("train", "tests"), code=0, seconds=0.0, **settings) -> Job:
    """A job whose steps write down that they ran, and exit with ``code``."""
    commands = tuple((name, (sys.executable, "-c", FAKE, str(folder), name, str(code), str(seconds))) for name in steps)
    return Job(folder, folder.name, commands, **settings)


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


def last_json(path: Path):
    """Content of a JSON file."""
    return json.loads(path.read_text())
