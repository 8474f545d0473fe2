"""Hooks of MkDocs: pages made from conf/, src/, notebooks/ and experiments/, and links between them.

Pages of the repository link to each other as they lie in it, so that they can be read there too. In the site docs/ is
the root, reports and results keep their folders, and links to files that the site does not have become plain text.
"""

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from synthex.cli.help import EXAMPLES, explain
from synthex.cli.main import COMMANDS
from synthex.config.documented import ConfigFile, read_config, read_group

ROOT = Path(__file__).parents[1]
ALSO = ("experiments/**/*.md", "experiments/**/*.png", "benchmarks/**/*.md", "models/*/card.md", "CHANGELOG.md")
"""Files outside docs/ that become pages and pictures."""

NAV = {
    "Start": ["index.md", "start.md", "explore.md"],
    "How to": [
        "radiographs.md",
        "own_ct.md",
        "instruments.md",
        "own_task.md",
        "python.md",
        "sweeps.md",
        "scaling_out.md",
        "studies.md",
        "registration.md",
        "export.md",
        "adaptation.md",
        "alignment.md",
        "trust.md",
    ],
    "Concepts": [
        "concepts.md",
        "geometry.md",
        "simulation.md",
        "landmarks.md",
        "shape.md",
        "data.md",
        "evaluation.md",
        "statistics.md",
        "tool_detection.md",
        "stopped_trainings.md",
        "architecture.md",
    ],
    "Results": ["measured.md", "benchmarks.md"],
    "Reference": ["commands.md", "settings.md"],
}
"""Pages by tab; those that do not exist are left out, others of docs/ stand below ``More``."""

PUBLIC = (
    "synthex",
    "synthex.core",
    "synthex.geometry",
    "synthex.projection",
    "synthex.physics",
    "synthex.simulation",
    "synthex.anatomy.phantom",
    "synthex.instruments",
    "synthex.augment",
    "synthex.data",
    "synthex.nn",
    "synthex.metrics",
    "synthex.evaluation",
    "synthex.runs",
    "synthex.explore",
)
"""Packages of the reference; the architecture page says what is public."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    packages = [name for name in PUBLIC if (ROOT / "src" / name.replace(".", "/")).is_dir()]
    made = {"commands.md": commands_page(), "settings.md": settings_page()}
    made |= {f"api/{name}.md": f"# {name}\n\n::: {name}\n" for name in packages}
    made |= {f"notebooks/{path.stem}.md": notebook_page(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    for pattern in ALSO:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    config.nav = navigation(files)
    return files


def navigation(files: Files) -> list[dict[str, Any]]:
    """The tabs, of what there is."""
    pages = [file.src_uri for file in files.documentation_pages()]
    nav = [{tab: [name for name in names if name in pages]} for tab, names in NAV.items()]
    placed = {name for names in NAV.values() for name in names}
    results, reference = next(tab["Results"] for tab in nav if "Results" in tab), nav[-1]["Reference"]
    results += [name for name in pages if name.startswith(("experiments/", "benchmarks/", "models/"))]
    reference += [{"API": [name for name in pages if name.startswith("api/")]}]
    reference += [name for name in ("CHANGELOG.md",) if name in pages]
    nav.insert(2, {"Notebooks": [name for name in pages if name.startswith("notebooks/")]})
    more = [name for name in pages if "/" not in name and name not in placed and name != "CHANGELOG.md"]
    return [tab for tab in [*nav, {"More": more}] if next(iter(tab.values()))]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are in the repository become links of the site."""
    here = page.file.src_uri
    outside = here.startswith(("experiments/", "benchmarks/", "models/", "notebooks/", "api/", "CHANGELOG"))
    folder = posixpath.dirname(here if outside else f"docs/{here}")

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match["text"], match["target"], match["anchor"] or ""
        picture = "!" if match[0].startswith("!") else ""
        if "://" in target or target.startswith("mailto:") or not target:
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, target)).removeprefix("docs/")
        known = [name for name in (path, f"{path}/README.md") if files.get_file_from_path(name) is not None]
        if not known:
            return text
        return f"{picture}[{text}]({posixpath.relpath(known[0], posixpath.dirname(here) or '.')}{anchor})"

    blocks = re.split(r"(```.*?```)", markdown, flags=re.DOTALL)
    pattern = re.compile(r"!?\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
    return "".join(block if block.startswith("```") else pattern.sub(link, block) for block in blocks)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Sphinx's roles in docstrings read as code."""
    return re.sub(r":(?:class|func|data|meth|mod|attr):<code>[~.]?([^<]*)</code>", r"<code>\1</code>", html)


def notebook_page(path: Path) -> str:
    """The text and the code of a notebook."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join([*parts, f"This page is notebooks/{path.name}; tests run it."]) + "\n"


def commands_page() -> str:
    """What ``--help`` says of every command."""
    parts = ["# Commands", "", "What `synthex COMMAND --help` says of each."]
    for name, about in COMMANDS.items():
        parts += ["", f"## synthex {name}", ""]
        if name in EXAMPLES:
            parts += ["```text", explain(name, about, [ROOT / "conf"], width=110), "```"]
        else:
            parts += [about]
    return "\n".join(parts) + "\n"


def settings_page() -> str:
    """Every setting of conf/, with its comment."""
    about = "Every file of `conf/`, by group. `synthex train group=option option.key=value` chooses and changes."
    parts = ["# Settings", "", about]
    conf = ROOT / "conf"
    for path in sorted(conf.glob("*.yaml")):
        parts += _table(f"synthex {path.stem.replace('_', ' ')}", read_config(path), 2)
    for folder in sorted(path for path in conf.iterdir() if path.is_dir() and path.name != "hydra"):
        parts += ["", f"## {folder.name}"]
        for option in read_group([conf], folder.name):
            parts += _table(f"{folder.name}={option.name}", option, 3)
    return "\n".join(parts) + "\n"


def _table(title: str, option: ConfigFile, level: int) -> list[str]:
    lines = ["", f"{'#' * level} {title}", "", _plain(option.about)]
    chosen = [entry for entry in option.defaults if entry.value]
    if chosen:
        lines += ["", "Builds on " + ", ".join(f"`{entry.name.lstrip('/')}={entry.value}`" for entry in chosen) + "."]
    if option.settings:
        lines += ["", "| setting | default | meaning |", "| --- | --- | --- |"]
        for setting in option.settings:
            value = f"`{_cell(setting.value)}`" if setting.value else ""
            lines.append(f"| `{setting.name}` | {value} | {_plain(_cell(setting.comment))} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(text: str) -> str:
    """Text in which nothing is a link or an emphasis."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*_\[\]<>])", r"\\\1", part) for part in parts)
