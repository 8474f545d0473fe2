"""Pretrained weights of encoders: reading files of them, and fitting them to an encoder by name."""

import contextlib
import logging
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from synthex.core import InputError, UserError
from synthex.core.limits import check_weights_archive

log = logging.getLogger(__name__)


def as_path(weights: str | None) -> Path | None:
    """The file that the setting ``encoder_weights`` means, None where it is a name or nothing."""
    return Path(weights).expanduser() if weights and (Path(weights).suffix or "/" in weights) else None


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights (``.safetensors``, or what ``torch.save`` writes); nothing in it is executed.

    Raises:
        InputError: The file is missing or is not a file of weights.
    """
    check_file(path)
    try:
        if path.suffix == ".safetensors":
            state = timm.models.load_state_dict(str(path))
        else:
            if zipfile.is_zipfile(path):
                check_weights_archive(path, "give a state_dict file")
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
        return {name: value for name, value in state.items() if isinstance(value, Tensor)}
    except UserError:
        raise
    except Exception as error:  # zip, pickle, header and OS errors: all mean that the file is unusable
        raise InputError(
            path, f"is not a file of weights ({type(error).__name__})", "give a state_dict file"
        ) from error


def check_file(path: Path) -> None:
    """Raise InputError where there is no such file."""
    if not path.is_file():
        raise InputError(path, "no such file of encoder weights", "check encoder_weights")


def fill_encoder(encoder: nn.Module, state: Mapping[str, Tensor], source: Path | str) -> None:
    """Load ``state`` into ``encoder`` by name; entries that it does not have are passed over.

    Raises:
        InputError: Entries of the encoder are missing, or have another shape.
    """
    own = encoder.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    missing = [name for name in own if name not in fitting and not name.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            source,
            f"does not fit the encoder ({len(missing)} of {len(own)} entries missing, first {missing[0]})",
            "choose the encoder that these weights belong to",
        )
    encoder.load_state_dict(fitting, strict=False)
    name = source.name if isinstance(source, Path) else source
    log.info("encoder weights from %s (%d entries, %d unused)", name, len(fitting), len(state) - len(fitting))


@contextlib.contextmanager
def uninitialised() -> Iterator[None]:
    """Leave out PyTorch's random initialisation of layers that are made within, for weights that will be replaced.

    On its ``meta`` device, where segmentation-models-pytorch tries encoders out, a random number brings the whole
    compiler with it.
    """
    names = [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]
    before = {name: getattr(nn.init, name) for name in names}

    def keep(tensor: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return tensor

    try:
        for name in names:
            setattr(nn.init, name, keep)
        yield
    finally:
        for name, function in before.items():
            setattr(nn.init, name, function)
