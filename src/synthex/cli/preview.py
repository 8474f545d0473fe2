"""``synthex preview``: a sheet of what training will see."""

from pathlib import Path

import matplotlib
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex.adaptation.translation import TranslatedFirst
from synthex.cli.build import build_reader, build_task
from synthex.cli.preview_grid import preview_grid
from synthex.cli.settings import choose
from synthex.cli.sources import build_sources
from synthex.cli.terminal import console, quiet_libraries, track
from synthex.cli.translation import read_translator
from synthex.core import Augmentation, ConfigError, Sample, atomic_path, derive_rng
from synthex.data import SPLITS, normalize, to_log

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

LAYOUTS = ("sheet", "grid")


def main(cfg: DictConfig) -> None:
    """Draw ``cfg.count`` samples clean (labels drawn in) and augmented, or the grid, and describe them."""
    quiet_libraries()
    choose("split", cfg.split, SPLITS)
    choose("layout", cfg.layout, LAYOUTS)
    if cfg.data.kind != "synthetic":
        raise ConfigError("preview needs data=synthetic")
    task = build_task(cfg)
    seed = int(cfg.seed) if cfg.split == "train" else int(cfg.data.eval_seed)
    output = Path(cfg.output).expanduser()
    if cfg.layout == "grid":
        count = int(cfg.grid.case) + 1
        preview_grid(cfg, build_reader(cfg, task, build_sources(cfg)[cfg.split], cfg.split, count, seed), output)
        return
    reader = build_reader(cfg, task, build_sources(cfg)[cfg.split], cfg.split, int(cfg.count), seed)
    augment: Augmentation = instantiate(cfg.augment)
    if (translator := read_translator(cfg)) is not None:
        augment = TranslatedFirst(translator, augment)
    pairs = []
    for index in track(range(len(reader)), "simulating"):
        clean = reader[index]
        pairs.append((clean, augment(clean, derive_rng(seed, cfg.split, index, "augment"))))
    draw_sheet(output, pairs, task.vocabulary.landmarks, min(int(cfg.columns), len(pairs)))
    visible = np.mean([clean.visible.sum() for clean, _ in pairs])
    covered = np.mean([clean.masks.mean(axis=(1, 2)) for clean, _ in pairs], axis=0)
    console.print(f"{len(pairs)} samples of {reader.split}: {visible:.1f} of {len(reader.landmarks)} landmarks visible")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(reader.structures, covered, strict=True))
    console.print(f"mean share of the image: {shares}")
    console.print(f"picture: {output}")


def draw_sheet(
    output: Path, pairs: list[tuple[Sample, Sample]], landmarks: tuple[str, ...], columns: int, inches: float = 2.6
) -> None:
    """Write the sheet: per sample the clean image with labels, and beneath it the augmented one."""
    rows = -(-len(pairs) // columns)
    figure, axes = plt.subplots(2 * rows, columns, figsize=(inches * columns, inches * 2 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, (clean, augmented) in enumerate(pairs):
        row, column = divmod(number, columns)
        _draw(axes[2 * row, column], clean, landmarks, f"{clean.subject_id}")
        _draw(axes[2 * row + 1, column], augmented, landmarks, "augmented")
    figure.tight_layout(pad=0.3)
    with atomic_path(output) as path:
        figure.savefig(path, dpi=110, format="png")
    plt.close(figure)


def _draw(axis: Axes, sample: Sample, names: tuple[str, ...], title: str) -> None:
    image = normalize(to_log(sample))
    height, width = image.shape
    low, high = np.percentile(image, (0.5, 99.5))
    axis.imshow(image, cmap="gray", vmin=low, vmax=high, extent=(0, width, height, 0))
    colors = plt.get_cmap("tab10")
    for index, mask in enumerate(sample.masks):
        if mask.any() and not mask.all():
            grid = (np.arange(width) + 0.5, np.arange(height) + 0.5)
            axis.contour(*grid, mask.astype(float), levels=[0.5], colors=[colors(index)], linewidths=0.8)
    for name, point, visible in zip(names, sample.landmarks, sample.visible, strict=True):
        if visible:
            axis.plot(*point, "+", color="yellow", markersize=5, markeredgewidth=1)
            axis.annotate(name, point, color="yellow", fontsize=5, xytext=(2, 2), textcoords="offset points")
    axis.set_title(title, fontsize=7, pad=2)
