"""Models that answer something, without training, and pictures to ask them about."""

from pathlib import Path

import numpy as np
import torch
import yaml
from scipy import ndimage

from synthex.core import write_text
from synthex.nn import SegmentationNetwork
from synthex.runs import Model, averaged, looking_closer, write_package
from synthex.tasks import hip_landmarks, lesion_segmentation


def tiny_model(
    task="hip", *, size=64, input_size=None, normalization="robust", mirrored=False, posed=False, closer=(), seed=0
) -> Model:
    """A small network with random weights whose heatmaps reach the heights of trained ones."""
    made = hip_landmarks.build() if task == "hip" else lesion_segmentation.build()
    torch.manual_seed(seed)
    network = SegmentationNetwork(
        structures=len(made.vocabulary.structures),
        landmarks=len(made.vocabulary.landmarks),
        encoder="tu-test_resnet",
        decoder_channels=(16, 8, 8),
    )
    network = averaged(network, made.vocabulary, mirrored=mirrored, posed=posed)
    model = Model(made, network, size, normalization, input_size or size, "tiny", "0123456789abcdef")
    return looking_closer(model, closer)


def picture(rng: np.random.Generator, most: int = 500) -> np.ndarray:
    """Smooth noise of a random size, as it comes or with bars, in a round field, or with saturated air."""
    height, width = (int(side) for side in rng.integers(40, most, 2))
    image = ndimage.gaussian_filter(rng.normal(size=(height, width)), 0.06 * max(height, width))
    image = np.round(255 * (image - image.min()) / np.ptp(image))
    rows, columns = np.mgrid[:height, :width]
    kind = rng.integers(5)
    if kind == 1:
        image[: height // 6] = image[-height // 8 :] = 0
    elif kind == 2:
        image[np.hypot(rows - height / 2, columns - width / 2) > 0.45 * max(height, width)] = 7
    elif kind == 3:
        image = np.clip(image, 90, 160)
    elif kind == 4:
        image[:, : width // 5] = 255 - (rows[:, : width // 5] > height / 3)
    return image.astype(np.float32)


def pictures(count: int, seed: int = 0, most: int = 500) -> list[tuple[np.ndarray, float | None]]:
    """Pictures, each with a pitch or without one."""
    rng = np.random.default_rng(seed)
    return [(picture(rng, most), float(rng.uniform(0.1, 1.0)) if index % 2 else None) for index in range(count)]


def write_tiny_package(folder: Path, **card: str) -> Path:
    """A package of :func:`tiny_model`'s network, without a training."""
    model = {
        "_target_": "synthex.nn.SegmentationNetwork",
        "encoder": "tu-test_resnet",
        "encoder_weights": None,
        "decoder_channels": [16, 8, 8],
    }
    config = {
        "name": "tiny",
        "task": {"_target_": "synthex.tasks.hip_landmarks.build"},
        "model": model,
        "data": {"size": 64, "normalization": "robust"},
    }
    run = folder.parent / "run"
    write_text(run / "config.yaml", yaml.safe_dump(config))
    weights = {f"network.{name}": value for name, value in tiny_model().network.state_dict().items()}
    (run / "checkpoints").mkdir()
    torch.save({"state_dict": weights}, run / "checkpoints" / "best.ckpt")
    return write_package(run, folder, "# tiny: bones of nobody\n", **card)
