"""``synthex predict MODEL PATH…``: landmarks and masks of radiographs of which nothing need be known."""

import csv
import json
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from synthex.cli.names import write_private
from synthex.core import InputError, atomic_path, safe_cell, write_text
from synthex.core.terminal import console, quiet_libraries, track
from synthex.data.real import radiograph_count, radiograph_files
from synthex.runs import Answer, load

MOST_SHOWN = 24
"""Radiographs that a report shows of a folder."""

COLUMNS = ("case", "frame", "landmark", "column", "row", "column_mm", "row_mm", "confidence", "present")


def main(cfg: DictConfig) -> None:
    """Answer the radiographs of ``cfg.pictures`` and write a table, overlays and, where asked for, JSON.

    Cases are numbered in the order of their files; names of files, which often hold those of patients, are written
    only where ``json`` or ``names`` asks for them.
    """
    quiet_libraries()
    files = list_files([Path(str(path)).expanduser() for path in cfg.pictures])
    device = "cpu" if cfg.device == "auto" else str(cfg.device)
    model = load(str(cfg.run), device, prior=cfg.prior, mirrored=cfg.mirror_averaged)
    output = Path(str(cfg.output or "outputs/answers")).expanduser()
    pitch = None if cfg.pixel_mm is None else float(cfg.pixel_mm)
    total = sum(radiograph_count(file) for file, _ in files)
    asked = ((file, root, model.predict_all(file, pixel_mm=pitch, meaning=cfg.meaning)) for file, root in files)
    answers = ((root, answer) for _, root, found in asked for answer in found)
    rows: list[dict[str, Any]] = []
    listed: list[dict[str, Any]] = []
    names: list[tuple[object, ...]] = []
    for number, (root, answer) in enumerate(track(answers, "predicting", total), 1):
        case = f"case-{number:04d}"
        rows += [{key: value for key, value in row.items() if key != "file"} | {"case": case} for row in answer.rows()]
        if cfg.json is not None:
            listed.append(answer.to_json(root))
        names.append((case, str(answer.file), answer.frame))
        if cfg.overlays:
            with atomic_path(output / "overlays" / f"{case}.png") as path:
                path.write_bytes(answer.overlay())
        console.print(f"{case}: {said(answer)}", soft_wrap=True)
    _write_table(output / "landmarks.csv", COLUMNS, rows)
    if cfg.json is not None:
        write_text(Path(str(cfg.json)).expanduser(), json.dumps(listed, allow_nan=False) + "\n")
    if cfg.names is not None:
        write_private(str(cfg.names), ("case", "file", "frame"), names)
    console.print(f"{len(names)} radiographs: {output}")


def answered(model: Path, pictures: str, device: str = "auto") -> dict[str, bytes]:
    """Overlays of a model's answers to the first radiographs of a file or folder, by number and what was found."""
    asked = load(model, device="cpu" if device == "auto" else device)
    files = list_files([Path(str(pictures)).expanduser()])
    answers = (answer for file, _ in files for answer in asked.predict_all(file))
    return {
        f"radiograph {number}: {said(answer)}": answer.overlay()
        for number, answer in enumerate(islice(answers, MOST_SHOWN), 1)
    }


def list_files(paths: list[Path]) -> list[tuple[Path, Path]]:
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
    present = [name for name, one in answer.landmarks.items() if one.present]
    seen = [name for name, mask in answer.masks.items() if mask.any()]
    parts = [f"{len(present)} of {len(answer.landmarks)} landmarks"] if answer.landmarks else []
    parts += [f"masks of {', '.join(seen) or 'nothing'}"] if answer.masks else []
    return "; ".join(parts)


def _write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in rows)
