"""What was understood of real radiographs in any layout but the tool archive's: a text and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import InputError, Reader, Sample
from synthex.core.terminal import track
from synthex.data.real import CovidCxr, DeepFluoro, HipFolders, HipStudy, PlainFolder, QataCov19
from synthex.data.real.hdf5 import open_h5
from synthex.views.anatomies import table
from synthex.views.sample_sheet import draw_samples

PANELS = 6
_HDF5 = (".h5", ".hdf5")


def open_real_folder(path: Path) -> Reader | None:
    """A reader for what lies at ``path``, None where no layout is recognised.

    Raises:
        InputError: The layout is recognised, but the data cannot be used.
    """
    if path.is_file():
        return _open_hdf5(path) if path.suffix.lower() in _HDF5 else None
    if not path.is_dir():
        return None
    if (path / "index.csv").is_file() and (path / "images").is_dir() and (path / "labels").is_dir():
        return CovidCxr(path)
    if (path / "ipcai_2020_full_res_data.h5").is_file():
        return DeepFluoro(path)
    if (path / "real.h5").is_file() and (path / "real_label.h5").is_file():
        return HipStudy(path)
    for folder in (path, path / "train_data", path / "valid_data"):
        if (folder / "lands").is_dir() and any((folder / "seg").glob("*.png")):
            return HipFolders(path, split="train" if folder.name == "train_data" else "valid")
    if _holds_png(path / "proj") and not (path / "lands").is_dir():
        return QataCov19(path)
    if any(_holds_png(folder) for base in (path, path / "QaTa-COV19") for folder in base.glob("Fold*/test/proj")):
        return QataCov19(path)
    if (path / "annotations.csv").is_file():
        return PlainFolder(path, "annotations.csv")
    return None


def inspect_reader(reader: Reader, title: str, output: Path) -> str:
    """Read every case, say what was understood, and draw some of them.

    Args:
        reader: Real radiographs.
        title: Heads the table.
        output: PNG to write: images with the outlines of masks and the landmarks.

    Raises:
        InputError: No case can be read, or the picture cannot be written.
    """
    samples: list[Sample] = []
    problems: list[InputError] = []
    shown = set(np.linspace(0, max(len(reader) - 1, 0), PANELS, dtype=int).tolist())
    facts = []
    for index in track(range(len(reader)), "reading"):
        try:
            sample = reader[index]
        except InputError as error:
            problems.append(error)
            continue
        facts.append(_facts(sample))
        if index in shown or not samples:
            samples.append(sample)
    if not facts:
        raise problems[0] if problems else InputError(title, "holds no case", "give the folder of an archive")
    shown_ones = [(sample, reader.landmarks) for sample in samples[:PANELS]]
    draw_samples(shown_ones, output, lungs="lungs" in reader.structures)
    lines = [table(title, ("", ""), _rows(reader, facts)).rstrip()]
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        lines.append(f"  BAD: {first.path.name}: {first.problem}; {first.remedy}{more}")
    return "\n".join(lines) + "\n"


def _open_hdf5(path: Path) -> Reader | None:
    with open_h5(path, "copy it again") as file:
        full, reduced = "proj-params" in file, "land-names" in file
    if full:
        return DeepFluoro(path)
    return HipStudy(path) if reduced else None


def _holds_png(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.png"))


def _facts(sample: Sample) -> dict[str, Any]:
    return {
        "size": "{} x {}".format(*sample.image.shape),
        "subject": sample.subject_id,
        "domain": sample.domain,
        "pitch": f"{sample.pixel_mm:.4g}",
        "levels": np.percentile(sample.image, (0.5, 50, 99.5)),
        "shares": sample.masks.mean(axis=(1, 2)),
        "visible": sample.visible,
        "annotated": sample.annotated,
        "outlined": sample.masks_annotated,
    }


def _rows(reader: Reader, facts: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    sizes = sorted({fact["size"] for fact in facts})
    subjects = sorted({fact["subject"] for fact in facts})
    shares = np.array([fact["shares"] for fact in facts])
    rows = [
        ("images", f"{len(facts)} of {len(subjects)} subjects, the first is {subjects[0]}"),
        ("rows x columns", ", ".join(sizes) if len(sizes) < 4 else f"{len(sizes)} sizes, from {sizes[0]}"),
        ("domain", " and ".join(_domains(facts))),
        ("values at 0.5, 50, 99.5 %", ", ".join(f"{v:.4g}" for v in np.median([f["levels"] for f in facts], axis=0))),
        ("pixel pitch", " and ".join(sorted({fact["pitch"] for fact in facts})) + " mm"),
    ]
    for index, name in enumerate(reader.structures):
        known = np.array([fact["outlined"][index] for fact in facts], dtype=bool)
        share = shares[known, index]
        seen = f"{100 * share.mean():.1f} % of the pixels, empty in {(share == 0).sum()}, " if known.any() else ""
        rows.append((name, f"{seen}not annotated in {(~known).sum()}" if not known.all() else seen.removesuffix(", ")))
    for index, name in enumerate(reader.landmarks):
        visible = sum(bool(fact["visible"][index]) for fact in facts)
        said = sum(bool(fact["annotated"][index]) for fact in facts)
        rows.append((name, f"{visible} in the image, {said - visible} outside, {len(facts) - said} not annotated"))
    unlabelled = sum(not (fact["annotated"].any() or fact["outlined"].any()) for fact in facts)
    if unlabelled:
        rows.append(("unlabelled", f"{unlabelled} images with nothing annotated"))
    return rows


def _domains(facts: Sequence[dict[str, Any]]) -> list[str]:
    words = {"log": "log (bone bright)", "intensity": "intensity (bone dark)"}
    return [words[name] for name in sorted({fact["domain"] for fact in facts})]
