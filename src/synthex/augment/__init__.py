"""2-D domain randomisation: policies, what they record, and replay."""

from synthex.augment.adapter import Albumentations, as_augmentation
from synthex.augment.chest_policy import chest
from synthex.augment.policies import extreme, none, regular, strong
from synthex.augment.policy import OPERATION_NAMES, Policy, apply_steps, replay
from synthex.augment.radiograph_policy import radiograph

__all__ = [
    "OPERATION_NAMES",
    "Albumentations",
    "Policy",
    "apply_steps",
    "as_augmentation",
    "chest",
    "extreme",
    "none",
    "radiograph",
    "regular",
    "replay",
    "strong",
]
