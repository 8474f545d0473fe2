"""What was understood of a CT, its labels and its landmarks: a text for the terminal and a picture."""

import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthex.anatomy.ct_folder import SIX_BONES, CtFolder, SubjectReading
from synthex.anatomy.io import GROUPS, axis_codes, read_ct_grid
from synthex.core import Anatomy, InputError, Volume
from synthex.core.arrays import Point3
from synthex.views.anatomy_picture import draw_anatomy, has_lungs


@dataclass(frozen=True, eq=False)
class Finding:
    """A subject as it will be trained on.

    Attributes:
        reading: The subject with its structures as the file names them.
        anatomy: The same with the six bones of the hip task where all are present, else as it is.
        confidence: Of automatically found landmarks.
        landmark_source: In words.
        note: Why landmarks could not be found, or empty.
    """

    reading: SubjectReading
    anatomy: Anatomy
    confidence: Mapping[str, float]
    landmark_source: str
    note: str = ""


def inspect(path: Path, output: Path, label_names: str | Path | None = None, series: int | None = None) -> str:
    """Read ``path`` as training would, say what was understood, and draw it.

    Args:
        path: Anything :class:`~synthex.anatomy.ct_folder.CtFolder` takes. Of several subjects, all are listed
            and the first that can be read is shown in full.
        output: PNG to write: three slices and a frontal DRR, with structures and landmarks.
        label_names: Numbering of the label ids, as ``CtFolder`` takes it.
        series: Number of the DICOM series, as ``CtFolder`` takes it.

    Returns:
        Tables as text.

    Raises:
        InputError: No subject can be read, or the picture cannot be written.
    """
    source = CtFolder(path, structures="all", label_names=label_names, series=series)
    problems: dict[str, InputError] = {}
    finding = None
    for subject_id in source.subject_ids():
        try:
            finding = _find(source.read(subject_id))
            break
        except InputError as error:
            problems[subject_id] = error
    if finding is None:
        raise next(iter(problems.values()))
    parts = [_overview(source, problems)] if len(source.subject_ids()) > 1 else []
    parts += [_image_table(finding, series), _structure_table(finding), _landmark_table(finding)]
    draw_anatomy(finding.anatomy, output, focus(finding.anatomy))
    return "\n".join(part for part in parts if part)


def _find(reading: SubjectReading) -> Finding:
    """Merge into the six bones where they are, and look for landmarks where none are given."""
    anatomy = reading.anatomy
    bones = _six_bones(anatomy)
    if bones is None:
        note = "" if anatomy.landmarks else "hip landmarks are found automatically only from all six bones"
        return Finding(reading, anatomy, reading.confidence, reading.landmark_source, note)
    source, confidence = reading.landmark_source, reading.confidence
    points, absent = dict(anatomy.landmarks), anatomy.absent
    if source == "none":
        from synthex.anatomy.hip_landmarks import find_hip_landmarks

        found = find_hip_landmarks(bones, {name: i for i, name in enumerate(GROUPS["hip"], start=1)})
        points, absent, confidence, source = (
            dict(found.positions),
            found.absent,
            found.confidence,
            "found automatically",
        )
    structures = {name: i for i, name in enumerate(GROUPS["hip"], start=1)}
    merged = Anatomy(anatomy.subject_id, anatomy.ct, bones, structures, points, absent)
    return Finding(reading, merged, confidence, source)


def _six_bones(anatomy: Anatomy) -> Volume | None:
    """Labels regrouped into the hip task's six structures, or None where one of them has no voxel."""
    table = np.zeros(256, dtype=np.uint8)
    for index, members in enumerate(GROUPS["hip"].values(), start=1):
        for member in members:
            if member in anatomy.structures:
                table[anatomy.structures[str(member)]] = index
    labels = table[anatomy.labels.data]
    present = np.bincount(labels.ravel(), minlength=7)[1 : len(SIX_BONES) + 1]
    return Volume(labels, anatomy.labels.world_from_ijk) if (present > 0).all() else None


def _overview(source: CtFolder, problems: Mapping[str, InputError]) -> str:
    rows = []
    for subject_id in source.subject_ids():
        files = source.files(subject_id)
        try:
            if subject_id in problems:
                raise problems[subject_id]
            source.check(subject_id)
            grid = read_ct_grid(files.ct, source.series)
            state = " x ".join(map(str, grid.shape))
        except InputError as error:
            state = f"BAD: {error.path.name}: {error.problem}; {error.remedy}"
        rows.append((subject_id, files.name, _name(files.labels), _name(files.landmarks), state))
    return table(f"{len(rows)} subjects", ("id", "files", "labels", "landmarks", "voxels or problem"), rows)


def _name(path: Path | None) -> str:
    return "none" if path is None else path.name


def _image_table(finding: Finding, series: int | None) -> str:
    files, anatomy = finding.reading.files, finding.reading.anatomy
    ct = anatomy.ct
    stored = read_ct_grid(files.ct, series)
    # Every third voxel is plenty for percentiles, and quick on a large CT.
    levels = np.percentile(ct.data[::3, ::3, ::3], (0.5, 5, 50, 95, 99.5))
    matrix = ct.world_from_ijk.linear / ct.spacing_mm
    tilt = float(np.degrees(np.arccos(np.clip(np.abs(np.diag(matrix)).min(), 0, 1))))
    rows = [
        ("CT", files.ct.name),
        ("voxels", f"{' x '.join(map(str, ct.shape))} (right, anterior, superior)"),
        ("spacing", f"{' x '.join(f'{step:.4g}' for step in ct.spacing_mm)} mm"),
        ("extent", f"{' x '.join(f'{n * step:.0f}' for n, step in zip(ct.shape, ct.spacing_mm, strict=True))} mm"),
        ("stored as", f"{axis_codes(stored.world_from_ijk)}, read as RAS, {tilt:.1f} degrees oblique"),
        ("HU", f"{int(ct.data.min())} to {int(ct.data.max())}"),
        ("HU at 0.5, 5, 50, 95, 99.5 %", ", ".join(f"{level:.0f}" for level in levels)),
        *(("note", note) for note in stored.notes),
        ("labels", _name(files.labels)),
        ("label names", finding.reading.numbering or "none"),
        *(("label check", check) for check in finding.reading.label_checks),
        ("landmarks", finding.landmark_source),
    ]
    return table(f"Subject {anatomy.subject_id}", ("", ""), rows)


def _structure_table(finding: Finding) -> str:
    anatomy = finding.reading.anatomy
    if not anatomy.structures:
        return "no labels: nothing can be segmented, and landmarks cannot be found automatically\n"
    counts = np.bincount(anatomy.labels.data.ravel(), minlength=256)
    cm3 = float(np.prod(anatomy.ct.spacing_mm)) / 1000
    task = "chest" if has_lungs(anatomy) else "hip"
    groups = {str(member): group for group, members in GROUPS[task].items() for member in members}
    rows = [
        (str(number), name, f"{counts[number]}", f"{counts[number] * cm3:.1f}", groups.get(name, ""))
        for name, number in anatomy.structures.items()
    ]
    return table("Structures", ("id", "name", "voxels", "cm3", f"{task} task calls it"), rows)


def _landmark_table(finding: Finding) -> str:
    anatomy = finding.anatomy
    if not anatomy.landmarks and not anatomy.absent:
        return f"no landmarks{': ' if finding.note else ''}{finding.note}\n"
    rows = [
        (name, *(f"{x:.1f}" for x in point), f"{finding.confidence[name]:.2f}" if name in finding.confidence else "")
        for name, point in anatomy.landmarks.items()
    ]
    rows += [(name, "", "", "", "absent") for name in sorted(anatomy.absent)]
    return table("Landmarks, RAS mm", ("name", "right", "anterior", "superior", "confidence"), rows)


def table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table as text, for a terminal of any width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_header=any(columns))
    for column in columns:
        numeric = column in ("voxels", "cm3", "right", "anterior", "superior", "confidence")
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    stream = io.StringIO()
    width = max(60, min(110, shutil.get_terminal_size((100, 24)).columns))
    Console(file=stream, width=width, color_system=None).print(made)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def focus(anatomy: Anatomy) -> Point3:
    """Where to cut and aim, world mm: the middle of the landmarks, else of the labels, else of the volume."""
    if anatomy.landmarks:
        points = np.stack(list(anatomy.landmarks.values()))
        return (points.min(axis=0) + points.max(axis=0)) / 2
    labelled = np.argwhere(anatomy.labels.data[::4, ::4, ::4] > 0)
    if len(labelled):
        return anatomy.ct.world_from_ijk.apply(4.0 * labelled.mean(axis=0, keepdims=True))[0]
    return anatomy.ct.center_world
