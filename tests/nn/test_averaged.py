"""Networks that are asked several times about one image."""

import torch
from torch import nn

from synthex.nn import MirrorAveraged, PoseAveraged, render_heatmaps


class Sided(nn.Module):
    def forward(self, image):
        ramp = torch.linspace(0, 1, image.shape[-1])
        return {"heatmaps": torch.cat((image * (1 - ramp), image * ramp), dim=1), "masks": image}


class Guess(nn.Module):
    def forward(self, image):
        return {"heatmaps": torch.cat((torch.ones_like(image), torch.zeros_like(image)), dim=1)}


def test_a_network_that_knows_its_sides_is_not_changed_by_averaging():
    """Heatmap 0 answers to what lies left, heatmap 1 to the same on the right: equivariant, so the mean is itself."""
    sided = Sided()
    image = torch.rand(2, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    averaged = MirrorAveraged(sided, [0], [1, 0])(image)
    assert torch.allclose(averaged["heatmaps"], sided(image)["heatmaps"])
    assert torch.allclose(averaged["masks"], image)


def test_a_guess_of_the_side_averages_out():
    averaged = MirrorAveraged(Guess(), [], [1, 0])(torch.zeros(1, 1, 4, 4))
    assert (averaged["heatmaps"] == 0.5).all()


class Shown(nn.Module):
    """Answers with the image itself, which moves with it; ``heatmaps`` only where the image is."""

    def forward(self, image):
        return {"heatmaps": image, "masks": image}


def blobs(*points):
    at = torch.tensor(points)[None]
    return render_heatmaps(at, torch.ones(1, len(points), dtype=torch.bool), (64, 64), 5.0).amax(dim=1, keepdim=True)


def test_what_moves_with_the_image_is_not_changed_by_averaging_over_poses():
    image = blobs((40.0, 20.0), (22.5, 41.0))
    said = PoseAveraged(Shown())(image)
    for name in ("heatmaps", "masks"):
        torch.testing.assert_close(said[name], image, atol=0.02, rtol=0)
    assert torch.equal(PoseAveraged(Shown(), [(0.0, 1.0)])(image)["masks"], image)


def test_what_does_not_move_with_the_image_is_spread():
    """A spot that the network sees wherever the image lies is turned away from where it was."""

    class Stuck(nn.Module):
        def forward(self, image):
            return {"heatmaps": blobs((50.0, 32.0)).expand(len(image), 1, 64, 64)}

    said = PoseAveraged(Stuck(), [(-30.0, 1.0), (30.0, 1.0)])(torch.zeros(2, 1, 64, 64))["heatmaps"]
    assert said[:, 0, 32, 50].max() < 0.3
    # Turned back by 30 degrees about (32, 32), 18 px away: 9 px up and down, and 15.6 px to the right.
    for row in (23, 41):
        assert (said[:, 0, row - 1 : row + 1, 46:49].amax(dim=(1, 2)) > 0.45).all()


def test_borders_stay_where_they_are_filled_from():
    """Logits go on beyond the border of a turned image; heatmaps do not."""
    said = PoseAveraged(Shown(), [(0.0, 0.8)])(torch.ones(1, 1, 32, 32))
    torch.testing.assert_close(said["masks"], torch.ones(1, 1, 32, 32))
    wide = PoseAveraged(Shown(), [(0.0, 1.25)])(torch.ones(1, 1, 32, 32))["heatmaps"][0, 0]
    assert wide[16, 16] > 0.999
    assert wide[0, 0] == 0
