"""The one door to albumentations: quiet, offline, single-threaded.

albumentations looks for a newer version of itself on the network when it is imported, unless
``NO_ALBUMENTATIONS_UPDATE`` is set. OpenCV would start one thread a core in every data worker; an image
of 192 x 192 is too small for that, and parallelism belongs to the workers, so its pool is switched off.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A  # noqa: N812
import cv2

cv2.setNumThreads(0)

__all__ = ["A", "cv2"]
