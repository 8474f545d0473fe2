"""Label maps of people as subjects: split, smoothed and painted, several times each."""

from synthex.anatomy.label_maps.source import LabelMapFolder

__all__ = ["LabelMapFolder"]
