"""Overlap of masks."""

import numpy as np
from jaxtyping import Bool, Float


def dice(
    predicted: Bool[np.ndarray, "S H W"], truth: Bool[np.ndarray, "S H W"], both_empty: float = float("nan")
) -> Float[np.ndarray, "S"]:
    """Dice coefficient 2|A and B| / (|A| + |B|) of each structure.

    Args:
        predicted: One mask per structure.
        truth: The same structures in the same order.
        both_empty: Value where neither mask has a pixel. NaN, the default, means "not counted": a
            structure that is not in the image says nothing about overlap.
    """
    # Counting rows of flat views is several times faster than counting over two axes.
    flat = (len(truth), truth.shape[1] * truth.shape[2])
    first, second = predicted.reshape(flat), truth.reshape(flat)
    total = np.count_nonzero(first, axis=1) + np.count_nonzero(second, axis=1)
    shared = np.count_nonzero(first & second, axis=1)
    return np.where(total > 0, 2.0 * shared / np.maximum(total, 1), both_empty)


def dice_original_rule(
    predicted: Bool[np.ndarray, "S H W"], truth: Bool[np.ndarray, "S H W"]
) -> Float[np.ndarray, "S"]:
    """Dice where two empty masks count as a perfect 1, as in SyntheX's hip evaluation.

    It rewards views without the structure; use it only to compare with published figures.
    """
    return dice(predicted, truth, both_empty=1.0)
