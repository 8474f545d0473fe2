"""What was understood of images in the study's tool folders: a text for the terminal and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from synthex.core import InputError, Sample
from synthex.core.terminal import track
from synthex.data.real import ToolFolders
from synthex.data.real.tool_layout import WHERE, Part, all_parts
from synthex.views.anatomies import table
from synthex.views.sample_sheet import draw_samples

PANELS = 6


@dataclass
class _Tally:
    """What one folder of cases holds."""

    part: Part
    reader: ToolFolders | None = None
    sizes: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    pixels_mm: set[float] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    levels: list[np.ndarray] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    flags: list[np.ndarray] = field(default_factory=list)
    lengths_mm: list[float] = field(default_factory=list)
    shown: list[Sample] = field(default_factory=list)
    problems: list[InputError] = field(default_factory=list)

    @property
    def landmarks(self) -> tuple[str, ...]:
        """Their names; none where the folder cannot be opened."""
        return () if self.reader is None else self.reader.landmarks

    def read(self, index: int, pictures: int) -> None:
        """Take one case into account, and keep so many for the picture, spread over the folder."""
        if self.reader is None:
            return
        try:
            sample = self.reader[index]
        except InputError as error:
            self.problems.append(error)
            return
        if not self.shown or index in np.linspace(0, len(self.reader) - 1, pictures, dtype=int):
            self.shown.append(sample)
        self.sizes.add("{} x {}".format(*sample.image.shape))
        self.domains.add(sample.domain)
        self.pixels_mm.add(sample.pixel_mm)
        self.subjects.add(sample.subject_id)
        self.levels.append(np.percentile(sample.image, (0.5, 50, 99.5)))
        self.shares.append(float(sample.masks.mean()))
        self.flags.append(np.where(sample.visible, 0, np.where(sample.annotated, 1, 2)))
        if len(sample.landmarks) > 1 and sample.visible[:2].all():
            step = sample.landmarks[1] - sample.landmarks[0]
            self.lengths_mm.append(float(np.hypot(*step)) * sample.pixel_mm)


def inspect_tool_folders(root: Path, output: Path) -> str:
    """Read every case below ``root``, say what was understood, and draw some of them.

    Args:
        root: An archive in the study's layout, one of its folds, or a folder of cases.
        output: PNG to write: images with the outline of the mask and the landmarks.

    Returns:
        Tables as text.

    Raises:
        InputError: No case can be read, or the picture cannot be written.
    """
    parts = all_parts(root)
    if not parts:
        raise InputError(root, "has folders of the tool archive but no images (proj) in them", f"restore them: {WHERE}")
    tallies = [_open(part) for part in parts]
    cases = [(tally, index) for tally in tallies if tally.reader is not None for index in range(len(tally.reader))]
    for tally, index in track(cases, "reading"):
        tally.read(index, pictures=-(-PANELS // len(parts)))
    good = [tally for tally in tallies if tally.flags]
    if not good:
        raise tallies[0].problems[0]
    samples = [(sample, tally.landmarks) for tally in good for sample in tally.shown]
    spread = np.unique(np.linspace(0, len(samples) - 1, PANELS, dtype=int))  # over the folders
    draw_samples([samples[index] for index in spread], output)
    return "\n".join((_parts_table(root, tallies, good[0].landmarks), _facts_table(good)))


def _open(part: Part) -> _Tally:
    try:
        return _Tally(part, ToolFolders(part.folder))
    except InputError as error:
        return _Tally(part, problems=[error])


def _parts_table(root: Path, tallies: Sequence[_Tally], landmarks: tuple[str, ...]) -> str:
    rows = []
    for tally in tallies:
        counts = [[int((column == kind).sum()) for kind in range(3)] for column in np.array(tally.flags).T]
        sizes = ", ".join(sorted(tally.sizes)) if len(tally.sizes) < 4 else f"{len(tally.sizes)} sizes"
        rows.append(
            (_place(tally, root), str(len(tally.flags)), sizes, *(" / ".join(map(str, count)) for count in counts))
        )
    names = tuple(f"{name}: in image / outside / unknown" for name in landmarks)
    title = f"{sum(len(tally.flags) for tally in tallies)} images in {len(tallies)} folders"
    lines = [
        table(title, ("folder", "images", "rows x columns", *names), rows).rstrip(),
        "  unknown: not annotated (-1 in the file), neither taught nor scored",
        *(f"  BAD: {_problem(tally, root)}" for tally in tallies if tally.problems),
    ]
    return "\n".join(lines) + "\n"


def _place(tally: _Tally, root: Path) -> str:
    return root.name if tally.part.folder == root else str(tally.part.folder.relative_to(root))


def _problem(tally: _Tally, root: Path) -> str:
    """The first of a folder's problems, and how many more there are."""
    first, more = tally.problems[0], len(tally.problems) - 1
    file = f"{first.path.parent.name}/{first.path.name}"
    return f"{_place(tally, root)}, {file}: {first.problem}; {first.remedy}" + (f" (and {more} more)" if more else "")


def _facts_table(tallies: Sequence[_Tally]) -> str:
    levels = np.median(np.concatenate([np.stack(tally.levels) for tally in tallies]), axis=0)
    shares = np.concatenate([tally.shares for tally in tallies])
    lengths = np.concatenate([tally.lengths_mm for tally in tallies])
    domains = sorted(set().union(*(tally.domains for tally in tallies)))
    pitches = sorted(set().union(*(tally.pixels_mm for tally in tallies)))
    subjects = sorted(set().union(*(tally.subjects for tally in tallies)))
    names, structure = tallies[0].landmarks, "" if tallies[0].reader is None else tallies[0].reader.structures[0]
    rows = [
        ("mask", f"{structure}, {100 * shares.mean():.1f} % of the pixels, empty in {(shares == 0).sum()}"),
        ("landmarks", ", ".join(f"ld{i}: {name}" for i, name in enumerate(names, 1))),
        ("domain", " and ".join(f"{d} ({'bone bright' if d == 'log' else 'bone dark'})" for d in domains)),
        ("values at 0.5, 50, 99.5 %", ", ".join(f"{level:.4g}" for level in levels)),
        ("pixel pitch", ", ".join(f"{pitch:.4g}" for pitch in pitches) + " mm at the detector"),
        ("subjects", ", ".join(subjects) if len(subjects) <= 12 else f"{len(subjects)}, the first is {subjects[0]}"),
    ]
    if len(lengths):
        low, middle, high = np.percentile(lengths, (0, 50, 100))
        distance = f"{low:.1f} to {high:.1f} mm, median {middle:.1f} mm"
        rows.insert(5, (f"{names[0]} to {names[1]}", distance))
    return table("As they are read", ("", ""), rows)
