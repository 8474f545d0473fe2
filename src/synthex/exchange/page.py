"""One page of all answers, which needs nothing beside it but the full pictures that it links to."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synthex.runs.answer import confidence_color

THUMBNAIL = 420
"""Longer side of a picture in the page, pixels: some 25 kB each, so that thousands still open."""


@dataclass(frozen=True)
class Case:
    """One radiograph of the page.

    Attributes:
        name: Its number.
        answer: In the form of :meth:`synthex.runs.Answer.to_json`.
        overlay: Picture of the answer; None where none was made.
        link: Path of it from the page.
        scores: Lines about it, where something is annotated.
    """

    name: str
    answer: dict[str, Any]
    overlay: Path | None
    link: str = ""
    scores: Sequence[str] = field(default=())


def write_page(target: Path, title: str, model: str, cases: Sequence[Case], scores: Sequence[str] = ()) -> None:
    """Write the page.

    Args:
        target: The HTML file.
        title: Heads it.
        model: Name and version.
        cases: In their order.
        scores: Lines about all, where something is annotated.

    Raises:
        InputError: It cannot be written.
    """
    from jinja2 import Environment

    from synthex.core import write_text

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"color": _color, "thumbnail": _thumbnail, "share": _share}
    template = environment.from_string(files("synthex.exchange").joinpath("page.html.j2").read_text(encoding="utf-8"))
    write_text(target, template.render(title=title, model=model, cases=cases, scores=scores))


def _color(confidence: float) -> str:
    return "rgb({},{},{})".format(*confidence_color(confidence))


def _share(rle: dict[str, Any]) -> float:
    """Share of the image that a mask covers, per cent, from its run lengths."""
    return 100 * sum(rle["counts"][1::2]) / max(1, rle["size"][0] * rle["size"][1])


def _thumbnail(path: Path) -> str:
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return ""
    scale = min(1.0, THUMBNAIL / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(packed.tobytes()).decode("ascii")
