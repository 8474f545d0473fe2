import numpy as np
import pytest
import torch

from synthex.adaptation.translation import ImagePool
from synthex.core import ConfigError, derive_rng


def images(*values):
    return torch.stack([torch.full((1, 2, 2), float(value)) for value in values])


def test_until_it_is_full_images_are_kept_and_returned():
    pool = ImagePool(3)
    found = pool.exchange(images(1, 2), derive_rng(0))
    assert torch.equal(found, images(1, 2))
    assert len(pool) == 2


def test_a_full_pool_gives_half_of_the_images_from_before():
    pool = ImagePool(50)
    rng = np.random.default_rng(0)
    pool.exchange(images(*range(50)), rng)
    old = 0
    for number in range(50, 1050):
        (found,) = pool.exchange(images(number), rng)[:, 0, 0, 0].tolist()
        assert 0 <= found <= number
        old += found != number
    # 1000 fair coins: five standard deviations are 79.
    assert abs(old - 500) < 79
    assert len(pool) == 50


def test_no_pool_returns_what_it_is_given_without_gradients():
    given = images(1).requires_grad_()
    found = ImagePool(0).exchange(given, derive_rng(0))
    assert torch.equal(found, given)
    assert not found.requires_grad
    with pytest.raises(ConfigError, match="pool=-1"):
        ImagePool(-1)


def test_the_pool_survives_a_checkpoint():
    one, other = ImagePool(4), ImagePool(4)
    one.exchange(images(1, 2, 3, 4), derive_rng(0))
    other.load_state_dict(one.state_dict(), torch.device("cpu"))
    for number in range(5, 25):
        rngs = derive_rng(number), derive_rng(number)
        assert torch.equal(one.exchange(images(number), rngs[0]), other.exchange(images(number), rngs[1]))
