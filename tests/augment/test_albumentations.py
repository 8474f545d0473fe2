"""Transforms of albumentations as they are."""

import numpy as np
import pytest
from generators.samples import make_sample
from omegaconf import OmegaConf

from synthex.augment import Albumentations, as_augmentation, strong
from synthex.augment.library import A
from synthex.config.build import build_augment
from synthex.core import ConfigError


def test_a_flip_moves_image_masks_and_landmarks_alike() -> None:
    sample = make_sample(3)
    flipped = as_augmentation(A.HorizontalFlip(p=1))(sample, np.random.default_rng(0))
    np.testing.assert_allclose(flipped.image, sample.image[:, ::-1], atol=1e-6)
    np.testing.assert_array_equal(flipped.masks, sample.masks[:, :, ::-1])
    np.testing.assert_allclose(flipped.landmarks[:2, 0], 30 - sample.landmarks[:2, 0])
    np.testing.assert_allclose(flipped.landmarks[:2, 1], sample.landmarks[:2, 1])
    assert np.isnan(flipped.landmarks[2:]).all()
    assert flipped.visible.tolist() == sample.visible.tolist()
    assert sample.record.get("augment") is None


def test_a_compose_is_a_function_of_the_generator_and_keeps_the_range() -> None:
    chain = A.Compose([A.RandomBrightnessContrast(p=1), A.Affine(rotate=(-20, 20), p=1), A.CLAHE(p=0.5)])
    augment, sample = Albumentations(chain), make_sample(1, 64, 48)
    one, two, other = (augment(sample, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.landmarks, two.landmarks)
    assert not np.array_equal(one.image, other.image)
    assert one.record["augment"] == two.record["augment"] != other.record["augment"]
    assert sample.image.min() - 1e-4 <= one.image.min()
    assert one.image.max() <= sample.image.max() + 1e-4


def test_what_leaves_the_image_is_not_visible_and_stays_annotated() -> None:
    sample = make_sample(0)
    moved = Albumentations(A.Affine(translate_px={"x": 200, "y": 0}, p=1))(sample, np.random.default_rng(0))
    assert not moved.visible.any()
    assert moved.annotated.tolist() == sample.annotated.tolist()


def test_from_a_config_as_it_is() -> None:
    transforms = [{"_target_": "albumentations.HorizontalFlip", "p": 1.0}]
    made = build_augment(OmegaConf.create({"_target_": "albumentations.Compose", "transforms": transforms}))
    assert isinstance(made, Albumentations)
    assert made(make_sample(0), np.random.default_rng(0)).record["augment"][0]["op"] == "Compose"
    own = strong()
    assert as_augmentation(own) is own
    with pytest.raises(ConfigError, match="no augmentation"):
        as_augmentation(3)
