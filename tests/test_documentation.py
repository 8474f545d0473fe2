"""What the README and the docs say must be true of the code."""

import re
import shlex
from pathlib import Path

import pytest

from synthex.cli.app import MODULES, named
from synthex.cli.compose import compose
from synthex.cli.main import second_words

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = ("--multirun", "--cfg", "job")


def commands():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
        inline = re.findall(r"`(synthex [^`]*)`", text)
        for line in [line for block in blocks for line in block.splitlines()] + inline:
            line = line.split("#")[0].replace("…", "").strip()
            words = shlex.split(line) if line.startswith("synthex ") else []
            if len(words) > 1 and not words[1].isupper() and words[1] != "completion":
                yield pytest.param(words[1:], id=f"{page.stem}: {line}")


@pytest.mark.parametrize("words", list(commands()))
def test_every_command_in_the_documentation_composes(words):
    command = " ".join(words[:2]) if second_words(words[0]) else words[0]
    assert command in MODULES
    rest = [named(command, word) for word in words[len(command.split()) :] if word not in FLAGS]
    compose(command.replace(" ", "_"), rest, sweep="--multirun" in words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z]+)`?", (ROOT / "README.md").read_text(encoding="utf-8")):
        if target in ("quickstart", "test", "slow", "bench"):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_architecture_page_names_every_package():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for package in sorted((ROOT / "src" / "synthex").iterdir()):
        if (package / "__init__.py").exists():
            assert f"`{package.name}`" in page, package.name


def test_the_evaluation_page_explains_every_key_of_the_summary():
    from synthex.evaluation import mask_figures, summary

    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for keys, suffix in (
        (summary._FACTS, ""),
        (summary._SCORES, ""),
        (summary._PER_LANDMARK, "/<landmark>"),
        (mask_figures.PER_STRUCTURE, "/<structure>"),
        (mask_figures.PER_MASK_SCORE, "/<structure>"),
        (mask_figures.ORIGINAL, ""),
        (summary._GATE_FACTS, ""),
        (summary._GATE, ""),
        (summary._PER_LANDMARK_GATE, "/<landmark>"),
    ):
        for key, meaning in keys.items():
            assert f"| `{key}{suffix}` | {meaning} |" in page
    for name, meaning in mask_figures.MEANINGS.items():
        assert f"| `{name}` | {meaning} |" in page
