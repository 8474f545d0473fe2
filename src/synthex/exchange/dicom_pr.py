"""Presentation state of an answer (PS3.3 A.33.1): outlines and landmarks on the source, shown as it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool

from synthex.exchange.dicom_parts import Author, Found, identity, name_class, one_frame


@dataclass(frozen=True, eq=False)
class Shown:
    """How the source image is shown, for the presentation state.

    Attributes:
        window: Centre and width; None: as the viewer chooses.
        rescale: Slope and intercept before the window.
    """

    window: tuple[float, float] | None = None
    rescale: tuple[float, float] | None = None


def presentation(source: Any, answers: Sequence[Found], author: Author, key: str, shown: Shown) -> Any:
    """The presentation state of the answers to one image."""
    from highdicom import PresentationLUTTransformation, pr

    referenced = one_frame(source)
    layers = [pr.GraphicLayer("LANDMARKS", order=2), pr.GraphicLayer("OUTLINES", order=1)]
    annotations: list[Any] = []
    several = int(source.get("NumberOfFrames", 1)) > 1
    for answer in answers:
        before = len(annotations)
        outlines = [
            pr.GraphicObject("POLYLINE", outline, units="PIXEL")
            for mask in answer.masks.values()
            for outline in outlines_of(mask)
        ]
        present = {name: one for name, one in answer.landmarks.items() if one.present}
        height, width = answer.shape
        where = {
            name: (float(np.clip(one.column, 0, width)), float(np.clip(one.row, 0, height)))
            for name, one in present.items()
        }
        if outlines:
            annotations.append(pr.GraphicAnnotation([referenced], layers[1], graphic_objects=outlines))
        if present:
            points = [pr.GraphicObject("POINT", np.array([xy]), units="PIXEL") for xy in where.values()]
            texts = [
                pr.TextObject(f"{name} {100 * one.confidence:.0f} %", units="PIXEL", anchor_point=where[name])
                for name, one in present.items()
            ]
            annotations.append(
                pr.GraphicAnnotation([referenced], layers[0], graphic_objects=points, text_objects=texts)
            )
        for annotation in annotations[before:] if several else []:
            annotation.ReferencedImageSequence[0].ReferencedFrameNumber = answer.frame + 1
    if shown.rescale is not None:
        referenced.RescaleSlope, referenced.RescaleIntercept = (f"{value:.10g}" for value in shown.rescale)
        referenced.RescaleType = "US"
    window = None
    if shown.window is not None:
        window = [pr.SoftcopyVOILUTTransformation(window_center=shown.window[0], window_width=shown.window[1])]
    inverse = source.PhotometricInterpretation == "MONOCHROME1"
    made = pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[referenced],
        content_label="SYNTHEX",
        content_description="Outlines and landmarks",
        graphic_annotations=annotations or None,
        graphic_layers=layers if annotations else None,
        content_creator_name="synthex^model",
        presentation_lut_transformation=PresentationLUTTransformation("INVERSE" if inverse else "IDENTITY"),
        voi_lut_transformations=window,
        **identity(author, key, "pr", 903, "Outlines and landmarks"),
    )
    made.Laterality = ""  # type 2C: to be there, and not known
    name_class(made, source)
    return made


def outlines_of(mask: Bool[np.ndarray, "H W"]) -> list[np.ndarray]:
    """Outlines of a mask as N x 2 (column, row), closed, through the centres of edge pixels."""
    found, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outlines = []
    for contour in found:
        # Half a pixel of slack keeps objects small: a femur's outline has thousands of pixels.
        points = cv2.approxPolyDP(contour, 0.5, True)[:, 0].astype(np.float64) + 0.5
        outlines.append(np.concatenate([points, points[:1]]))
    return outlines
