"""Landmarks and masks of radiographs of which nothing need be known, as files: ``synthex predict MODEL PATH…``."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from synthex.core import InputError, UserError, atomic_path, safe_cell, write_json, write_text
from synthex.core.terminal import console, track
from synthex.data.real import radiograph_count, radiograph_files
from synthex.exchange import truth
from synthex.exchange.annotations import coco
from synthex.exchange.folder import OVERLAYS, AnswerFolder, case_name
from synthex.exchange.names import write_private
from synthex.exchange.page import Case, write_page
from synthex.runs import Answer, load

MOST_SHOWN = 24
"""Radiographs that a report shows of a folder."""

PAGE_FILE, TABLE_FILE, SCORES_FILE = "index.html", "landmarks.csv", "scores.csv"
COLUMNS = ("case", "frame", "landmark", "column", "row", "column_mm", "row_mm", "confidence", "present")

_ANNOTATED = "name images by their path below the folder that is given, one of several frames as path#1, path#2"


@dataclass(frozen=True)
class Asked:
    """A file of radiographs.

    Attributes:
        file: Its path.
        root: The folder that its name is given relative to.
        first: Number of its first radiograph.
        frames: How many it has.
    """

    file: Path
    root: Path
    first: int
    frames: int

    @property
    def name(self) -> str:
        """What was given of its path."""
        return self.file.relative_to(self.root).as_posix()

    @property
    def cases(self) -> list[str]:
        """What its radiographs are called."""
        return [case_name(self.first + frame) for frame in range(self.frames)]


def answer_pictures(
    paths: Sequence[Path],
    open_folder: Callable[[], AnswerFolder],
    *,
    annotations: Path | None = None,
    to_json: Path | None = None,
    to_coco: Path | None = None,
    to_names: Path | None = None,
) -> None:
    """Answer radiographs into a folder of tables, overlays, DICOM objects and a page.

    Cases are numbered in the order of their files; names of files, which often hold those of patients, are written
    only where one of the last three arguments asks for them. A file that cannot be used is a line, and the others are
    answered; what a call before has answered is not asked again.

    Args:
        paths: Files and folders of radiographs.
        open_folder: The model and where its answers go, for when there is something to answer.
        annotations: What the answers are scored by; None: what lies in the folders, if anything.
        to_json: Takes all answers.
        to_coco: Takes them as COCO.
        to_names: Takes which file each case is, as CSV that only this user can read.

    Raises:
        UserError: There is nothing to answer, or some of it could not be.
    """
    problems: list[UserError] = []
    asked = list(_numbered(list_files(paths), problems))
    if len(problems) == 1 and not asked:
        raise problems[0]
    known = _annotations(annotations, paths, asked)
    folder = open_folder()
    for problem in problems:
        _say(problem)
    folder.forget_others({case for one in asked for case in one.cases})
    answers = _answers(folder, asked, problems)
    if len(problems) == 1 and not answers:
        raise problems[0]
    scores = _scores(answers, asked, known)
    write_answers(folder, answers, scores)
    if to_json is not None:
        write_text(to_json, json.dumps(list(answers.values()), allow_nan=False) + "\n")
    if to_coco is not None:
        write_json(to_coco, coco(answers.values()))
    if to_names is not None:
        rows = [(case, str(one.file), frame) for one in asked for frame, case in enumerate(one.cases)]
        write_private(to_names, ("case", "file", "frame"), [row for row in rows if row[0] in answers])
    for line in truth.summary(scores):
        console.print(line, soft_wrap=True)
    console.print(f"{len(answers)} radiographs: {folder.root / PAGE_FILE}", soft_wrap=True)
    if problems:
        raise UserError(f"{len(problems)} files were not answered, as the lines above say; all others are")


def answered(model: Path, pictures: str, device: str = "auto") -> dict[str, bytes]:
    """Overlays of a model's answers to the first radiographs of a file or folder, by number and what was found."""
    asked = load(model, device="cpu" if device == "auto" else device)
    files = list_files([Path(str(pictures)).expanduser()])
    answers = (answer for file, _ in files for answer in asked.predict_all(file))
    return {
        f"radiograph {number}: {said(answer)}": answer.overlay()
        for number, answer in enumerate(islice(answers, MOST_SHOWN), 1)
    }


def list_files(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Every file of radiographs in paths, with the folder that its name is given relative to.

    Raises:
        InputError: A path does not exist, or holds no radiograph.
    """
    found: list[tuple[Path, Path]] = []
    for path in paths:
        if not path.exists():
            raise InputError(path, "there is no such file or folder", "give files or folders of radiographs")
        found += [(file, path) for file in radiograph_files(path)] if path.is_dir() else [(path, path.parent)]
    return found


def said(answer: Answer) -> str:
    """An answer in a line."""
    present = sum(one.present for one in answer.landmarks.values())
    return _line(present, len(answer.landmarks), {name: bool(mask.any()) for name, mask in answer.masks.items()})


def _said(answer: Mapping[str, Any]) -> str:
    present = sum(one["present"] for one in answer["landmarks"].values())
    return _line(present, len(answer["landmarks"]), {name: len(m["counts"]) > 1 for name, m in answer["masks"].items()})


def _line(present: int, landmarks: int, seen: Mapping[str, bool]) -> str:
    parts = [f"{present} of {landmarks} landmarks"] if landmarks else []
    parts += [f"masks of {', '.join(name for name, there in seen.items() if there) or 'nothing'}"] if seen else []
    return "; ".join(parts)


def _numbered(files: list[tuple[Path, Path]], problems: list[UserError]) -> Iterator[Asked]:
    """Files with the numbers of their radiographs, from their headers; those that cannot be used are problems."""
    first = 1
    for file, root in files:
        try:
            frames = radiograph_count(file)
        except UserError as error:
            problems.append(error)
        else:
            yield Asked(file, root, first, frames)
            first += frames


def _answers(folder: AnswerFolder, asked: list[Asked], problems: list[UserError]) -> dict[str, dict[str, Any]]:
    """Answers by case; whatever file cannot be used is said, noted, and left out."""
    answers: dict[str, dict[str, Any]] = {}
    before = 0

    def each() -> Iterator[None]:
        nonlocal before
        for one in asked:
            try:
                for done in folder.answer(one.file, one.first, one.frames):
                    answers[done.case] = done.answer | {"file": one.name}
                    before += done.before
                    if not done.before:
                        console.print(f"{done.case}: {_said(done.answer)}", soft_wrap=True)
                    yield
            except UserError as error:
                error = error if isinstance(error, InputError) else InputError(one.file, str(error), "or dicom=false")
                problems.append(error)
                if len(asked) > 1 or len(problems) > 1:  # alone, it is what the command ends with
                    _say(error)

    for _ in track(each(), "predicting", sum(one.frames for one in asked)):
        pass
    if before:
        console.print(f"{before} of them had been answered before")
    return answers


def _say(error: UserError) -> None:
    print(f"synthex: {error}", file=sys.stderr)


def _annotations(given: Path | None, paths: Sequence[Path], asked: list[Asked]) -> list[truth.Truth]:
    """Annotations that are given, or that lie in the folders that are given."""
    if given is not None:
        found = truth.read_truth(given)
        known = {name for one in asked for name in (one.name, *(f"{one.name}#{n + 1}" for n in range(one.frames)))}
        if not known & set(found.images):
            raise InputError(found.path, "annotates none of the radiographs that are given", _ANNOTATED)
        return [found]
    beside = [truth.truth_beside(path) for path in paths if path.is_dir()]
    return [truth.read_truth(path) for path in beside if path is not None]


def _scores(
    answers: Mapping[str, dict[str, Any]], asked: list[Asked], annotations: list[truth.Truth]
) -> list[truth.Score]:
    scores: list[truth.Score] = []
    for one in asked if annotations else []:
        for case in one.cases:
            if case in answers:
                name = truth.named(answers[case], one.frames)
                scores += [s for found in annotations for s in truth.scores_of(case, answers[case], name, found)]
    return scores


def write_answers(
    folder: AnswerFolder, answers: Mapping[str, dict[str, Any]], scores: list[truth.Score] | None = None
) -> None:
    """The tables and the page of all cases."""
    scores = scores or []
    rows: list[dict[str, Any]] = []
    for case, answer in answers.items():
        for name, one in answer["landmarks"].items():
            pitch = answer["pixel_mm"]
            mm = {f"{axis}_mm": None if pitch is None else one[axis] * pitch for axis in ("column", "row")}
            rows.append({"case": case, "frame": answer["frame"], "landmark": name, **one, **mm})
    _write_table(folder.root / TABLE_FILE, COLUMNS, rows)
    if scores:
        _write_table(folder.root / SCORES_FILE, truth.COLUMNS, [asdict(score) for score in scores])
    else:
        (folder.root / SCORES_FILE).unlink(missing_ok=True)
    cases = []
    for case, answer in answers.items():
        picture = folder.overlay(case)
        lines = truth.summary(score for score in scores if score.case == case)
        there = folder.wanted.overlays and picture.is_file()
        cases.append(Case(case, answer, picture if there else None, f"{OVERLAYS}/{case}.png", lines))
    author = f"{folder.author.name} (weights {folder.author.version})"
    write_page(folder.root / PAGE_FILE, "Answers to radiographs", author, cases, truth.summary(scores))


def _write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in rows)
