"""Synthetic COVID-19 lesions in any lung: what is drawn, where, how it looks, and how it joins the lung."""

from synthex.anatomy.lesions.add import add_lesions
from synthex.anatomy.lesions.own import LESION, own_lesions
from synthex.anatomy.lesions.result import OpacifiedAnatomy
from synthex.anatomy.lesions.settings import KINDS, LesionSettings

__all__ = ["KINDS", "LESION", "LesionSettings", "OpacifiedAnatomy", "add_lesions", "own_lesions"]
