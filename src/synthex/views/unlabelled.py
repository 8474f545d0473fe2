"""What was understood of radiographs of which nothing is known: a text and a picture."""

from collections import Counter
from pathlib import Path

import numpy as np

from synthex import dicom
from synthex.anatomy.io.images import VOLUME_SUFFIXES
from synthex.core import InputError, Sample
from synthex.core.terminal import track
from synthex.data.real import is_read_as_dicom, radiograph_files, read_radiographs
from synthex.data.real.dicom import RADIOGRAPHS
from synthex.views.anatomies import table
from synthex.views.sample_sheet import draw_samples

PANELS = 6


def radiographs_at(path: Path) -> list[Path]:
    """Radiographs at a path: a file or those below a folder; none where there is a CT or a label map.

    A folder with volumes, or whose first DICOM image is no projection, is one of CTs.
    """
    if not path.exists():
        return []
    if path.is_file():
        return [path] if _may_be(path) and not _is_volume(path) else []
    if any(_is_volume(file) for file in path.rglob("*")):
        return []
    try:
        files = radiograph_files(path)
    except InputError:
        return []
    first = next((file for file in files if is_read_as_dicom(file)), files[0])
    return files if _may_be(first) else []


def inspect_radiographs(files: list[Path], title: str, output: Path) -> str:
    """Read every radiograph, say what was understood, and draw some of them.

    Args:
        files: Of radiographs.
        title: Heads the table.
        output: PNG to write.

    Raises:
        InputError: None can be read, or the picture cannot be written.
    """
    shown: list[tuple[Sample, tuple[str, ...]]] = []
    sizes: Counter[str] = Counter()
    pitches: Counter[str] = Counter()
    domains: Counter[str] = Counter()
    levels, problems = [], []
    for file in track(files, "reading"):
        try:
            for found in read_radiographs(file):
                sizes["{} x {}".format(*found.image.shape)] += 1
                pitches["unknown" if found.pixel_mm is None else f"{found.pixel_mm:.4g} mm"] += 1
                domains["log (bone bright)" if found.domain == "log" else "intensity (bone dark)"] += 1
                levels.append(np.percentile(found.image[::4, ::4], (0.5, 50, 99.5)))
                if len(shown) < PANELS:
                    shown.append((found.sample(found.pixel_mm or 1.0, f"radiograph {len(levels)}"), ()))
        except InputError as error:
            problems.append(error)
    if not levels:
        raise problems[0]
    draw_samples(shown, output)
    rows = [
        ("radiographs", f"{len(levels)} in {len(files) - len(problems)} files"),
        ("kinds", _listed(Counter(_kind(file) for file in files))),
        ("rows x columns", _listed(sizes)),
        ("pixel pitch", _listed(pitches)),
        ("domain", _listed(domains)),
        ("values at 0.5, 50, 99.5 %", ", ".join(f"{value:.4g}" for value in np.median(levels, axis=0))),
        ("annotated", "nothing; synthex predict MODEL PATH answers them"),
    ]
    lines = [table(title, ("", ""), rows).rstrip()]
    lines += [f"  BAD: {error.path.name}: {error.problem}; {error.remedy}" for error in problems]
    return "\n".join(lines) + "\n"


def _is_volume(file: Path) -> bool:
    return file.name.lower().endswith(VOLUME_SUFFIXES)


def _may_be(file: Path) -> bool:
    """Whether a file is a picture, or a DICOM image whose modality is none of volumes."""
    if not is_read_as_dicom(file):
        return file.suffix.lower() not in (".json", ".csv", ".h5", ".hdf5", ".yaml") and not dicom.is_dicom(file)
    try:
        code = dicom.modality(dicom.open_dicom(file))
    except InputError:
        return True
    return not code or code in RADIOGRAPHS


def _kind(file: Path) -> str:
    if not is_read_as_dicom(file):
        return file.suffix.lower().lstrip(".") or "picture"
    try:
        return f"DICOM {dicom.modality(dicom.open_dicom(file)) or 'without modality'}"
    except InputError:
        return "damaged DICOM"


def _listed(counts: Counter[str], most: int = 6) -> str:
    parts = [f"{name} ({count})" for name, count in counts.most_common(most)]
    return ", ".join(parts) + (f" and {len(counts) - most} more" if len(counts) > most else "")
