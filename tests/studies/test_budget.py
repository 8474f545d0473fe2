"""Equal terms of a study's trainings."""

import pytest
from generators.studies import TINY_STUDY, write_study

from synthex.core import ConfigError, InputError
from synthex.studies import Cell, check_budgets, read_study

SAME = {"updates": 10, "images_seen": 40, "distinct_images": 8, "network.encoder": "a", "selection": "last weights"}


@pytest.fixture
def study(tmp_path):
    """Reads :data:`TINY_STUDY` with what it declares as unequal."""
    return lambda *unequal: read_study(write_study(tmp_path / "mine", {"unequal": list(unequal)}))


def cells(**changes):
    """A training of every level without and with randomisation, some of them with other terms."""
    levels = ("naive", "heuristic")
    return [
        (Cell({"level": level, "augment": augment}, "0", 0), SAME | changes.get(level, {}) | changes.get(augment, {}))
        for level in levels
        for augment in ("none", "strong")
    ]


def test_equal_trainings_pass_and_so_does_a_number_that_only_the_data_know(study):
    check_budgets(study(), "tiny", cells())
    check_budgets(study(), "tiny", cells(heuristic={"distinct_images": None}))


@pytest.mark.parametrize(
    ("term", "value", "words"),
    [
        ("updates", 11, "level=heuristic augment=none has updates=11, level=naive augment=none updates=10"),
        ("updates", None, "depends on the data: give trainer.max_steps"),
        ("images_seen", 41, "images_seen=41"),
        ("distinct_images", "endless", "distinct_images=endless"),
        ("network.encoder", "b", r"network\.encoder=b.*terms: \[network\]"),
        ("selection", "min of val/loss", "1 more differences"),
    ],
)
def test_the_difference_is_named_with_its_cells(study, term, value, words):
    with pytest.raises(ConfigError, match=words):
        check_budgets(study(), "tiny", cells(heuristic={term: value}))


def test_what_is_declared_may_differ_from_the_others_but_not_within(study):
    declared = {"axis": "level", "values": ["heuristic"], "terms": ["updates"], "why": "meant"}
    check_budgets(study(declared), "tiny", cells(heuristic={"updates": 20}))
    with pytest.raises(ConfigError, match="images_seen=80"):
        check_budgets(study(declared), "tiny", cells(heuristic={"updates": 20, "images_seen": 80}))
    with pytest.raises(ConfigError, match="level=naive augment=strong has updates=20"):
        check_budgets(study(declared), "tiny", cells(strong={"updates": 20}))
    within = cells(heuristic={"updates": 20})
    within[-1] = (within[-1][0], within[-1][1] | {"updates": 21})
    with pytest.raises(ConfigError, match="level=heuristic augment=strong has updates=21"):
        check_budgets(study(declared), "tiny", within)
    everywhere = {"axis": "augment", "terms": ["updates"], "why": "meant"}  # all values of the axis
    check_budgets(study(everywhere), "tiny", cells(strong={"updates": 20}))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"axis": "levle", "terms": ["updates"], "why": "x"}, "did you mean level"),
        ({"axis": "level", "terms": ["update"], "why": "x"}, "did you mean updates"),
        ({"axis": "level", "values": ["naif"], "terms": ["updates"], "why": "x"}, "did you mean naive"),
        ({"axis": "level", "terms": ["updates"]}, "no why"),
    ],
)
def test_a_declaration_with_a_mistake_is_refused(study, entry, words):
    with pytest.raises(InputError, match=words):
        study(entry)


def test_tables_say_what_is_not_equal(study):
    from synthex.studies import study_markdown

    declared = {"axis": "level", "values": ["heuristic"], "terms": ["updates"], "why": "it goes on"}
    one = study(declared)
    text = study_markdown(one, "tiny", one.sizes["tiny"], [])
    assert "Not equal (updates) in level heuristic: it goes on." in text
    assert TINY_STUDY["title"] in text
