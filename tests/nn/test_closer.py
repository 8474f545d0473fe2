"""A second, closer look at landmarks."""

import torch
from torch import nn

from synthex.nn.closer import CoarseToFine


class Extremes(nn.Module):
    """Finds the brightest and the darkest spot: their maps are the image and its negative."""

    asked: tuple[int, ...] = ()

    def forward(self, image):
        self.asked = (*self.asked, *image.shape)
        return {"heatmaps": torch.cat((image, -image), dim=1), "masks": 2 * image}


def spots(*places):
    image = torch.zeros(len(places), 1, 64, 64)
    for number, (bright, dark) in enumerate(places):
        image[number, 0, bright[0], bright[1]] = 4.0
        image[number, 0, dark[0], dark[1]] = -4.0
    return image


def test_each_landmark_is_seen_in_full_resolution_where_it_was_found():
    image = spots(((20, 43), (50, 9)), ((0, 0), (63, 62)))  # at the border too, where the part is moved inside
    said = CoarseToFine(Extremes(), [0, 1])(image)
    assert said["heatmaps"].shape == (2, 2, 64, 64)
    for number, places in enumerate([((20, 43), (50, 9)), ((0, 0), (63, 62))]):
        for landmark, place in enumerate(places):
            heatmap = said["heatmaps"][number, landmark]
            assert heatmap.max() == 4  # a quarter of it, had it been seen from afar alone
            assert divmod(int(heatmap.argmax()), 64) == place


def test_far_from_landmarks_and_in_masks_the_first_look_stays():
    image = spots(((20, 43), (50, 9)))
    image[0, 0, 60, 60] = 1.0
    said = CoarseToFine(Extremes(), [0, 1])(image)
    assert 0 < said["heatmaps"][0, 0, 60, 60] < 0.3
    assert said["masks"].shape == (1, 1, 64, 64)
    assert said["masks"].max() <= 2


def test_other_landmarks_are_seen_from_afar():
    image = spots(((20, 43), (50, 9)))
    said = CoarseToFine(Extremes(), [1])(image)["heatmaps"][0]
    assert said[0].max() <= 1
    assert said[1].max() == 4
    assert divmod(int(said[1].argmax()), 64) == (50, 9)


def test_the_network_is_asked_at_its_own_size_alone():
    network = Extremes()
    CoarseToFine(network, [1])(torch.zeros(3, 1, 64, 64))
    assert network.asked == (3, 1, 32, 32, 3, 1, 32, 32)
