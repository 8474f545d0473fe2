"""``synthex translate apply``: simulated radiographs on disk, translated to the look of real ones."""

from pathlib import Path

import torch
from omegaconf import DictConfig

from synthex.adaptation.translation import load_translator
from synthex.adaptation.translation.apply import structure_report, translated
from synthex.config.cases import short_hash
from synthex.config.settings import choose
from synthex.core import ConfigError, Vocabulary, write_json
from synthex.core.terminal import console, quiet_libraries, track
from synthex.data import Staging, open_export
from synthex.data.formats import DONE_FILE, FORMATS, check_format, clear_partial, complete, write_formats

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
    check_format(cfg.format, vocabulary)
    output = Path(cfg.output).expanduser()
    if output.resolve() == source.resolve():
        raise ConfigError(f"output={output}: is the folder that is read; choose another")
    count = len(reader)
    # Folders as hashes: sets are passed on.
    request = {"translator": translator.digest, "source": short_hash(str(source.resolve()))}
    staging = Staging(output, request | {"cases": short_hash(" ".join(reader.case_ids())), "format": cfg.format})
    done = output / DONE_FILE
    if done.exists():
        staging.clear()  # a run killed here left it
        console.print(f"{output} is already complete ({count} radiographs)", soft_wrap=True)
        return
    clear_partial(output)
    for index in track(staging.missing(count), "translating"):
        staging.add(index, translated(translator, reader[index]))
    written = write_formats(output, cfg.format, lambda: staging.samples(count), vocabulary)
    figures, lines = structure_report(staging.samples(count))
    write_json(output / STRUCTURE_FILE, figures)
    for line in lines:
        console.print(line, soft_wrap=True)
    line = complete(output, count, written)
    staging.clear()
    console.print(line, soft_wrap=True)
