"""``synthex COMMAND --help``: examples, groups with their options, settings, as ``conf/`` comments them."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from synthex.config.documented import ConfigFile, read_config, read_group

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (
        ("synthex train experiment=hip/quickstart", "a first model in minutes, without data"),
        ("synthex train data.ct=my_cts paths.run_dir=outputs/mine", "your CTs; the same command goes on after a crash"),
        ("synthex train simulation=realistic augment=extreme model.encoder=resnet34", "other options, other values"),
        ("synthex train --multirun augment=none,regular,strong seed=0,1,2", "nine trainings"),
    ),
    "simulate": (
        ("synthex simulate count=1000 output=drrs", "HDF5 as the study's, with COCO labels"),
        ("synthex simulate count=1000 output=drrs shard=1/4", "the first of four shares, for as many machines"),
    ),
    "preview": (
        ("synthex preview augment=extreme", "a sheet, with labels and as the network sees it"),
        ("synthex preview layout=grid", "levels, voltages and doses side by side"),
    ),
    "explore": (
        ("synthex explore", "phantoms, with instruments and lesions"),
        ("synthex explore hip", "with a model's answers, live"),
        ("synthex explore data.ct=my_cts", "your CTs"),
    ),
    "predict": (
        ("synthex predict hip picture.png folder", "landmarks and masks of radiographs of which nothing is known"),
        ("synthex predict hip watch=incoming output=answers", "each file that appears, until Ctrl-C"),
        ("synthex predict outputs/mine ct=my_cts cases=100", "DRRs of CTs, to be scored"),
    ),
    "register": (
        ("synthex register xrays ct=my_cts/patient finder=hip", "from the points that a model finds"),
        ("synthex register xrays ct=my_cts/patient points=clicked.csv", "from points that were clicked"),
    ),
    "annotate": (
        ("synthex annotate outputs/registered pictures=xrays ct=my_cts/patient", "a set to accept, train and test on"),
    ),
    "export": (
        ("synthex export hip hip.onnx format=onnx", "one file: any image size in, native pixels out"),
        ("synthex export outputs/mine mine licence=CC-BY-4.0", "a package to pass on"),
    ),
    "models": (("synthex models", ""),),
    "evaluate": (("synthex evaluate outputs/mine/predictions/ct", "tables, overlays and report.html"),),
    "data inspect": (("synthex data inspect my_cts", "what is understood, with a picture"),),
    "data example": (("synthex data example chest", "needs the extra examples"),),
    "data lookalike": (("synthex data lookalike output=standin", "six specimens, ten radiographs of each"),),
    "data merge": (("synthex data merge drrs", "one export of the shards in it"),),
    "model summary": (("synthex model summary", "all networks"), ("synthex model summary model=transunet", "one")),
    "translate train": (("synthex translate train real=plain_folder real.root=xrays", "no labels are needed"),),
    "translate apply": (("synthex translate apply outputs/translate on_disk=drrs output=real_looking", "labels kept"),),
    "benchmark projection": (("synthex benchmark projection", "peers that are not installed are left out"),),
    "benchmark datamodule": (("synthex benchmark datamodule simulation=realistic data.size=256", ""),),
    "study run": (("synthex study run hip_controlled size=tiny", "goes on after a crash"),),
    "study list": (("synthex study list", ""),),
    "study status": (("synthex study status hip_controlled", ""),),
    "study table": (("synthex study table hip_controlled", ""),),
}
"""Commands to begin with; tests compose them."""

PAGES = {
    "train": "docs/start.md",
    "simulate": "docs/simulation.md",
    "preview": "docs/simulation.md",
    "explore": "docs/explore.md",
    "predict": "docs/radiographs.md",
    "register": "docs/registration.md",
    "annotate": "docs/registration.md",
    "export": "docs/export.md",
    "models": "docs/export.md",
    "evaluate": "docs/evaluation.md",
    "data": "docs/data.md",
    "translate": "docs/adaptation.md",
    "benchmark": "docs/benchmarks.md",
    "study": "docs/studies.md",
    "model": "docs/architecture.md",
}
"""Where more is said."""


def explain(command: str, about: str, folders: Sequence[Path], width: int | None = None) -> str:
    """The help of a command.

    Args:
        command: Its words.
        about: What it does.
        folders: Folders of configs, the most important first.
        width: Columns; None: the terminal's, 120 at most.
    """
    width = min(width or shutil.get_terminal_size((100, 24)).columns, 120)
    name = command.replace(" ", "_")
    config = read_config(next(path for folder in folders if (path := folder / f"{name}.yaml").exists()))
    parts = [f"synthex {command}: {about}", ""]
    for line, why in EXAMPLES.get(command, ()):
        parts.append(f"  {line}" + (f"   # {why}" if why else ""))
    choices = list(_groups(config, folders))
    if choices:
        parts += ["", "Groups, chosen by name (GROUP=OPTION); the default is marked with *", ""]
        for group, default, options in choices:
            parts += [f"  {group}"]
            for option in options:
                mark = "*" if option.name == default else " "
                parts += _entry(f"  {mark} {option.name}", option.summary, width)
    if config.settings:
        parts += ["", "Settings (KEY=VALUE)", ""]
        for setting in config.settings:
            parts += _entry(f"  {setting.name}={setting.value}", setting.comment, width)
    parts += [
        "",
        "All settings with those of the chosen options: --cfg job    A grid of values: --multirun",
        "Those of an option: its file in conf/, or the site's page of settings",
        f"More: {PAGES.get(command.split()[0], 'docs/index.md')}",
    ]
    return "\n".join(parts)


def _groups(config: ConfigFile, folders: Sequence[Path]) -> Iterator[tuple[str, str, list[ConfigFile]]]:
    """Groups of the defaults list, those of a config it builds on among them: name, chosen option, options."""
    chosen: dict[str, str] = {}
    for entry in config.defaults:
        if not entry.value and entry.name != "_self_":
            inherited = next((path for folder in folders if (path := folder / f"{entry.name}.yaml").exists()), None)
            if inherited is not None:
                chosen |= {group: default for group, default, _ in _groups(read_config(inherited), folders)}
        elif entry.value and not entry.name.startswith("optional"):
            chosen[entry.name.lstrip("/")] = entry.value
    for group, default in chosen.items():
        options = list(read_group(list(folders), group))
        if options and not group.startswith("hydra"):
            yield group, default, options


def _entry(left: str, right: str, width: int) -> list[str]:
    """A name and what is said of it, in two columns where the name is short."""
    if not right:
        return [left]
    indent = 34
    lines = textwrap.wrap(right, max(width - indent, 30))
    if len(left) > indent - 2:
        return [left, *(" " * indent + line for line in lines)]
    return [left.ljust(indent) + lines[0], *(" " * indent + line for line in lines[1:])]
