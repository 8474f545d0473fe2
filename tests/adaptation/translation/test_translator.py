"""A translator as a file and as a function of samples; images side by side."""

import dataclasses

import numpy as np
import pytest
import torch
from generators.samples import ListReader, make_sample

from synthex.adaptation.translation import (
    TranslatedFirst,
    UnpairedDataset,
    load_translator,
    save_translator,
)
from synthex.adaptation.translation.pixels import Scale, scaled, values_of
from synthex.core import ConfigError, InputError, derive_rng
from synthex.data import preprocess, to_log
from synthex.nn import ResNetGenerator

SETTINGS = {"channels": 1, "width": 4, "blocks": 1, "residual": True}


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "translator.pt"
    network = ResNetGenerator(**SETTINGS)
    torch.nn.init.normal_(network.body[-1].weight, 0, 0.02)
    save_translator(path, network, SETTINGS, 30, "zscore")
    return path


@pytest.mark.parametrize("domain", ["log", "intensity"])
def test_a_translation_is_pure_and_leaves_labels_alone(file, domain):
    translator = load_translator(file.parent)
    sample = make_sample(3, domain=domain)
    before = sample.image.copy()
    found = translator(sample, derive_rng(1))
    assert np.array_equal(found.image, translator(sample, derive_rng(2)).image)
    assert np.array_equal(sample.image, before)
    assert found.image.dtype == np.float32
    assert found.image.shape == sample.image.shape
    assert found.domain == "log"
    assert not np.array_equal(found.image, to_log(sample))
    for name in ("masks", "landmarks", "visible", "annotated"):
        assert getattr(found, name) is getattr(sample, name)
    assert found.record == {"index": 3, "translation": {"translator": translator.digest}}
    assert "translation" not in sample.record


@pytest.mark.parametrize("normalization", ["zscore", "minmax"])
def test_a_generator_that_changes_nothing_gives_the_image_back(tmp_path, normalization):
    save_translator(tmp_path / "t.pt", ResNetGenerator(**SETTINGS), SETTINGS, 30, normalization)
    sample = dataclasses.replace(make_sample(0), image=make_sample(0).image * 50 - 20)
    found = load_translator(tmp_path / "t.pt")(sample)
    np.testing.assert_allclose(found.image, sample.image, atol=1e-4)


@pytest.mark.parametrize("normalization", ["zscore", "minmax"])
def test_values_are_those_of_training(normalization):
    sample = make_sample(2, 32, 32, domain="intensity")
    values, scale = values_of(sample, normalization)
    tensors, _ = preprocess(sample, 32, normalization)
    np.testing.assert_allclose(scaled(tensors["image"], normalization)[0].numpy(), values, atol=1e-5)
    np.testing.assert_allclose(scale.to_image(values), to_log(sample), atol=1e-5)


def test_a_constant_image_is_no_division_by_zero():
    for normalization in ("zscore", "minmax"):
        scale = Scale.of(np.full((4, 4), 2.0, dtype=np.float32), normalization)
        assert np.isfinite(scale.to_values(np.full((4, 4), 2.0, dtype=np.float32))).all()


def test_the_digest_is_of_the_content_not_of_the_file(file, tmp_path):
    network = load_translator(file).network
    save_translator(tmp_path / "again" / "other.pt", network, SETTINGS, 30, "zscore")
    assert load_translator(tmp_path / "again" / "other.pt").digest == load_translator(file).digest
    save_translator(tmp_path / "again" / "other.pt", network, SETTINGS, 30, "minmax")
    assert load_translator(tmp_path / "again" / "other.pt").digest != load_translator(file).digest


def test_randomisation_follows_translation(file):
    translator = load_translator(file)

    def brighter(sample, rng):
        return dataclasses.replace(sample, image=sample.image + np.float32(rng.random()))

    sample = make_sample(0)
    found = TranslatedFirst(translator, brighter)(sample, derive_rng(5))
    wanted = brighter(translator(sample), derive_rng(5))
    assert np.array_equal(found.image, wanted.image)


def test_an_image_of_another_size_is_one_line(file):
    with pytest.raises(ConfigError, match="case-000 has 20 x 40 pixels, the translator takes 30"):
        load_translator(file)(make_sample(0, 20, 40))


def changed(path, **changes):
    content = torch.load(path, weights_only=True) | changes
    torch.save(content, path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b""), "is not a translator"),
        (lambda path: path.write_bytes(path.read_bytes()[:-500]), "is not a translator"),
        (lambda path: torch.save({"state_dict": {}}, path), "is not a translator"),
        (lambda path: changed(path, schema=9), "schema 9"),
        (
            lambda path: changed(path, generator=SETTINGS | {"channels": 3}),
            "of 3 channels; radiographs have one",
        ),
        (lambda path: changed(path, generator=SETTINGS | {"width": 8}), "weights of another generator"),
        (lambda path: changed(path, generator={"depth": 3}), "weights of another generator"),
    ],
)
def test_a_bad_file_is_one_line(file, damage, words):
    damage(file)
    with pytest.raises(InputError, match=words) as caught:
        load_translator(file)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_translator_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"holds no translator\.pt; let `synthex translate train` finish"):
        load_translator(tmp_path)


def readers():
    return ListReader([make_sample(i, 32, 32) for i in range(5)]), ListReader(
        [make_sample(i, 40, 40) for i in range(3)]
    )


def test_items_are_pure_and_every_real_image_comes_once_before_any_comes_again():
    one, other = (UnpairedDataset(*readers(), 32, seed=4) for _ in range(2))
    for index in (7, 2, 7):
        first, second = one[index], other[index]
        assert torch.equal(first["image"], second["image"])
        assert torch.equal(first["real"], second["real"])
        assert first["image"].shape == first["real"].shape == (1, 32, 32)
    dealt = [one.real_index(index) for index in range(12)]
    assert [sorted(dealt[start : start + 3]) for start in range(0, 12, 3)] == [[0, 1, 2]] * 4
    assert len({tuple(dealt[start : start + 3]) for start in range(0, 12, 3)}) > 1


def test_crops_are_inside_and_masks_follow_the_image():
    whole, cut = UnpairedDataset(*readers(), 32), UnpairedDataset(*readers(), 32, crop=16)
    item, full = cut[1], whole[1]
    assert item["image"].shape == item["real"].shape == (1, 16, 16)
    places = [
        (top, left)
        for top in range(17)
        for left in range(17)
        if torch.equal(full["image"][:, top : top + 16, left : left + 16], item["image"])
    ]
    ((top, left),) = places
    assert torch.equal(full["masks"][:, top : top + 16, left : left + 16], item["masks"])


def test_of_an_image_that_is_not_square_no_padding_is_learned_from():
    wide = ListReader([make_sample(index, 20, 44) for index in range(2)])
    pairs = UnpairedDataset(readers()[0], wide, 32)
    whole = pairs.real_image(0)
    assert whole.shape == (1, 32, 71)  # 44 * ceil(32 * 44 / 20) / 44 columns
    found = [pairs[index]["real"] for index in range(8)]
    assert all(one.shape == (1, 32, 32) for one in found)
    # Repeated borders would be equal rows or columns.
    assert all((one[:, 0] != one[:, 1]).any() and (one[..., 0] != one[..., 1]).any() for one in found)
    assert len({float(one.sum()) for one in found}) > 2  # two images at more than two places


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 30}, "data.size=30"),
        ({"size": 32, "crop": 36}, "crop=36"),
        ({"size": 32, "crop": 10}, "multiple of 4"),
    ],
)
def test_sizes_that_cannot_be_learned_from_are_one_line(arguments, words):
    with pytest.raises(ConfigError, match=words):
        UnpairedDataset(*readers(), **arguments)
    with pytest.raises(ConfigError, match="no real image to learn from"):
        UnpairedDataset(readers()[0], ListReader([]), 32)
