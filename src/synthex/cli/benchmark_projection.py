"""``synthex benchmark projection``: our projector, a plain loop and the installed peers, in one run."""

import os
from pathlib import Path

import numba
import torch
from omegaconf import DictConfig

from synthex.benchmarks.peers import EXTRA, choose_peers, load_peer
from synthex.benchmarks.projection import collect, measure, table_rows
from synthex.benchmarks.scene import make_scene
from synthex.config.compose import plain
from synthex.core import ConfigError
from synthex.core.terminal import console, machine, print_rows, quiet_libraries, write_rows

MISMATCH = 0.05
"""Relative L2 from which a renderer does not make the same picture, so that its time means nothing."""

MOST_MATERIALS = 8

COLUMNS = {
    "renderer": "renderer",
    "size": "size",
    "materials": "materials",
    "masks": "masks",
    "median_seconds": "median s",
    "ratio_to_plain": "x plain loop",
    "relative_l2": "relative L2",
    "held_mib": "held MiB",
    "peak_mib": "peak MiB",
}


def main(cfg: DictConfig) -> None:
    """Time every renderer in turn, ``cfg.rounds`` times over, and print (and write) the medians."""
    quiet_libraries()
    threads = int(cfg.threads)
    cores = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    if threads > cores:
        raise ConfigError(f"threads={threads}: this process has {cores} cores (NUMBA_NUM_THREADS); give at most that")
    if int(cfg.materials) > MOST_MATERIALS:
        raise ConfigError(f"materials={cfg.materials}: the projector takes at most {MOST_MATERIALS} at once")
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    peers, missing = choose_peers(plain(cfg.peers))
    scene = make_scene(cfg.ct, cfg.labels, cfg.shape, int(cfg.materials), int(cfg.masks), cfg.label_names)
    load = os.getloadavg()[0]
    for peer in peers:
        load_peer(peer)
    renderers = collect(
        scene,
        peers,
        size=int(cfg.size),
        twin=int(cfg.twin_size),
        materials=int(cfg.materials),
        masks=int(cfg.masks),
        threads=threads,
    )
    measure(renderers, scene, int(cfg.rounds))
    rows = table_rows(renderers, scene, threads)
    print_rows(f"Projection of {scene.name}, {threads} threads, median of {cfg.rounds} rounds", COLUMNS, rows)
    console.print(f"machine: {machine()}; load before the run {load:.1f}")
    if missing:
        console.print(f"not installed: {', '.join(missing)}; to compare with them: pip install 'synthex[{EXTRA}]'")
    for row in rows:
        if row["relative_l2"] > MISMATCH:
            console.print(
                f"{row['renderer']} makes another picture (relative L2 {row['relative_l2']:.2f}): no comparison"
            )
    if cfg.json is not None:
        path = Path(cfg.json).expanduser()
        write_rows(path, rows)
        console.print(f"rows: {path}")
