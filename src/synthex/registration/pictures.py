"""Pictures of a registration: the radiograph, the projection, and how their outlines lie on each other."""

import cv2
import numpy as np
from jaxtyping import UInt8

from synthex.core import Camera
from synthex.core.arrays import Image
from synthex.projection import project
from synthex.registration.refine import Body

Picture = UInt8[np.ndarray, "H 3*W 3"]


def grey(image: Image) -> UInt8[np.ndarray, "H W"]:
    """Bone bright, from the 1st to the 99th percentile."""
    low, high = np.percentile(image, (1, 99))
    return np.asarray(np.clip((image - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)


def projection_of(body: Body, cameras: tuple[Camera, ...]) -> Image:
    """Water path through all parts of a body, each seen by its own camera, mm."""
    paths = [project(part, None, (), camera).water_path_mm for part, camera in zip(body.native, cameras, strict=True)]
    return np.asarray(np.sum(paths, axis=0, dtype=np.float32))


def detail(image: Image) -> Image:
    """What is finer than a twentieth of the image, over the local deviation."""
    size = max(image.shape)
    smooth = cv2.GaussianBlur(image, (0, 0), size / 200)
    fine = smooth - cv2.GaussianBlur(image, (0, 0), size / 20)
    return fine / np.sqrt(cv2.GaussianBlur(fine**2, (0, 0), size / 10) + 1e-6 + 0.05 * float((fine**2).mean()))


def comparison(image: Image, projection: Image) -> Picture:
    """Three panels side by side: the radiograph, the projection, and both in colour.

    In the third the detail of the radiograph is red and that of the projection cyan: grey where they agree, and a
    red and a cyan edge beside each other where they do not.
    """
    real, made = detail(image), detail(projection)
    red, cyan = (np.clip(128 + 60 * part, 0, 255).astype(np.uint8) for part in (real, made))
    panels = [np.dstack([grey(part)] * 3) for part in (image, projection)]
    return np.concatenate((*panels, np.dstack((red, cyan, cyan))), axis=1)
