"""Feature alignment: features that do not tell simulated from real images, in ADDA's two forms."""

from synthex.adaptation.alignment.losses import confusion_loss, discriminator_loss, domain_accuracy
from synthex.adaptation.alignment.module import AlignmentModule
from synthex.adaptation.alignment.pairs import PairedDataset, Unlabelled
from synthex.adaptation.alignment.settings import Alignment
from synthex.adaptation.alignment.statistics import statistics_distance
from synthex.adaptation.alignment.two_encoders import TwoEncoderModule
from synthex.adaptation.alignment.watch import DiscriminatorWatch

__all__ = [
    "Alignment",
    "AlignmentModule",
    "DiscriminatorWatch",
    "PairedDataset",
    "TwoEncoderModule",
    "Unlabelled",
    "confusion_loss",
    "discriminator_loss",
    "domain_accuracy",
    "statistics_distance",
]
