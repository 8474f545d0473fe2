"""What a stored config may name: the shipped configs' targets, and what the user trusts, compared whole."""

import pytest

from synthex.core import InputError, check_stored, installed_conf, targets_in, trust, trust_file
from synthex.core.trusted import _NAMED, shipped_targets

UNET = "synthex.nn.SegmentationNetwork"


@pytest.fixture(autouse=True)
def nothing_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr("synthex.core.trusted._trusted", set())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def list_trusted(text):
    trust_file().parent.mkdir(parents=True)
    trust_file().write_text(text)


def test_every_target_of_every_shipped_config_is_known():
    import yaml

    for path in installed_conf().rglob("*.yaml"):
        group = path.relative_to(installed_conf()).parts[0]
        for where, target in targets_in(yaml.safe_load(path.read_text()), group):
            assert target in shipped_targets(where), (path, where)
        assert len(_NAMED.findall(path.read_text())) == len(list(targets_in(yaml.safe_load(path.read_text()))))


@pytest.mark.parametrize(
    "node",
    [
        {"task": {"_target_": "torch.load", "f": "model.bin", "weights_only": False}},
        {"task": {"_target_": "numpy.load", "file": "m.npy", "allow_pickle": True}},
        {
            "task": {
                "_target_": "pathlib.Path.write_text",
                "_args_": [{"_target_": "pathlib.Path", "_args_": ["x"]}, "y"],
            }
        },
        {"model": {"_target_": UNET, "options": [{"deep": {"_target_": "os.system", "command": "id"}}]}},
        {"model": {"_target_": UNET, "_recursive_": False, "encoder": {"_target_": "os.system"}}},
        {"region": {"phantoms": {"_target_": "builtins.exec", "_partial_": True}}},
        {"carm": {"_target_": "hydra.utils.get_method", "path": "os.system"}},
        {"carm": {"_target_": "hydra.utils.instantiate", "config": {}}},
        {"carm": {"_target_": "synthex.core.files.write_text", "target": "x", "text": "y"}},
        {"carm": {"_target_": "synthex.nn.networks.smp.torch.load"}},
        {"carm": {"_target_": f"{UNET} "}},
        {"carm": {"_target_": ["os", "system"]}},
        {"carm": {"_target_": {"_target_": UNET}}},
        {"callbacks": {"evil": {"_target_": "builtins.eval", "_args_": ["1"]}}},
        {"task": {"_target_": "synthex.learning.CsvLogger", "save_dir": "x"}},  # writes; no task is made of it
        {"_target_": "os.system"},
    ],
    ids=range(16),
)
def test_anything_else_is_one_line_that_says_where_what_and_how_to_trust_it(node, tmp_path):
    with pytest.raises(InputError) as error:
        check_stored(tmp_path / "config.yaml", node)
    assert "\n" not in str(error.value)
    for words in (str(tmp_path / "config.yaml"), "_target_", str(trust_file()), "trust=["):
        assert words in str(error.value)


def test_targets_are_found_at_any_depth_and_under_any_key():
    node = {"a": [{"b": ({"_target_": "one"},)}], "_args_": [{"_target_": "two", "c": {"_target_": "three"}}]}
    assert list(targets_in(node)) == [
        ("a.0.b.0._target_", "one"),
        ("_args_.0._target_", "two"),
        ("_args_.0.c._target_", "three"),
    ]


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "x ${seed}", "${", "\\${x}"])
def test_interpolations_are_refused_in_values_and_keys(text):
    for node in ({"a": [text]}, {text: 1}):
        with pytest.raises(InputError, match="interpolation"):
            check_stored("config.yaml", node)


def test_what_the_user_lists_or_trusts_is_let_through_by_its_whole_name():
    node = {"model": {"_target_": "mine.networks.Net"}}
    list_trusted("targets:\n- mine.networks.Net\n")
    check_stored("config.yaml", node)
    with pytest.raises(InputError):
        check_stored("config.yaml", {"model": {"_target_": "mine.networks.Net.load"}})
    trust_file().unlink()
    with pytest.raises(InputError):
        check_stored("config.yaml", node)
    trust("mine.networks.Net")
    check_stored("config.yaml", node)


@pytest.mark.parametrize(
    "text", ["", "[]", "targets: mine.Net", "targets: [1]", "targets: {a: b}", "a: [", "- mine.Net"]
)
def test_a_list_of_trusted_names_that_cannot_be_read_is_one_line(text):
    list_trusted(text)
    with pytest.raises(InputError, match=r"trusted\.yaml"):
        check_stored("config.yaml", {"a": {"_target_": "mine.Net"}})


def test_a_file_in_the_working_folder_trusts_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("trusted.yaml", "conf/trusted.yaml", ".config/synthex/trusted.yaml", "conf/model/mine.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("targets: [os.system]\n_target_: os.system\n")
    with pytest.raises(InputError):
        check_stored("config.yaml", {"a": {"_target_": "os.system"}})
