"""``synthex data lookalike``: phantoms as the specimens of the DeepFluoro data set, in its own file format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex.config.build import build_reader, build_task
from synthex.core import Anatomy, Sample
from synthex.core.terminal import console, quiet_libraries, track
from synthex.data import AnatomySubset, SyntheticReader
from synthex.data.real import write_deepfluoro

FILE = "ipcai_2020_full_res_data.h5"


def main(cfg: DictConfig) -> None:
    """Write ``cfg.specimens`` phantoms with ``cfg.images`` radiographs each, unless that is done."""
    quiet_libraries()
    path = Path(cfg.output).expanduser() / FILE
    if path.exists():
        console.print(f"{path} is there already", soft_wrap=True)
        return
    write_deepfluoro(path, _specimens(cfg))
    console.print(f"{cfg.specimens} specimens, {cfg.images} radiographs of each: {path}", soft_wrap=True)


def _specimens(cfg: DictConfig) -> Iterator[tuple[Anatomy, Iterator[Sample]]]:
    """The CT that is known of each phantom, and radiographs of a finer one."""
    task = build_task(cfg)
    known, bodies = _phantoms(cfg, float(cfg.ct_spacing_mm)), _phantoms(cfg, float(cfg.data.spacing_mm))
    for number, subject in enumerate(track(bodies.subject_ids(), "specimens", total=int(cfg.specimens))):
        alone = AnatomySubset(bodies, [subject])
        reader = build_reader(cfg, task, alone, f"specimen{number}", int(cfg.images), int(cfg.seed))
        yield known.load(subject), _samples(reader)


def _samples(reader: SyntheticReader) -> Iterator[Sample]:
    return (reader[index] for index in range(len(reader)))


def _phantoms(cfg: DictConfig, spacing_mm: float) -> Any:
    return instantiate(cfg.region.phantoms)(
        count=int(cfg.specimens), seed=int(cfg.data.phantoms.seed), spacing_mm=spacing_mm, first=FIRST
    )


FIRST = 300_000
"""First phantom of the specimens, beyond those of every split: simulation has never seen them."""
