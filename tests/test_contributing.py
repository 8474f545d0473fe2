"""The recipes of CONTRIBUTING.md, as they stand there, in an empty folder."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from generators.tiny_commands import TINY

from synthex.cli.main import main

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {
    title: re.findall(r"```(\w+)\n(.*?)```", body, flags=re.DOTALL)
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [name for name, blocks in RECIPES.items() if blocks])
def test_the_recipe_works_as_it_is_written(recipe, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (command,) = (text for language, text in RECIPES[recipe] if language == "bash")
    for language, text in RECIPES[recipe]:
        if language != "bash":
            path = tmp_path / re.search(r"^# (\S+\.(?:py|yaml))$", text, flags=re.MULTILINE)[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    words = shlex.split(command)[1:]
    given = {word.split("=")[0] for word in words}
    small = [
        setting for setting in (*TINY, f"paths.cache_dir={tmp_path / 'cache'}") if setting.split("=")[0] not in given
    ]
    if "model" in given:
        small = [setting for setting in small if not setting.startswith("model")]
    if "data" in given:
        small = [one for one in small if not re.match(r"data\.(spacing|phantoms|cases|samples)", one)]
    more = ["count=1"] if words[0] == "preview" else ["debug=fast", "paths.run_dir=run"]
    code = main([words[0], *small, *words[1:], *more])
    out, err = capfd.readouterr()
    assert code == 0, out + err


def test_there_are_four_recipes_and_more():
    assert [name for name, blocks in RECIPES.items() if blocks] == [
        "A task",
        "A stage of simulation",
        "A reader",
        "A network",
    ]
