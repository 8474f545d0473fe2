"""The picture of ``synthex data inspect``: three slices and a DRR, with structures and landmarks."""

from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import Affine, Anatomy, Camera, Volume, atomic_path
from synthex.core.arrays import Point3
from synthex.geometry import CArm
from synthex.projection import project

SLAB_MM = 10.0
"""Landmarks this close to a slice are drawn on it."""

DRR_SIZE, DRR_SDD_MM, DRR_SOURCE_ISOCENTER_MM = 512, 1500.0, 1100.0
"""The quick DRR is a long-distance overview of the whole volume, not a C-arm's narrow field."""

DRR_OUTLINES = 12

HU_WINDOW = (-250, 750)
LUNG_HU_WINDOW = (-1350, 150)
"""The usual lung window: width 1500 about -600 HU."""
_INK, _ACCENT = "#f2f2f2", "#ffe14d"


def draw_anatomy(anatomy: Anatomy, output: Path, focus_world: Point3) -> None:
    """Draw axial, coronal and sagittal slices through ``focus_world`` (mm) and a frontal DRR, as PNG.

    Axial and coronal slices and the DRR have the patient's right on the left, as radiologists look at them.

    Raises:
        InputError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 12), dpi=110, facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2).ravel()
    colors = _colors(anatomy)
    for panel, (axis, title) in zip(panels, ((2, "axial"), (1, "coronal"), (0, "sagittal")), strict=False):
        _slice(panel, anatomy, focus_world, axis, title, colors)
    _drr(panels[3], anatomy, focus_world, colors)
    _legend(figure, anatomy, colors)
    with atomic_path(output) as path:
        figure.savefig(path, format="png", facecolor="black")


def overview_camera(anatomy: Anatomy, focus_world: Point3) -> Camera:
    """A frontal camera whose detector holds the whole width and height of the volume at the isocentre."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in anatomy.ct.shape])).reshape(3, -1).T
    world = anatomy.ct.world_from_ijk.apply(corners)
    low, high = world.min(axis=0), world.max(axis=0)
    isocenter = (low + high) / 2
    isocenter[1] = focus_world[1]
    field = 1.1 * float(max(high[0] - low[0], high[2] - low[2]))
    pixel = field * DRR_SDD_MM / DRR_SOURCE_ISOCENTER_MM / DRR_SIZE
    arm = CArm(DRR_SIZE, DRR_SIZE, pixel, DRR_SDD_MM, DRR_SOURCE_ISOCENTER_MM)
    return arm.camera(arm.view(isocenter))


def _colors(anatomy: Anatomy) -> dict[str, Any]:
    from matplotlib import colormaps

    names = list(anatomy.structures)
    palette = colormaps["tab10" if len(names) <= 10 else "gist_rainbow"]
    return {name: palette(i if len(names) <= 10 else i / len(names)) for i, name in enumerate(names)}


def _slice(panel: Any, anatomy: Anatomy, focus_world: Point3, axis: int, title: str, colors: dict[str, Any]) -> None:
    ct = anatomy.ct
    voxel = ct.world_from_ijk.inverse().apply(focus_world[None])[0]
    index = int(np.clip(np.rint(voxel[axis]), 0, ct.shape[axis] - 1))
    across, up = (a for a in range(3) if a != axis)
    hu = np.take(ct.data, index, axis=axis).T
    labels = np.take(anatomy.labels.data, index, axis=axis).T
    aspect = ct.spacing_mm[up] / ct.spacing_mm[across]
    low, high = LUNG_HU_WINDOW if has_lungs(anatomy) else HU_WINDOW
    panel.imshow(hu, cmap="gray", vmin=low, vmax=high, origin="lower", aspect=aspect)
    if across == 0:
        panel.invert_xaxis()  # +x is the patient's right, which belongs on the viewer's left
    for name, number in anatomy.structures.items():
        outline(panel, labels == number, colors[name])
    for name, point in anatomy.landmarks.items():
        at = ct.world_from_ijk.inverse().apply(point[None])[0]
        if abs(at[axis] - index) * ct.spacing_mm[axis] <= SLAB_MM:
            mark(panel, at[across], at[up], name)
    left, right = ("R", "L") if across == 0 else ("P", "A")
    position = float(ct.world_from_ijk.apply(np.array([[index if a == axis else 0.0 for a in range(3)]]))[0, axis])
    frame(panel, f"{title}, {'xyz'[axis]} = {position:.0f} mm", left, right)


def has_lungs(anatomy: Anatomy) -> bool:
    """Whether it is a chest: a lung, or a lobe of one, is labelled."""
    return any(name.startswith("lung_") for name in anatomy.structures)


def _drr(panel: Any, anatomy: Anatomy, focus_world: Point3, colors: dict[str, Any]) -> None:
    camera = overview_camera(anatomy, focus_world)
    # More outlines than this hide the picture.
    outlined = anatomy.structures if len(anatomy.structures) <= DRR_OUTLINES else {}
    ids = list(outlined.values())
    ct, labels = _for_overview(anatomy)
    result = project(ct, labels if ids else None, ids, camera)
    path_mm = result.water_path_mm
    inside = path_mm[path_mm > 1]
    # Of a chest the darkest part is what matters: rays through lung are the shortest of those that meet a body.
    shares = (2, 99) if has_lungs(anatomy) else (20, 99.8)
    low, high = np.percentile(inside, shares) if inside.size else (0.0, 1.0)
    extent = (0, camera.width, camera.height, 0)
    panel.imshow(path_mm, cmap="gray", extent=extent, vmin=low, vmax=max(high, low + 1))  # log domain: bone bright
    for path, name in zip(result.label_path_mm, outlined, strict=True):
        outline(panel, path > 0, colors[name], offset=0.5)
    panel.set_xlim(0, camera.width)
    panel.set_ylim(camera.height, 0)
    if anatomy.landmarks:
        points = camera.project(np.stack(list(anatomy.landmarks.values())))
        for (column, row), name in zip(points, anatomy.landmarks, strict=True):
            mark(panel, column, row, name)
    frame(panel, "frontal DRR (anterior source)", "R", "L")


def _for_overview(anatomy: Anatomy) -> tuple[Volume, Volume]:
    """A coarser, bone-weighted copy for the quick DRR: at least 1.5 mm, HU above 150 counted three times.

    The weight stands in for the photoelectric effect, which makes bone stand out in a real radiograph more
    than its density does; the picture is for the eye only.
    """
    step = [max(1, int(1.5 / edge)) for edge in anatomy.ct.spacing_mm]
    every = tuple(slice(None, None, n) for n in step)
    affine = Affine.from_parts(anatomy.ct.world_from_ijk.linear * step, anatomy.ct.world_from_ijk.translation)
    hu = anatomy.ct.data[every].astype(np.int32)
    weighted = np.clip(hu + 2 * np.maximum(hu - 150, 0), -1024, 32767).astype(np.int16)
    return Volume(weighted, affine), Volume(np.ascontiguousarray(anatomy.labels.data[every]), affine)


def outline(panel: Any, mask: np.ndarray, color: Any, offset: float = 0.0) -> None:
    """The edge of a mask; ``offset`` is where the centre of the first pixel lies."""
    if mask.any():
        rows, columns = (np.arange(n) + offset for n in mask.shape)
        panel.contour(columns, rows, mask.astype(np.float32), levels=[0.5], colors=[color], linewidths=0.9)


def mark(panel: Any, column: float, row: float, name: str) -> None:
    """A cross with its name; names of right-sided points go to the viewer's left, so that pairs stay readable."""
    from matplotlib.patheffects import withStroke

    panel.plot(column, row, "+", color=_ACCENT, markersize=9, markeredgewidth=1.4)
    outwards = -1 if name.endswith(("-r", "_right")) else 1
    panel.annotate(
        name,
        (column, row),
        xytext=(5 * outwards, 4),
        textcoords="offset points",
        color=_ACCENT,
        fontsize=8,
        ha="left" if outwards > 0 else "right",
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )


def frame(panel: Any, title: str, left: str = "", right: str = "") -> None:
    """A title, and which sides of the patient are left and right of the picture."""
    from matplotlib.patheffects import withStroke

    panel.set_axis_off()
    panel.set_facecolor("black")
    panel.set_title(title, color=_INK, fontsize=11)
    for x, text in ((0.02, left), (0.98, right)):
        panel.text(
            x,
            0.97,
            text,
            transform=panel.transAxes,
            color=_INK,
            fontsize=13,
            ha="center",
            va="top",
            path_effects=[withStroke(linewidth=2, foreground="black")],
        )


def _legend(figure: Any, anatomy: Anatomy, colors: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D

    names = list(anatomy.structures)[:24]
    if names:
        handles = [Line2D([], [], color=colors[name], label=name) for name in names]
        columns = min(6, len(names))
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, labelcolor=_INK)
