"""Networks from images to images: sizes as published, receptive fields as computed."""

import pytest
import torch

from synthex.core import ConfigError
from synthex.nn import PatchDiscriminator, ResNetGenerator


def parameters(network):
    return sum(value.numel() for value in network.parameters())


def test_the_generator_of_colour_images_has_the_original_number_of_parameters():
    # 11.378 M is what the authors' code prints for resnet_9blocks with instance normalisation.
    convolutions = [(3, 64, 49), (64, 128, 9), (128, 256, 9), *[(256, 256, 9)] * 18]
    convolutions += [(256, 128, 9), (128, 64, 9), (64, 3, 49)]
    wanted = sum(before * after * size + after for before, after, size in convolutions)
    with torch.device("meta"):
        assert parameters(ResNetGenerator(3)) == wanted == 11_378_179
        assert parameters(ResNetGenerator(3, blocks=6)) == wanted - 6 * (256 * 256 * 9 + 256)


def test_the_discriminator_of_colour_images_has_the_original_number_of_parameters():
    with torch.device("meta"):
        assert parameters(PatchDiscriminator(3)) == 2_764_737  # 2.765 M there


@pytest.mark.parametrize(("layers", "side"), [(3, 70), (2, 34), (1, 16)])
def test_a_score_sees_patches_of_known_size(layers, side):
    torch.manual_seed(0)
    judge = PatchDiscriminator(width=4, layers=layers)
    # Instance normalisation looks at the whole image; without it the reach is that of the convolutions.
    judge.body = torch.nn.Sequential(*(m for m in judge.body if not isinstance(m, torch.nn.InstanceNorm2d)))
    image = torch.rand(1, 1, 160, 160, requires_grad=True)
    scores = judge(image)
    middle = scores.shape[-1] // 2
    scores[0, 0, middle, middle].backward()
    rows = torch.nonzero(image.grad[0, 0].abs().sum(dim=1)).flatten()
    assert int(rows[-1] - rows[0]) + 1 == side


def test_the_generator_keeps_the_size_and_ends_in_a_tanh():
    torch.manual_seed(0)
    image = 5 * torch.rand(2, 1, 20, 24)
    found = ResNetGenerator(width=4, blocks=1)(image)
    assert found.shape == image.shape
    assert 0 < found.abs().max() < 1


def test_the_residual_generator_begins_with_the_identity_and_learns():
    network = ResNetGenerator(width=4, blocks=1, residual=True)
    image = torch.rand(2, 1, 20, 24)
    assert torch.equal(network(image), image)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        network(image).mul(torch.rand_like(image)).sum().backward()
        optimizer.step()
    assert all((value.grad != 0).any() for name, value in network.named_parameters() if name.endswith("weight"))


def test_a_bad_count_is_one_line():
    with pytest.raises(ConfigError, match=r"generator\.blocks=0: give a whole number of at least 1"):
        ResNetGenerator(blocks=0)
    with pytest.raises(ConfigError, match=r"discriminator\.layers=0"):
        PatchDiscriminator(layers=0)
