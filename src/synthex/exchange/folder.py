"""A folder of answers that is filled case by case: what is done is known by its record and never done again.

``records/case-0001.json`` is written after everything else of a case, atomically, with a key of all that decides the
answer: the file's content, the frame, the weights and the settings. Names of files are not kept.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import synthex
from synthex.core import InputError, atomic_path, write_json, write_text
from synthex.core.documents import read_json
from synthex.data.encoding import decode_rle
from synthex.data.real import is_read_as_dicom, read_radiographs
from synthex.exchange.annotations import slicer_markups
from synthex.exchange.dicom_out import Author, Found, Shown, dicom_objects
from synthex.exchange.dicom_source import of_dicom, rescale_of, secondary_capture, window_of
from synthex.runs import Answer, FoundLandmark, Model

RECORDS, OVERLAYS, DICOM, MARKUPS = "records", "overlays", "dicom", "slicer"
MARKUP_SUFFIX = ".mrk.json"


@dataclass(frozen=True)
class Wanted:
    """What is written of each answer beside its record.

    Attributes:
        overlays: PNG.
        dicom: DICOM objects.
        markups: 3D Slicer markups.
    """

    overlays: bool = True
    dicom: bool = True
    markups: bool = True


@dataclass(frozen=True)
class Done:
    """An answered radiograph.

    Attributes:
        case: Its number.
        answer: In the form of :meth:`synthex.runs.Answer.to_json`, without the file.
        before: Whether it had been answered before.
    """

    case: str
    answer: dict[str, Any]
    before: bool


@dataclass(frozen=True, eq=False)
class AnswerFolder:
    """Where answers go, and how they are made.

    Attributes:
        root: The folder.
        model: Answers.
        wanted: What is written.
        pixel_mm: Pitch of files that do not say theirs.
        meaning: As :meth:`synthex.runs.Model.predict` takes it.
        settings: More that decides the answers, for the key.
    """

    root: Path
    model: Model
    wanted: Wanted
    pixel_mm: float | None = None
    meaning: str | None = None
    settings: str = ""

    @property
    def author(self) -> Author:
        """The model, for DICOM objects."""
        return Author(self.model.name, self.model.version)

    def answer(self, file: Path, first: int, frames: int) -> Iterator[Done]:
        """Answer all radiographs of a file, numbered from ``first``, but for those that are done.

        Args:
            file: The file.
            first: Number of its first radiograph, from 1.
            frames: How many it has.

        Raises:
            InputError: It cannot be read, or a frame of it.
            UserError: DICOM objects that refer to it cannot be made.
        """
        key = self._key(file)
        cases = [case_name(first + frame) for frame in range(frames)]
        known = [self._record(case, key) for case in cases]
        # Without DICOM each radiograph of a file is a picture of its own, with a capture of its own.
        whole = is_read_as_dicom(file)
        answers: list[dict[str, Any]] = []
        if all(one is not None for one in known):
            answers = [one for one in known if one is not None]
            yield from (Done(case, answer, True) for case, answer in zip(cases, answers, strict=True))
        else:
            for found in read_radiographs(file, self.meaning):
                case, before = cases[found.frame], known[found.frame]
                if before is None:
                    answer = replace(self.model.answer(found, self.pixel_mm), file=None)
                    said = answer.to_json()
                    self._write(case, key, answer, said, captured=not whole)
                    answers.append(said)
                    yield Done(case, said, False)
                else:
                    answers.append(before)
                    yield Done(case, before, True)
        if whole and self.wanted.dicom:
            self._refer(file, cases[0], key, answers)

    def forget_others(self, cases: set[str]) -> None:
        """Remove what is there of cases that are none of these, left by an earlier call on other files."""
        for folder in (RECORDS, OVERLAYS, DICOM, MARKUPS):
            for path in (self.root / folder).glob("case-*"):
                if path.name.partition(".")[0] not in cases:
                    path.unlink(missing_ok=True)

    def overlay(self, case: str) -> Path:
        """The picture of a case, which may not be there."""
        return self.root / OVERLAYS / f"{case}.png"

    def _clear(self, case: str) -> None:
        """Remove DICOM objects of what the case was before, of which there may have been more."""
        for path in (self.root / DICOM).glob(f"{case}.*"):
            path.unlink(missing_ok=True)
        (self.root / RECORDS / f"{case}.dicom").unlink(missing_ok=True)

    def _write(self, case: str, key: str, answer: Answer, said: dict[str, Any], captured: bool) -> None:
        self._clear(case)
        if self.wanted.overlays:
            with atomic_path(self.overlay(case)) as path:
                path.write_bytes(answer.overlay())
        if self.wanted.markups and answer.landmarks:
            write_json(self.root / MARKUPS / f"{case}{MARKUP_SUFFIX}", slicer_markups(said))
        if captured and self.wanted.dicom:
            own = f"{key} {answer.frame}"
            source = secondary_capture(answer.image, answer.pixel_mm, own)
            self._save(f"{case}.sc", source)
            for ending, made in dicom_objects(source, [Found.of(answer)], self.author, own):
                self._save(f"{case}.{ending}", made)
        write_text(self.root / RECORDS / f"{case}.json", json.dumps({"key": key, "answer": said}, allow_nan=False))

    def _refer(self, file: Path, case: str, key: str, answers: list[dict[str, Any]]) -> None:
        """DICOM objects of a DICOM file, once all its frames are answered."""
        marker = self.root / RECORDS / f"{case}.dicom"
        if marker.is_file() and marker.read_text(encoding="utf-8") == key:
            return
        self._clear(case)
        shown = Shown(window_of(file), rescale_of(file))
        for ending, made in dicom_objects(of_dicom(file), [unpacked(one) for one in answers], self.author, key, shown):
            self._save(f"{case}.{ending}", made)
        write_text(marker, key)

    def _save(self, name: str, data: Any) -> None:
        with atomic_path(self.root / DICOM / f"{name}.dcm") as path:
            data.save_as(path, enforce_file_format=True)

    def _record(self, case: str, key: str) -> dict[str, Any] | None:
        """The answer of a case that is done; None where it is not, or was something else."""
        path = self.root / RECORDS / f"{case}.json"
        if not path.is_file():
            return None
        try:
            found = read_json(path, "delete it")
        except InputError:
            return None
        right = isinstance(found, dict) and found.get("key") == key and isinstance(found.get("answer"), dict)
        return found["answer"] if right else None

    def _key(self, file: Path) -> str:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        decided = (synthex.__version__, self.model.version, self.pixel_mm, self.meaning, self.settings, self.wanted)
        return hashlib.sha256(f"{content} {decided}".encode()).hexdigest()[:32]


def case_name(number: int) -> str:
    """What a radiograph is called, whose file's name may be a patient's."""
    return f"case-{number:04d}"


def unpacked(answer: Mapping[str, Any]) -> Found:
    """What an answer says, from its form in JSON."""
    return Found(
        landmarks={name: FoundLandmark(**one) for name, one in answer["landmarks"].items()},
        masks=_Packed(answer["masks"]),
        shape=(answer["height"], answer["width"]),
        pixel_mm=answer["pixel_mm"],
        frame=answer["frame"],
    )


class _Packed(Mapping[str, np.ndarray]):
    """Masks in run lengths: those of a long run of frames would fill the memory."""

    def __init__(self, packed: Mapping[str, Any]) -> None:
        self._packed = packed

    def __getitem__(self, name: str) -> np.ndarray:
        return decode_rle(self._packed[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
