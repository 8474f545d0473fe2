"""``synthex preview``: a sheet of what training will see."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from synthex.adaptation.translation import TranslatedFirst
from synthex.cli.preview_grid import preview_grid
from synthex.config.build import build_augment, build_reader, build_task
from synthex.config.settings import choose
from synthex.config.sources import build_sources
from synthex.config.translation import read_translator
from synthex.core import Augmentation, ConfigError, derive_rng
from synthex.core.terminal import console, quiet_libraries, track
from synthex.data import SPLITS
from synthex.views.preview_sheet import draw_sheet

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
    augment: Augmentation = build_augment(cfg.augment)
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
