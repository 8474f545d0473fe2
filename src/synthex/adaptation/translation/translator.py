"""A trained translator as one file, and as a function of samples."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from torch.nn import functional

from synthex.adaptation.translation.pixels import values_of
from synthex.core import Augmentation, ConfigError, InputError, Sample, UserError, atomic_path
from synthex.core.limits import MAX_PIXELS, check_weights_archive
from synthex.data.preprocess import Normalization
from synthex.nn import ResNetGenerator

TRANSLATOR_FILE = "translator.pt"
_MOST = 4096
"""Channels or blocks of a generator, at most."""
"""What a run of a translator leaves: weights, and all that is needed to apply them."""

SCHEMA = 1
_REMEDY = "train it again with `synthex translate train`"


@dataclass(frozen=True, eq=False)
class Translator:
    """Simulated samples as if they were real: a :data:`synthex.core.Augmentation` that draws nothing.

    The image is brought to the values that the generator was trained on (log, normalised), translated alone, so that
    its result does not depend on other images, and brought back to its own offset and gain. Its domain becomes
    ``log``; labels are not touched. The record says which translator it was, under ``translation``.

    Attributes:
        network: The generator, in evaluation mode.
        size: Pixels of the images along their longer side.
        normalization: Of the images it was trained on.
        digest: Of its weights and settings.
        device: Where it computes.
    """

    network: ResNetGenerator
    size: int
    normalization: Normalization
    digest: str
    device: str = "cpu"

    def __call__(self, sample: Sample, rng: np.random.Generator | None = None) -> Sample:
        """The translated sample; ``rng`` is not used.

        Raises:
            ConfigError: The image has another size than those the translator was trained on.
        """
        height, width = sample.image.shape
        if max(height, width) != self.size:
            raise ConfigError(
                f"{sample.case_id} has {height} x {width} pixels, the translator takes {self.size} along the longer "
                "side; simulate at this size, or train a translator for yours"
            )
        values, scale = values_of(sample, self.normalization)
        bottom, right = -height % self.network.multiple, -width % self.network.multiple
        image = torch.from_numpy(values)[None, None].to(self.device)
        image = functional.pad(image, (0, right, 0, bottom), mode="replicate")
        with torch.inference_mode():
            found = self.network(image)[0, 0, :height, :width].float().cpu().numpy()
        record = dict(sample.record) | {"translation": {"translator": self.digest}}
        return replace(sample, image=scale.to_image(np.ascontiguousarray(found)), domain="log", record=record)

    def to(self, device: str) -> "Translator":
        """The same on another device."""
        return replace(self, network=self.network.to(device), device=device)


@dataclass(frozen=True)
class TranslatedFirst:
    """A translator before domain randomisation, as one augmentation.

    Attributes:
        translator: What comes first.
        augment: What follows.
    """

    translator: Augmentation
    augment: Augmentation

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The translated, then randomised sample."""
        return self.augment(self.translator(sample, rng), rng)


def save_translator(
    path: str | Path,
    network: ResNetGenerator,
    generator: Mapping[str, Any],
    size: int,
    normalization: Normalization,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a translator.

    Args:
        path: The file.
        network: The generator from simulated to real.
        generator: Arguments that :class:`synthex.nn.ResNetGenerator` made it with.
        size: Pixels of the images along their longer side.
        normalization: Of the images.
        about: Further plain values to be kept with it.
    """
    weights = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    content = {
        "schema": SCHEMA,
        "generator": dict(generator),
        "size": int(size),
        "normalization": str(normalization),
        "about": dict(about or {}),
        "state_dict": weights,
    }
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load_translator(path: str | Path) -> Translator:
    """The translator of a run's folder or of a file; nothing in the file is executed.

    Raises:
        InputError: It is missing, damaged, no translator, or one of images with other than one channel.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        if not (path / TRANSLATOR_FILE).exists():
            raise InputError(path, f"holds no {TRANSLATOR_FILE}", "let `synthex translate train` finish in it")
        path = path / TRANSLATOR_FILE
    if not path.exists():
        raise InputError(path, "does not exist", "give the folder of a `synthex translate train` run")
    try:
        check_weights_archive(path, _REMEDY)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    # A damaged pickle raises whatever its instructions come to.
    except Exception as error:
        raise InputError(path, f"is not a translator ({type(error).__name__})", _REMEDY) from error
    keys = ("schema", "generator", "size", "normalization", "state_dict")
    if not isinstance(content, dict) or any(key not in content for key in keys):
        raise InputError(path, "is not a translator", _REMEDY)
    if content["schema"] != SCHEMA:
        raise InputError(path, f"is of schema {content['schema']}, not {SCHEMA}", _REMEDY)
    if not isinstance(content["generator"], dict) or not isinstance(content["state_dict"], dict):
        raise InputError(path, "is not a translator", _REMEDY)
    if any(isinstance(value, (int, float)) and not 0 <= value <= _MOST for value in content["generator"].values()):
        raise InputError(path, "is of a generator beyond all bounds", _REMEDY)
    if content["normalization"] not in get_args(Normalization) or not 1 <= _whole(content["size"]) <= MAX_PIXELS**0.5:
        raise InputError(path, "is not a translator: its images have no size or normalization", _REMEDY)
    channels = content["generator"].get("channels", 1)
    if channels != 1:
        raise InputError(path, f"translates images of {channels} channels; radiographs have one", _REMEDY)
    try:
        network = ResNetGenerator(**content["generator"])
        network.load_state_dict(content["state_dict"])
    except (TypeError, RuntimeError, ValueError, AttributeError, KeyError, ConfigError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(path, f"holds weights of another generator ({reason})", _REMEDY) from error
    network.eval().requires_grad_(False)
    size, normalization = int(content["size"]), cast(Normalization, content["normalization"])
    return Translator(network, size, normalization, _digest(network, size, normalization))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _digest(network: ResNetGenerator, size: int, normalization: str) -> str:
    """Of all that decides a translation; the bytes of the file also hold what its writer was called."""
    digest = hashlib.sha256(f"{size} {normalization} {network.residual}".encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()[:16]
