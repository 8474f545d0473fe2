"""What a study is: axes of named values, folds, seeds and sizes, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEEP = ("all", "weights", "figures")
"""What is left of a finished job: everything; no checkpoints but the best; tables and settings only."""

RESERVED = ("fold", "seed", "test")
"""Names that axes cannot have: columns of the tables, and what ``only`` may choose by."""

TERMS = ("updates", "images_seen", "distinct_images", "network", "optimizer", "scheduler", "size", "selection")
"""What trainings of one study have in common unless it says otherwise; :mod:`synthex.studies.budget` defines each."""


@dataclass(frozen=True)
class Unequal:
    """Terms in which values of an axis may differ from the other cells; cells of one value are still equal.

    Attributes:
        axis: The axis.
        values: Its values that differ.
        terms: Some of :data:`TERMS`.
        why: For the readers of the tables.
    """

    axis: str
    values: tuple[str, ...]
    terms: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class AxisValue:
    """One value of an axis.

    Attributes:
        overrides: Overrides of ``synthex train``, after the study's and the size's.
        by_size: Further ones of some sizes.
        pending: Why there are no jobs of it yet; None if there are. Tables have its cells, and say so.
        once: Whether it does not depend on the fold: there is one job, of the fold ``all``.
    """

    overrides: tuple[str, ...] = ()
    by_size: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pending: str | None = None
    once: bool = False


@dataclass(frozen=True)
class Preparation:
    """What jobs need and share, such as images on disk: a command that writes one folder.

    Attributes:
        command: A command of ``synthex``.
        overrides: Its overrides, without the folder.
        output: The setting that takes the folder.
    """

    command: str
    overrides: tuple[str, ...]
    output: str = "output"


@dataclass(frozen=True)
class TestSet:
    """What a trained job is measured on.

    Attributes:
        predict: Overrides of ``synthex predict``.
        once: The same for jobs that do not depend on the fold: all folds together.
        evaluate: Overrides of ``synthex evaluate``.
    """

    predict: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    evaluate: tuple[str, ...] = ()


@dataclass(frozen=True)
class Size:
    """How large a study is run.

    Attributes:
        overrides: Overrides of ``synthex train`` for all jobs.
        folds: Folds; ``<fold>`` in overrides.
        seeds: Seeds; every training gets ``seed=``, and ``<seed>`` stands for it elsewhere.
        tests: Name to test set, in the order of the tables.
        prepare: Name to what ``<prepared:NAME>`` stands for.
        values: Axis to those of its values that this size has; all values of other axes.
        exclude: Combinations that this size leaves out, beside the study's.
        budget_minutes: Longest that a job may take; None for any time.
        keep: One of :data:`KEEP`.
        note: What a reader of the tables must know.
    """

    overrides: tuple[str, ...]
    tests: Mapping[str, TestSet]
    folds: tuple[str, ...] = ("0",)
    seeds: tuple[int, ...] = (0,)
    prepare: Mapping[str, Preparation] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    budget_minutes: float | None = None
    keep: str = "weights"
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """A drawing: one quantity against an axis of numbers, a line for each combination of the other axes.

    Attributes:
        x: Axis whose values are numbers; others (such as infinite) are drawn at the end.
        figure: What is drawn.
    """

    x: str
    figure: str


@dataclass(frozen=True)
class Layout:
    """What the tables show.

    Attributes:
        rows: Axes whose values make the rows.
        columns: Axes whose values make the columns.
        figures: Quantities, or one of one name, as in ``dice/lesion``.
        curves: Figures that are drawn.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    figures: tuple[str, ...]
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class Study:
    """One question, and the experiments that answer it.

    Attributes:
        name: Name of its folder.
        title: One line.
        axes: Axis to its named values.
        sizes: Size to how it is run.
        layout: Of the tables.
        overrides: Of every training, before the size's.
        exclude: Combinations that are not run: axis to the values that meet in them.
        unequal: In what trainings differ on purpose.
        source: Who published numbers, and where; empty if there are none.
        published: What was.
        path: Its file.
    """

    name: str
    title: str
    axes: Mapping[str, Mapping[str, AxisValue]]
    sizes: Mapping[str, Size]
    layout: Layout
    overrides: tuple[str, ...] = ()
    exclude: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    unequal: tuple[Unequal, ...] = ()
    source: str = ""
    published: tuple["Published", ...] = ()
    path: Path = Path("study.yaml")


@dataclass(frozen=True)
class Published:
    """Numbers that others published for one cell; they are shown, and never computed with.

    Attributes:
        cell: Axis to value.
        test: Test set.
        figures: Figure to mean, standard deviation and half width of the 95 % interval (None where not given).
    """

    cell: Mapping[str, str]
    test: str
    figures: Mapping[str, tuple[float, float | None, float | None]]
