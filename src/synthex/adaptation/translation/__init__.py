"""Simulated radiographs translated to look real, learned from images without pairs (CycleGAN)."""

from synthex.adaptation.translation.dataset import UnpairedDataset
from synthex.adaptation.translation.module import CycleGanModule
from synthex.adaptation.translation.pool import ImagePool
from synthex.adaptation.translation.structure import LEAST_RETAINED, StructureCheck, check_structure
from synthex.adaptation.translation.translator import (
    TRANSLATOR_FILE,
    TranslatedFirst,
    Translator,
    load_translator,
    save_translator,
)

__all__ = [
    "LEAST_RETAINED",
    "TRANSLATOR_FILE",
    "CycleGanModule",
    "ImagePool",
    "StructureCheck",
    "TranslatedFirst",
    "Translator",
    "UnpairedDataset",
    "check_structure",
    "load_translator",
    "save_translator",
]
