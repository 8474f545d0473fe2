"""Figures of the pages against the results files that they are from (experiments/claims.yaml)."""

import csv
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CLAIMS = yaml.safe_load((ROOT / "experiments" / "claims.yaml").read_text(encoding="utf-8"))["claims"]
KEYS = {"page", "command", "file", "by", "where", "cell", "lines"}
LINES = [(claim, line) for claim in CLAIMS for line in claim["lines"]]


def page_of(name):
    """A page's text, with the runs of spaces that nobody sees as one."""
    return re.sub(r"[ \t]+", " ", (ROOT / name).read_text(encoding="utf-8"))


def written(claim, line):
    """The line as the results file has it."""
    with (ROOT / claim["file"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = claim["where"] | {key: value for key, value in line.items() if key != "line"}

    def cell(match):
        found = [
            row for row in rows if row[claim["by"]] == match[1] and all(row[key] == one for key, one in wanted.items())
        ]
        assert len(found) == 1, f"{claim['file']} has {len(found)} rows of {claim['by']}={match[1]}, {wanted}"
        figures = {key: float(value) for key, value in found[0].items() if re.fullmatch(r"-?[\d.]+(e-?\d+)?", value)}
        return claim["cell"].format(**figures).replace("%", " %")

    return re.sub(r"\{([^{}]+)\}", cell, line["line"])


@pytest.mark.parametrize(("claim", "line"), LINES, ids=lambda one: one.get("page") or one["line"][:40])
def test_a_page_says_what_its_results_file_says(claim, line):
    assert set(claim) == KEYS
    text = written(claim, line)
    assert re.search(r"\d", text)
    assert text in page_of(claim["page"]), f"{claim['page']} does not have what {claim['file']} says: {text}"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda one: one["file"])
def test_a_page_names_the_command_of_its_figures(claim):
    assert claim["command"] in page_of(claim["page"])


def test_every_results_file_of_the_experiments_is_claimed_or_a_table_of_its_own():
    """A file that no page quotes is either linked from a page or stale."""
    claimed = {claim["file"] for claim in CLAIMS}
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/README.md"), *ROOT.glob("benchmarks/*.md")]
    said = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    for path in ROOT.glob("experiments/*/results/*.csv"):
        name = path.relative_to(ROOT).as_posix()
        assert name in claimed or path.name in said or "`results/`" in said, f"no page knows {name}"
