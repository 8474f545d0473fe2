"""Policies: gates, records, replay, workers, settings, speed."""

import itertools
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from synthex.augment import Policy, chest, extreme, none, radiograph, regular, replay, strong
from synthex.augment.library import A
from synthex.core import ConfigError, Sample, derive_rng

POLICIES = {
    "none": none,
    "regular": regular,
    "strong": strong,
    "extreme": extreme,
    "chest": chest,
    "radiograph": radiograph,
}
CONF = Path(__file__).parents[2] / "conf" / "augment"


def draws(policy: Policy, count: int) -> list[list[dict]]:
    return [policy.draw(derive_rng(11, policy.name, index)) for index in range(count)]


def within(count: int, total: int, probability: float) -> bool:
    """Within four standard errors of the binomial."""
    return abs(count / total - probability) < 4 * np.sqrt(probability * (1 - probability) / total)


def test_regular_leaves_five_eighths_untouched():
    steps = draws(regular(), 8000)
    assert within(sum(not drawn for drawn in steps), 8000, 0.625)
    counts = Counter(step["op"] for drawn in steps for step in drawn)
    assert within(counts["gaussian_noise"], 8000, 0.25)
    assert within(counts["gamma"], 8000, 0.25)
    assert [step["op"] for drawn in steps for step in drawn if len(drawn) == 2][:2] == ["gaussian_noise", "gamma"]


def test_strong_gate_and_stages():
    total = 8000
    steps = draws(strong(), total)
    # Behind the gate, four coins and one or two mixed operations with a coin each may still all fall to nothing.
    untouched = 0.5 + 0.5 * 0.5**4 * (0.5 * 0.5 + 0.5 * 0.25)
    assert within(sum(not drawn for drawn in steps), total, untouched)
    counts = Counter(step["op"] for drawn in steps for step in drawn)
    assert within(counts["inversion"], total, 0.25)
    assert within(counts["affine"], total, 0.25)
    for name in ("impulse_noise", "salt_and_pepper", "coarse_salt_and_pepper"):
        assert within(counts[name], total, 0.25 / 3)
    for name in ("linear_contrast", "gamma", "log_contrast", "sigmoid_contrast"):
        assert within(counts[name], total, 0.25 / 4)
    mixed = 0.5 * 1.5 / 6 * 0.5  # gate, mean number picked of six, own coin
    for members in (
        ("gaussian_blur", "box_blur"),
        ("pixel_dropout", "coarse_dropout"),
        ("sharpen", "emboss"),
        ("average_pool", "max_pool", "min_pool", "median_pool"),
        ("multiply_image", "multiply_pixels"),
        ("elastic",),
    ):
        for name in members:
            assert within(counts[name], total, mixed / len(members)), name


def test_strong_order_and_independence_of_coins():
    steps = [[step["op"] for step in drawn] for drawn in draws(strong(gate=1.0), 3000)]
    both = sum("inversion" in drawn and "affine" in drawn for drawn in steps)
    assert within(both, 3000, 0.25)  # coins that share a seed would fall together: 0.5
    assert all(drawn.index("inversion") == 0 for drawn in steps if "inversion" in drawn)
    pairs = Counter(
        tuple(op for op in drawn if op in ("elastic", "sharpen"))
        for drawn in steps
        if "elastic" in drawn and "sharpen" in drawn
    )
    assert len(pairs) == 2  # the mixed block comes in random order


def test_affine_ranges():
    affine = [step for drawn in draws(strong(gate=1, p=1), 2000) for step in drawn if step["op"] == "affine"]
    for key, low, high in (
        ("rotation_deg", -5, 5),
        ("direction_deg", 0, 360),
        ("distance_mm", 0, 15.5),
        ("shear_x_deg", -2, 2),
        ("shear_y_deg", -2, 2),
        ("scale", 0.9, 1.1),
    ):
        values = np.array([step[key] for step in affine])
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high


@pytest.mark.parametrize("name", POLICIES)
def test_replay_is_bitwise_through_json(sample, same, name):
    policy = POLICIES[name]()
    for index in range(60):
        out = policy(sample, derive_rng(5, index))
        again = replay(sample, json.loads(json.dumps(dict(out.record), allow_nan=False)))
        assert same(again, out)
        assert again.record == out.record
        assert out.record["augment"][0]["policy"] == name
        assert (out.domain, out.case_id, out.pixel_mm) == (sample.domain, sample.case_id, sample.pixel_mm)


def test_records_chain_and_replay_continues_from_any_stage(sample, same):
    seeded = Sample(**{**vars(sample), "record": {"view": 3}})
    first = regular(gate=1, p=1)(seeded, derive_rng(1))
    second = strong(gate=1, p=1)(first, derive_rng(2))
    assert [entry["policy"] for entry in second.record["augment"]] == ["regular", "strong"]
    assert second.record["view"] == 3
    assert seeded.record == {"view": 3}
    assert len(first.record["augment"]) == 1
    assert same(replay(seeded, second.record), second)
    assert same(replay(first, second.record), second)
    with pytest.raises(ValueError, match="already augmented otherwise"):
        replay(strong(gate=1)(seeded, derive_rng(9)), second.record)


def test_unknown_step_is_refused_with_the_nearest_names(sample):
    with pytest.raises(ConfigError, match=r"'gausian_blur' does not exist.*gaussian_blur"):
        replay(sample, {"augment": [{"policy": "old", "steps": [{"op": "gausian_blur"}]}]})


def test_not_finite_image_is_refused(sample):
    image = sample.image.copy()
    image[3, 4] = np.nan
    with pytest.raises(ValueError, match="case: an image with NaN"):
        regular()(Sample(**{**vars(sample), "image": image}), derive_rng(0))


def test_none_changes_nothing(sample, same):
    out = none()(sample, derive_rng(0))
    assert same(out, sample)
    assert out.record["augment"] == [{"policy": "none", "steps": []}]


class Augmented(Dataset):
    def __init__(self, sample: Sample, policy: Policy) -> None:
        self.sample, self.policy = sample, policy

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> tuple[bytes, str]:
        out = self.policy(self.sample, derive_rng(3, "train", index))
        return b"".join(array.tobytes() for array in (out.image, out.masks, out.landmarks)), json.dumps(
            dict(out.record)
        )


@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker processes")
def test_workers_do_not_matter(sample):
    torch.manual_seed(0)
    dataset = Augmented(sample, extreme(extra_gate=1, strong_gate=1))
    results = [
        list(itertools.chain.from_iterable(DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=list)))
        for workers in (0, 1, 2, 4)
    ]
    assert results[0] == results[1] == results[2] == results[3]
    assert results[0][::-1] == [dataset[index] for index in reversed(range(24))]  # nor does the order
    assert len(set(results[0])) == 24


def test_global_random_state_is_neither_used_nor_changed(sample, same):
    np.random.seed(1)
    before = np.random.get_state()[1].tobytes()
    one = extreme(extra_gate=1, strong_gate=1)(sample, derive_rng(4))
    assert np.random.get_state()[1].tobytes() == before
    np.random.seed(2)
    assert same(one, extreme(extra_gate=1, strong_gate=1)(sample, derive_rng(4)))


@pytest.mark.parametrize("name", POLICIES)
def test_policies_pickle(sample, same, name):
    policy = POLICIES[name]()
    assert same(pickle.loads(pickle.dumps(policy))(sample, derive_rng(8)), policy(sample, derive_rng(8)))


@pytest.mark.parametrize(
    ("left_out", "gone"),
    [
        (["affine"], {"affine"}),
        (["pooling", "emboss"], {"average_pool", "max_pool", "min_pool", "median_pool", "emboss"}),
        (["mixed"], {"elastic", "sharpen", "gaussian_blur", "multiply_image", "pixel_dropout", "max_pool"}),
    ],
)
def test_without_leaves_out_operations_and_groups(left_out, gone):
    steps = {step["op"] for drawn in draws(strong(gate=1, p=1, without=left_out), 600) for step in drawn}
    every = {step["op"] for drawn in draws(strong(gate=1, p=1), 600) for step in drawn}
    assert gone <= every
    assert not gone & steps
    assert "inversion" in steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: strong(without=["afine"]), r"augment=strong without: 'afine' does not exist; choose from affine"),
        (lambda: regular(without=["affine"]), "does not exist"),
        (lambda: regular(without=["gaussian_noise", "gamma"]), "leaves nothing; use augment=none"),
        (lambda: strong(gate=0), "gate=0 must be above 0"),
        (lambda: strong(p=1.5), "p=1.5"),
        (lambda: regular(gamma=(1.0, 1.0)), "changes nothing"),
        (lambda: regular(noise_sigma=(0.02, 0.01)), "noise_sigma"),
        (lambda: strong(max_rotation_deg=0, max_translation_mm=0, max_shear_deg=0, scale=(1, 1)), "affine do nothing"),
        (lambda: strong(scale=(0.0, 1.0)), "scale"),
        (lambda: strong(dropout_fraction=(0.1, 1.5)), "between 0 and 1"),
        (lambda: strong(blur_sigma_px=(0.0, float("nan"))), "blur_sigma_px"),
        (lambda: strong(max_translation_mm=-1), "max_translation_mm"),
        (lambda: extreme(collimation_half_size=(0.0, 0.5)), "collimation_half_size"),
        (lambda: extreme(uneven_gain=(0, 0), uneven_gamma=(0, 0)), "uneven_contrast"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", POLICIES)
def test_shipped_configs_state_the_defaults(name):
    hydra_utils = pytest.importorskip("hydra.utils")
    omegaconf = pytest.importorskip("omegaconf")
    whole = omegaconf.OmegaConf.create(
        {"data": {"size": None}, "augment": omegaconf.OmegaConf.load(CONF / f"{name}.yaml")}
    )
    assert hydra_utils.instantiate(whole.augment) == POLICIES[name]()


def test_albumentations_seeds_all_transforms_alike():
    """Why parameters are drawn by our own tree; when this fails, albumentations has been repaired."""
    compose = A.Compose([A.InvertImg(p=0.5), A.GaussianBlur(p=0.5)])
    compose.set_random_seed(3)
    assert compose.transforms[0].py_random.random() == compose.transforms[1].py_random.random()


def test_import_is_silent_and_stays_off_the_network():
    code = (
        "import urllib.request\n"
        "def refuse(*a, **k): raise SystemExit('went to the network')\n"
        "urllib.request.urlopen = urllib.request.OpenerDirector.open = refuse\n"
        "import synthex.augment\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
