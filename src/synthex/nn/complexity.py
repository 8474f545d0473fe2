"""How large a network is and what a pass through it costs."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Complexity:
    """Size and cost of a network.

    Attributes:
        parameters: All of them.
        trainable: Those that training changes.
        flops: Of one image forward; a multiplication and its addition are two.
        input_stride: What the sides of an input are multiples of: the stride of the coarsest features.
        output_stride: Pixels of the input a pixel of the output stands for, along a side.
    """

    parameters: int
    trainable: int
    flops: int
    input_stride: int
    output_stride: float


def complexity(network: nn.Module, height: int, width: int) -> Complexity:
    """Count a network's parameters, and the operations of one grey image of ``height`` x ``width`` pixels.

    Matrix products, convolutions and attention are counted (``torch.utils.flop_counter``); what they leave out is
    proportional to the features, not to their products. On the ``meta`` device nothing is computed.

    Args:
        network: Maps (1, 1, height, width) to named outputs, and has ``multiple``; put into evaluation mode for the
            count and back.
        height: Rows of the input, a multiple of the network's.
        width: Columns of the input.
    """
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            outputs = network(torch.zeros(1, 1, height, width, device=device))
    finally:
        network.train(training)
    sizes = [value.numel() for value in network.parameters()]
    trainable = [value.numel() for value in network.parameters() if value.requires_grad]
    return Complexity(
        parameters=sum(sizes),
        trainable=sum(trainable),
        flops=counter.get_total_flops(),
        input_stride=int(network.multiple),  # type: ignore[arg-type]  # an attribute, not a submodule
        output_stride=max(width / value.shape[-1] for value in outputs.values()),
    )
