"""The jobs of a study."""

import pytest
from generators.studies import TINY_STUDY, write_study

from synthex.core import ConfigError
from synthex.studies import plans, read_study


@pytest.fixture
def study(tmp_path):
    """Reads :data:`TINY_STUDY` with other top-level keys."""
    return lambda **changes: read_study(write_study(tmp_path / "mine", changes))


def size(**changes):
    return {"tiny": TINY_STUDY["sizes"]["tiny"] | changes}


def test_every_combination_of_values_folds_and_seeds_once(study):
    found = plans(study(sizes=size(seeds=[0, 7])), "tiny")
    cells = [(one.cell.seed, one.cell.fold, *one.cell.values.values()) for one in found]
    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 2  # pending values have no jobs
    assert cells == sorted(cells, key=lambda cell: cell[:2])  # a fold of everything before the next fold
    assert {cell[2] for cell in cells} == {"naive", "heuristic"}


def test_later_overrides_win_the_study_then_the_size_then_the_axes(study):
    axes = {"level": {"naive": {"overrides": ["a=level"], "tiny": ["a=level_tiny", "f=<fold>", "l=<level>-<seed>"]}}}
    table = {"rows": ["level"], "figures": ["dice"]}
    found = plans(study(axes=axes, table=table, overrides=["a=study"], sizes=size(overrides=["a=size"])), "tiny")
    wanted = ("a=study", "a=size", "seed=0", "a=level", "a=level_tiny")
    assert found[1].train == (*wanted, "f=1", "l=naive-0")


def test_excluded_combinations_and_other_values_have_no_jobs(study):
    exclude = [{"level": "naive", "augment": ["strong"]}]
    found = plans(study(exclude=exclude, sizes=size(values={"level": ["naive"]})), "tiny")
    assert [tuple(one.cell.values.values()) for one in found] == [("naive", "none")] * 2


def test_a_size_leaves_out_combinations_of_its_own(study):
    sizes = size(exclude=[{"level": "naive", "augment": "strong"}]) | {"full": TINY_STUDY["sizes"]["tiny"]}
    one = study(sizes=sizes, exclude=[{"level": "heuristic", "augment": "none"}])
    cells = {name: [tuple(plan.cell.values.values()) for plan in plans(one, name, ["fold:0"])] for name in sizes}
    assert cells == {
        "tiny": [("naive", "none"), ("heuristic", "strong")],
        "full": [("naive", "none"), ("naive", "strong"), ("heuristic", "strong")],
    }


def test_only_chooses_alternatives_of_an_axis_and_all_axes(study):
    one = study()
    assert len(plans(one, "tiny", ["level:naive"])) == 4
    assert len(plans(one, "tiny", ["level:naive", "level:heuristic", "fold:1"])) == 4
    assert [plan.cell.fold for plan in plans(one, "tiny", ["fold:1", "level:naive", "augment:none"])] == ["1"]
    for only, words in (("levl:naive", "did you mean level"), ("level:naif", "did you mean naive")):
        with pytest.raises(ConfigError, match=words):
            plans(one, "tiny", [only])
    with pytest.raises(ConfigError, match="did you mean tiny"):
        plans(one, "tinny")


def test_what_does_not_depend_on_the_fold_is_one_job_with_its_own_test_set(study):
    axes = TINY_STUDY["axes"] | {"level": {"sim": {"once": True}, "real": ["fold=<fold>"]}}
    tests = {"test": {"predict": ["fold=<fold>"], "once": ["fold=null"]}}
    found = plans(study(axes=axes, sizes=size(tests=tests)), "tiny", ["augment:none"])
    assert [(one.cell.values["level"], one.cell.fold, one.tests["test"][0]) for one in found] == [
        ("sim", "all", ("fold=null",)),
        ("real", "0", ("fold=0",)),
        ("real", "1", ("fold=1",)),
    ]


def test_what_is_prepared_and_given_is_known_by_name(study):
    prepare = {"images": {"command": "simulate", "overrides": ["seed=<fold>", "data.ct=<root:cts>"]}}
    tests = {"test": ["on_disk=<root:archive>/<fold>"]}
    one = plans(study(sizes=size(overrides=["x=<prepared:images>"], prepare=prepare, tests=tests)), "tiny")[0]
    assert one.prepared["images"].overrides == ("seed=0", "data.ct=<root:cts>")
    assert one.roots == ("archive", "cts")
    with pytest.raises(ConfigError, match="<prepared:image>: nothing is called so; did you mean images"):
        plans(study(sizes=size(overrides=["x=<prepared:image>"], prepare=prepare)), "tiny")
    with pytest.raises(ConfigError, match="<folt> stands for nothing; did you mean fold"):
        plans(study(sizes=size(overrides=["x=<folt>"])), "tiny")


def test_what_is_prepared_may_need_what_is_prepared(study):
    def found(**needs):
        overrides = {name: [f"x=<prepared:{one}>"] if one else [] for name, one in needs.items()}
        prepare = {name: {"command": "make", "overrides": given} for name, given in overrides.items()}
        return plans(study(sizes=size(overrides=["y=<prepared:c>"], prepare=prepare)), "tiny")[0]

    assert list(found(c="b", b="a", a=None, d=None).prepared) == ["a", "b", "c"]
    with pytest.raises(ConfigError, match=r"prepare\.c needs itself \(c needs b needs c\)"):
        found(c="b", b="c")
