"""What the network sees: the image as intensity, or as minus its logarithm."""

import numpy as np

from synthex.core import Domain
from synthex.core.arrays import Image


def to_domain(image: Image, domain: Domain, floor: float) -> Image:
    """The image in ``domain``, at least ``floor`` (at most minus its logarithm).

    Args:
        image: Intensity in units of the open field.
        domain: ``intensity`` or ``log``.
        floor: Least signal that can be told from none; below it a logarithm would make noise of nothing.
    """
    floored = np.maximum(image, np.float32(floor))
    return floored if domain == "intensity" else -np.log(floored)
