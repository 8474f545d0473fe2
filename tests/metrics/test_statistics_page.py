"""The snippets of docs/statistics.md run, in order and in one namespace, and print what the page says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def test_snippets_print_what_the_page_says():
    text = PAGE.read_text(encoding="utf-8")
    pairs = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, flags=re.DOTALL)
    assert len(pairs) == text.count("```python") > 5
    namespace: dict[str, object] = {}
    for source, expected in pairs:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(source, namespace)
        assert output.getvalue() == expected, source


def test_every_name_on_the_page_exists():
    import synthex.data
    import synthex.evaluation
    import synthex.metrics

    packages = (synthex.data, synthex.evaluation, synthex.metrics)
    fields = {"p_above", "p_below"}
    for name in set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.read_text(encoding="utf-8"))) - fields:
        assert any(hasattr(package, name) for package in packages), name
