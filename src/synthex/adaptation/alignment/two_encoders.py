"""The classic form of adversarial discriminative domain adaptation: two encoders, one of them frozen."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from synthex.adaptation.alignment.batch_statistics import held
from synthex.adaptation.alignment.module import AlignmentModule, Batch, Features
from synthex.adaptation.alignment.pairs import TARGET_IMAGE
from synthex.adaptation.alignment.settings import Alignment
from synthex.core import ConfigError


class TwoEncoderModule(AlignmentModule):
    """Teaches the encoder of a trained network to give target images the features that source images have.

    ADDA (Tzeng et al., CVPR 2017): a copy of the trained network is frozen as the source's. The network's own encoder
    goes on as the target's; its decoder and heads, the classifier of the paper, stay as they are. The encoder is taught
    by the discriminators alone, no label is used. What is validated, kept and predicted with is the target encoder
    with the decoder of both: a plain network.

    The source's copy is normalised by its running statistics, the target encoder by those of target images.

    Args:
        network: Trained on the source; has an ``encoder``, and gives features when called with ``features=True``.
        loss: Of its task, for validation.
        alignment: What is aligned, and how.
        options: Of :class:`synthex.learning.SupervisedModule`.

    Raises:
        ConfigError: The network has no encoder, or gives no features.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Mapping[str, Tensor], Batch], dict[str, Tensor]],
        alignment: Alignment,
        **options: Any,
    ) -> None:
        if not isinstance(getattr(network, "encoder", None), nn.Module):
            raise ConfigError(
                f"{type(network).__name__} has no encoder; the classic form takes model=unet or transunet"
            )
        super().__init__(network, loss, alignment, **options)
        self.source = copy.deepcopy(network).requires_grad_(False)
        self.network.requires_grad_(False)
        self.network.get_submodule("encoder").requires_grad_(True)
        self.train()

    def train(self, mode: bool = True) -> "TwoEncoderModule":
        """Training mode, for the target encoder alone."""
        super().train(mode)
        if "source" in self._modules:  # not yet, while the module is being made
            self.source.eval()
            for name, part in self.network.named_children():
                if name != "encoder":
                    part.eval()
        return self

    def _learn(self, batch: Batch) -> tuple[dict[str, Tensor], Features, Features]:
        return {}, *self._both_encoders(batch)

    def _seen(self, batch: Batch) -> tuple[Features, Features]:
        with torch.no_grad(), held(self.network):
            return self._both_encoders(batch)

    def _both_encoders(self, batch: Batch) -> tuple[Features, Features]:
        with torch.no_grad():
            source = self._features(self.source(batch["image"], features=True))
        return source, self._features(self(batch[TARGET_IMAGE], features=True))
