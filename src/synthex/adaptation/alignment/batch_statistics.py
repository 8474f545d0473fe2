"""Which images the running statistics of batch normalisation follow."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """Within the block, batches are normalised by their own statistics as ever, but the running ones stay."""
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
