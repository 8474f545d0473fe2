"""Whether a network can learn from batches of a size, found out without computing anything."""

import torch
from torch import nn
from torch.func import functional_call

from synthex.core import ConfigError


def check_batch(network: nn.Module, images: int, side: int, setting: str) -> None:
    """Pass a batch without values (PyTorch's device ``meta``) through a network that trains.

    Args:
        network: The network; it is not changed.
        images: Images of the smallest batch.
        side: Rows and columns of the network's input.
        setting: What the user gives the side by, such as ``data.size``.

    Raises:
        ConfigError: The network takes no such images, or its batch statistics need more than one value.
    """
    empty = {
        name: torch.empty_like(value, device="meta")
        for name, value in (*network.named_parameters(), *network.named_buffers())
    }
    mode = network.training
    network.train()
    try:
        with torch.no_grad():
            functional_call(network, empty, (torch.empty(images, 1, side, side, device="meta"),))
    except ValueError as error:
        if "more than 1 value per channel" in str(error):
            raise ConfigError(
                f"a batch of {images} at {setting}={side}: batch normalisation is left with one value a channel; "
                "give a data.batch_size above 1, or larger images"
            ) from error
    except AssertionError as error:  # how timm refuses sizes
        reason = " ".join(str(error).split()) or "the network takes no images of this size"
        raise ConfigError(f"{setting}={side}: {reason}; give the size that the encoder is made for") from error
    except Exception:  # what cannot be done without values says nothing about a real batch
        return
    finally:
        network.train(mode)
