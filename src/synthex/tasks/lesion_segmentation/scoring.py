"""How lesion segmentation is scored."""

from synthex.tasks.lesion_segmentation.vocabulary import LESION, LUNGS

CONFIDENCE_CUTS: tuple[float, ...] = ()
"""There are no landmarks."""

PRIMARY = "dice_mean/lesion"
"""Key of ``summary.json`` that ranks models (higher is better)."""

MASK_SCORES = ("sensitivity", "specificity", "precision", "accuracy", "f1", "f2", "iou")
"""The six scores that the study reports of lesions, and intersection over union."""

FIELD_BASELINE = ((LESION, LUNGS),)
"""A lesion is somewhere in the lungs: a model has to beat the answer "all of them"."""
