"""What the README and the docs say must be true of the code."""

import re
import shlex
from pathlib import Path

import pytest

from synthex.cli.app import MODULES, gathered, named, watched
from synthex.cli.help import EXAMPLES
from synthex.cli.help import PAGES as PAGES_OF_HELP
from synthex.cli.main import COMMANDS, second_words
from synthex.config.compose import compose

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = ("--multirun", "--cfg", "job", "--help")


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
    rest = watched(command, words[len(command.split()) :])
    rest = [named(command, word) for word in rest if word not in FLAGS]
    rest = gathered(command, rest)
    compose(command.replace(" ", "_"), rest, sweep="--multirun" in words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def snippets():
    for page in PAGES:
        blocks = re.findall(
            r"(<!-- not run[^>]*-->\n)?```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        run = [code for skipped, code in blocks if not skipped]
        if run:
            yield pytest.param(run, id=page.stem)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", list(snippets()))
def test_every_python_snippet_of_a_page_runs_after_those_above_it(blocks, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {"__name__": "__main__"}
    for number, code in enumerate(blocks):
        exec(compile(code, f"snippet {number}", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_python_snippet_compiles(page):
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        compile(code, page.name, "exec")


def headings(page):
    """Anchors of a page, as GitHub and the site make them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_into_pages_lead_to_headings(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*\.md|)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        assert anchor in headings(page.parent / target if target else page), f"{target}#{anchor}"


@pytest.mark.parametrize("command", sorted(EXAMPLES))
def test_every_example_of_the_help_composes(command):
    assert command in COMMANDS
    for line, _ in EXAMPLES[command]:
        words = shlex.split(line)[1:]
        assert " ".join(words[: len(command.split())]) == command
        rest = [named(command, word) for word in words[len(command.split()) :] if word not in FLAGS]
        compose(command.replace(" ", "_"), gathered(command, rest), sweep="--multirun" in words)


def test_every_page_of_the_help_exists():
    assert {command.split()[0] for command in MODULES} >= set(PAGES_OF_HELP)
    assert all((ROOT / page).exists() for page in PAGES_OF_HELP.values())


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z]+)`?", (ROOT / "README.md").read_text(encoding="utf-8")):
        if target in ("quickstart", "test", "slow", "bench", "docs"):
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
