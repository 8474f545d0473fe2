"""The documentation site: what is made of conf/, and that it builds without a warning or a network."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site():
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "tools" / "site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_settings_has_every_group_with_its_comments(site):
    page = site.settings_page()
    for group in (path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "hydra"):
        assert f"\n## {group}\n" in page
    assert "| `tube.kvp` | `[70, 110]` | kV, 40..150 |" in page


def test_the_page_of_commands_has_every_command(site):
    page = site.commands_page()
    assert all(f"## synthex {name}\n" in page for name in site.COMMANDS)


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_fetches_nothing(site, tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(
            r"<(?:script|img|iframe)[^>]* src=\"(https?:[^\"]*)|<link[^>]* href=\"(https?:[^\"]*)", text
        )
        assert not fetched, page.name
