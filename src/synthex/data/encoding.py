"""Masks in other people's formats: COCO run lengths and the study's exclusive label image."""

from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from synthex.core.arrays import MaskStack


def encode_rle(mask: Bool[np.ndarray, "H W"]) -> dict[str, Any]:
    """COCO uncompressed run lengths: column by column, starting with the run of zeros."""
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size])))
    counts = runs.tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


def decode_rle(rle: dict[str, Any]) -> Bool[np.ndarray, "H W"]:
    """The mask of :func:`encode_rle`.

    Raises:
        ValueError: The runs do not add up to the size.
    """
    height, width = rle["size"]
    counts = np.asarray(rle["counts"], dtype=np.int64)
    if counts.sum() != height * width or (counts < 0).any():
        raise ValueError(f"run lengths sum to {counts.sum()}, the image has {height * width} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T.copy()


def exclusive_labels(masks: MaskStack) -> UInt8[np.ndarray, "H W"]:
    """One label a pixel, 0 background, ``k + 1`` for structure ``k``; where structures overlap the later wins.

    The study's label images are exclusive. In the hip vocabulary this order puts femurs over the
    pelvis, and the sacrum over the vertebrae.
    """
    labels = np.zeros(masks.shape[1:], dtype=np.uint8)
    for index, mask in enumerate(masks):
        labels[mask] = index + 1
    return labels


def split_labels(labels: np.ndarray, structures: int) -> MaskStack:
    """Exclusive labels as one mask a structure."""
    return labels[None] == np.arange(1, structures + 1).reshape(-1, 1, 1)
