"""``synthex translate apply``: simulated radiographs on disk, translated to the look of real ones."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig

from synthex.adaptation.translation import (
    LEAST_RETAINED,
    Translator,
    check_structure,
    load_translator,
)
from synthex.cli.simulate import FORMATS, short_hash
from synthex.config.settings import choose
from synthex.core import ConfigError, Sample, Vocabulary, write_json
from synthex.core.terminal import console, quiet_libraries, track
from synthex.data import Staging, open_export, to_log, write_folder, write_hdf5
from synthex.data.real import write_tool_folders
from synthex.data.real.tool_export import check_one_structure

STRUCTURE_FILE = "structure.json"


def main(cfg: DictConfig) -> None:
    """Translate the set ``cfg.on_disk`` into ``cfg.output``; call again to finish what was cut."""
    quiet_libraries()
    choose("format", cfg.format, FORMATS)
    choose("device", cfg.device, ("auto", "cpu", "cuda"))
    for name in ("translator", "on_disk"):
        if cfg[name] is None:
            raise ConfigError(
                f"no {name} given; say which: synthex translate apply RUN on_disk=<folder> output=<folder>"
            )
    device = cfg.device if cfg.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda: there is no CUDA device; use device=cpu")
    translator = load_translator(str(cfg.translator)).to(device)
    source = Path(str(cfg.on_disk)).expanduser()
    reader = open_export(source)
    vocabulary = Vocabulary(reader.structures, reader.landmarks)
    if cfg.format == "tool_folders":
        check_one_structure(vocabulary)
    output = Path(cfg.output).expanduser()
    if output.resolve() == source.resolve():
        raise ConfigError(f"output={output}: is the folder that is read; choose another")
    count = len(reader)
    # Folders as hashes: sets are passed on.
    request = {"translator": translator.digest, "source": short_hash(str(source.resolve()))}
    staging = Staging(output, request | {"cases": short_hash(" ".join(reader.case_ids())), "format": cfg.format})
    done = output / "done.json"
    if done.exists():
        staging.clear()  # a run killed here left it
        console.print(f"{output} is already complete ({count} radiographs)", soft_wrap=True)
        return
    for path in output.rglob(".*.part.*"):  # what a killed run was writing
        path.unlink(missing_ok=True)
    for index in track(staging.missing(count), "translating"):
        staging.add(index, translated(translator, reader[index]))
    written: list[Path] = []
    if cfg.format in ("hdf5", "both"):
        written += write_hdf5(output, staging.samples(count), vocabulary)
    if cfg.format in ("folder", "both"):
        written.append(write_folder(output, staging.samples(count), vocabulary))
    if cfg.format == "tool_folders":
        written.append(write_tool_folders(output, staging.samples(count), vocabulary))
    report(output / STRUCTURE_FILE, staging.samples(count))
    write_json(done, {"count": count})
    staging.clear()
    console.print(f"{count} radiographs: " + ", ".join(str(path) for path in written), soft_wrap=True)


def translated(translator: Translator, sample: Sample) -> Sample:
    """The translated sample, with what became of its structure in its record."""
    found = translator(sample)
    check = check_structure(to_log(sample), found.image, sample.masks)
    figures = {name: _number(getattr(check, name)) for name in ("agreement", "before", "after")}
    translation = dict(found.record["translation"]) | {"structure": figures}
    return replace(found, record=dict(found.record) | {"translation": translation})


def report(target: Path, samples: Iterable[Sample]) -> None:
    """Write and print how well edges and labels survived; warn in one line where labels may no longer fit."""
    cases = {sample.case_id: sample.record["translation"]["structure"] for sample in samples}
    means = {name: _mean([case[name] for case in cases.values()]) for name in ("agreement", "before", "after")}
    retained = means["after"] / means["before"] if means["before"] and means["after"] is not None else None
    write_json(target, {"mean": means | {"retained": retained}, "cases": cases})
    if means["agreement"] is not None:
        console.print(f"structure: edges agree by {means['agreement']:.2f} (1: unmoved)")
    if retained is None:
        console.print("structure: no label has a border to check")
        return
    console.print(
        f"structure: edges along the labels' borders {means['before']:.3f} before, {means['after']:.3f} after "
        f"({retained:.0%} kept)"
    )
    if retained < LEAST_RETAINED:
        console.print(
            f"warning: only {retained:.0%} of the edges along the labels' borders are left (warned below "
            f"{LEAST_RETAINED:.0%}), so labels may no longer fit; look at the images before you train on them",
            soft_wrap=True,
        )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: float) -> float | None:
    """A number as JSON has it: nothing in the place of NaN."""
    return value if math.isfinite(value) else None
