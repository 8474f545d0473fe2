"""Networks, heatmaps and losses; knows no task and no data set."""

import synthex.nn._timm  # noqa: F401  before anything else imports it
from synthex.nn.averaged import MirrorAveraged, PoseAveraged
from synthex.nn.closer import CoarseToFine
from synthex.nn.heatmaps import read_heatmaps, read_whole_heatmaps, render_heatmaps
from synthex.nn.losses import DiceHeatmapLoss
from synthex.nn.networks import SegmentationNetwork
from synthex.nn.pixel_discriminator import PixelDiscriminator
from synthex.nn.probe import check_batch
from synthex.nn.translation import PatchDiscriminator, ResNetGenerator
from synthex.nn.transunet import TransUNet
from synthex.nn.weights import uninitialised

__all__ = [
    "CoarseToFine",
    "DiceHeatmapLoss",
    "MirrorAveraged",
    "PatchDiscriminator",
    "PixelDiscriminator",
    "PoseAveraged",
    "ResNetGenerator",
    "SegmentationNetwork",
    "TransUNet",
    "check_batch",
    "read_heatmaps",
    "read_whole_heatmaps",
    "render_heatmaps",
    "uninitialised",
]
