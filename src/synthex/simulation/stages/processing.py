"""Fluoroscopy's processing chain: from the detector's signal to the frame on the display."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from scipy.fft import dctn, idctn
from scipy.ndimage import shift

from synthex.core import Camera, ConfigError, Domain, derive_rng
from synthex.core.arrays import Image
from synthex.physics.detector import dead_pixels, lagged
from synthex.simulation.draws import Limits, Parameters, Setting

Bone = Literal["dark", "bright", "either"]

BURNT_OUT = 0.95
"""Of the brightest signal: what is brighter is direct beam, and greys are not spent on it."""

_MOST_PIXELS = 20_000
"""Percentiles are those of about so many pixels."""


@dataclass(frozen=True)
class Processing(Parameters):
    """What a C-arm makes of a frame: recursion, defects, vignette, enhancement of edges and detail, window and curve.

    The frame that comes out is a display's: 8 bits, bone dark or bright. Distortion by an image intensifier is left
    out: landmarks and masks would have to follow it. Ranges are our choice, made by eye, where nothing else is said.

    Attributes:
        recursion: Share r of the frame before in each frame of a temporal filter, ``y = (1 - r) x + r y_before``. Its
            noise has (1 - r) / (1 + r) of the power, as an exposure of so many times the dose.
        moving: Probability that the patient or the C-arm moves, so that the frames before lie beside this one.
        motion_mm: By how much at the detector, in any direction.
        dead_fraction: Share of dead pixels that were not corrected.
        dead_lines: Probability of one dead row or column.
        vignette: Loss of brightness at the corner of the field.
        edge_gain: Gain of what is finer than ``edge_mm``: the sharpening of edges (1 doubles it).
        edge_mm: Standard deviation of its Gaussian at the detector.
        detail_gain: Gain of what is finer than ``detail_mm``.
        detail_mm: Standard deviation of its Gaussian.
        broad_gain: Gain of what is finer than ``broad_mm``; 1 halves the weight of the broad shades before the window
            is fitted to them: the compression of the dynamic range.
        broad_mm: Standard deviation of its Gaussian.
        low_percentile: Of the pixels in the field that are not burnt out, what is shown as the one end of the greys.
        high_percentile: As the other end.
        gamma: Exponent of the grey curve.
        curve: Strength of its S shape, 0 for none: the mixture with ``3 u^2 - 2 u^3``.
        bone: ``dark`` is a frame in the domain ``intensity``, ``bright`` one in the domain ``log``.
    """

    recursion: Annotated[Setting, Limits(0, 0.95)] = (0, 0.8)
    moving: Annotated[Setting, Limits(0, 1)] = 0.25
    motion_mm: Annotated[Setting, Limits(0, 100, "mm")] = (0, 5)
    dead_fraction: Annotated[Setting, Limits(0, 1)] = (0, 0.00005)
    dead_lines: Annotated[Setting, Limits(0, 1)] = 0.02
    vignette: Annotated[Setting, Limits(0, 0.95)] = (0, 0.35)
    edge_gain: Annotated[Setting, Limits(0, 10)] = (0, 1.5)
    edge_mm: Annotated[Setting, Limits(0.05, 50, "mm")] = (0.5, 1.5)
    detail_gain: Annotated[Setting, Limits(0, 10)] = (0, 0.8)
    detail_mm: Annotated[Setting, Limits(0.05, 200, "mm")] = (3, 10)
    broad_gain: Annotated[Setting, Limits(0, 10)] = (0, 1)
    broad_mm: Annotated[Setting, Limits(0.05, 500, "mm")] = (20, 50)
    low_percentile: Annotated[Setting, Limits(0, 49)] = (0.2, 8)
    high_percentile: Annotated[Setting, Limits(51, 100)] = (95, 99.9)
    gamma: Annotated[Setting, Limits(0.1, 10)] = (0.7, 1.4)
    curve: Annotated[Setting, Limits(0, 1)] = (0, 0.8)
    bone: Bone = "either"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bone not in ("dark", "bright", "either"):
            raise ConfigError(f"simulation.processing.bone is dark, bright or either, got {self.bone!r}")

    def doses(self, drawn: dict[str, float]) -> float:
        """How many times the dose of one frame the temporal filter is worth."""
        return (1 + drawn["recursion"]) / (1 - drawn["recursion"])

    def display(
        self, signal: Image, floor: float, camera: Camera, drawn: dict[str, float], key: int
    ) -> tuple[Image, Domain]:
        """The frame, on [0, 1], and its domain.

        Args:
            signal: H x W, read out, in units of the open field.
            floor: Least signal that can be told from none.
            camera: Gives the pixel pitch and the field.
            drawn: The draw.
            key: Of the image's streams.
        """
        rng = derive_rng(key, "processing")
        moving, angle, line, where, polarity = rng.random(5)
        if moving < drawn["moving"] and drawn["recursion"] > 0:
            offset = drawn["motion_mm"] / camera.pixel_mm * np.array((np.sin(6.2832 * angle), np.cos(6.2832 * angle)))
            signal = lagged(signal, shift(signal, offset, order=1, mode="nearest"), drawn["recursion"])
        signal = dead_pixels(signal, drawn["dead_fraction"], rng)
        if line < drawn["dead_lines"]:
            lines = signal if where < 0.5 else signal.T
            lines[int(2 * where % 1 * len(lines))] = 0
        opened = camera.open_pixels()
        log = -np.log(np.maximum(signal * _vignette(camera, drawn["vignette"]), np.float32(floor)))
        if opened is not None:  # what lies outside the field must not ring into it
            log = np.where(opened, log, np.float32(log[opened].mean()))
        log = self.enhanced(log, camera.pixel_mm, drawn)
        seen = signal < np.float32(BURNT_OUT) * signal.max()
        seen = seen if opened is None else seen & opened
        shown = log[seen] if seen.any() else log
        step = max(1, shown.size // _MOST_PIXELS)
        low, high = np.percentile(shown.reshape(-1)[::step], (drawn["low_percentile"], drawn["high_percentile"]))
        grey = np.clip((log - np.float32(low)) / np.float32(max(high - low, 1e-3)), 0, 1)
        grey = grey + np.float32(drawn["curve"]) * (grey * grey * (3 - 2 * grey) - grey)
        grey = np.rint(grey ** np.float32(drawn["gamma"]) * 255) / np.float32(255)
        dark = self.bone == "dark" or (self.bone == "either" and polarity < 0.5)
        return (1 - grey, "intensity") if dark else (grey, "log")

    def enhanced(self, log: Image, pixel_mm: float, drawn: dict[str, float]) -> Image:
        """Unsharp masks of three scales at once: ``log + sum of gain (log - Gaussian * log)``, mirrored at the border.

        All are one transfer function, ``1 + sum of gain (1 - exp(-2 pi^2 sigma^2 f^2))``.
        """
        height, width = log.shape
        rows = (np.arange(height, dtype=np.float32) / np.float32(2 * height * pixel_mm))[:, None] ** 2
        columns = (np.arange(width, dtype=np.float32) / np.float32(2 * width * pixel_mm))[None, :] ** 2
        transfer = np.ones((height, width), dtype=np.float32)
        for scale in ("edge", "detail", "broad"):
            width_term = np.float32(-2 * np.pi**2 * drawn[f"{scale}_mm"] ** 2)
            blurred = np.exp(width_term * rows) * np.exp(width_term * columns)
            transfer += np.float32(drawn[f"{scale}_gain"]) * (1 - blurred)
        return idctn(dctn(log, type=2) * transfer, type=2)


def _vignette(camera: Camera, loss: float) -> Image:
    """Brightness over the field, 1 in the middle and ``1 - loss`` at its edge: that of a square of the distance."""
    half_mm = np.hypot(camera.width, camera.height) * camera.pixel_mm / 2
    if camera.opening_mm is not None:
        half_mm = min(half_mm, camera.opening_mm / 2)
    column = ((np.arange(camera.width) + 0.5 - camera.width / 2) * (camera.pixel_mm / half_mm)).astype(np.float32)
    row = ((np.arange(camera.height) + 0.5 - camera.height / 2) * (camera.pixel_mm / half_mm)).astype(np.float32)
    return 1 - np.float32(loss) * np.minimum(column[None, :] ** 2 + row[:, None] ** 2, 1)
