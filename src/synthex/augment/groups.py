"""Groups of operations with the ranges they draw from, the parts of which policies are made.

The names of groups and operations are those that ``without`` takes.
"""

from collections.abc import Sequence

import numpy as np

from synthex.augment import overlay
from synthex.augment.checks import interval
from synthex.augment.tree import Distribution, Node, Number, Op, Pick, Seed, SomeOf, Uniform, one_of
from synthex.core import ConfigError


def affine(
    rotation_deg: Number,
    translation_mm: Number,
    shear_deg: Number,
    scale: Sequence[Number],
    aspect: Sequence[Number] | None = None,
) -> Op:
    """One affine move: zoom, rotation, shear, translation, and width over height if given, each uniform."""
    for name, value in (
        ("max_rotation_deg", rotation_deg),
        ("max_translation_mm", translation_mm),
        ("max_shear_deg", shear_deg),
    ):
        if not 0 <= value < np.inf:
            raise ConfigError(f"augment: {name}={value} must be a finite number, 0 or more")
    zoom = interval("scale", scale, lowest=0.1)
    if rotation_deg == translation_mm == shear_deg == 0 and zoom.low == zoom.high == 1 and aspect is None:
        raise ConfigError("augment: these ranges make affine do nothing; leave it out with without=[affine]")
    if shear_deg >= 45:
        raise ConfigError(f"augment: max_shear_deg={shear_deg} would flatten the image; 45 is the limit")
    return Op(
        "affine",
        {
            "rotation_deg": Uniform(-rotation_deg, rotation_deg),
            "direction_deg": Uniform(0.0, 360.0),
            "distance_mm": Uniform(0.0, translation_mm),
            "shear_x_deg": Uniform(-shear_deg, shear_deg),
            "shear_y_deg": Uniform(-shear_deg, shear_deg),
            "scale": zoom,
            **({} if aspect is None else {"aspect": interval("aspect", aspect, lowest=0.5, highest=2)}),
        },
    )


def speckle(imgaug: bool = False) -> Node:
    """One of three kinds of salt and pepper; fractions are the original's, and with ``imgaug`` so is their law."""
    tenth, cells = Pick((0.1,)), Pick((0.05,))
    law: dict[str, Distribution] = {"law": Pick(("beta",))} if imgaug else {}
    return one_of(
        "speckle",
        Op("impulse_noise", {"fraction": tenth, "seed": Seed()}),
        Op("salt_and_pepper", {"fraction": tenth, "seed": Seed(), **law}),
        Op("coarse_salt_and_pepper", {"fraction": cells, "resolution": Uniform(0.01, 0.1), "seed": Seed()}),
    )


def contrast(factor: Uniform, gamma: Uniform) -> Node:
    """One of four contrast curves; log and sigmoid ranges are the original's."""
    return one_of(
        "contrast",
        Op("linear_contrast", {"factor": factor}),
        Op("gamma", {"exponent": gamma}),
        Op("log_contrast", {"gain": Uniform(0.6, 1.4)}),
        Op("sigmoid_contrast", {"gain": Uniform(3.0, 10.0), "cutoff": Uniform(0.4, 0.6)}),
    )


def blur(sigma_px: Uniform) -> Node:
    """Gaussian or box; the box is 4 to 6 px wide as in the original."""
    return one_of("blur", Op("gaussian_blur", {"sigma_px": sigma_px}), Op("box_blur", {"width_px": Pick((4, 5, 6))}))


def dropout(fraction: Uniform) -> Node:
    """Pixels, or cells of a grid at 10 to 15 % of the resolution, show air."""
    return one_of(
        "dropout",
        Op("pixel_dropout", {"fraction": fraction, "seed": Seed()}),
        Op("coarse_dropout", {"fraction": fraction, "resolution": Uniform(0.10, 0.15), "seed": Seed()}),
    )


def convolve() -> Node:
    """Sharpen or emboss, with the original's ranges."""
    return one_of(
        "convolve",
        Op("sharpen", {"alpha": Uniform(0.5, 1.0), "lightness": Uniform(1.0, 1.5)}),
        Op("emboss", {"alpha": Uniform(0.5, 1.0), "strength": Uniform(1.0, 2.0)}),
    )


def pooling() -> Node:
    """One of four poolings of 2 or 4 px, size kept."""
    names = ("average_pool", "max_pool", "min_pool", "median_pool")
    return one_of("pooling", *(Op(name, {"size_px": Pick((2, 4))}) for name in names))


def multiply(factor: Uniform) -> Node:
    """The whole image by one factor, or each pixel by its own."""
    pixels: dict[str, Distribution] = {"low": Pick((factor.low,)), "high": Pick((factor.high,)), "seed": Seed()}
    return one_of("multiply", Op("multiply_image", {"factor": factor}), Op("multiply_pixels", pixels))


def metal(common: dict[str, Distribution]) -> Node:
    """One to three of rod, plate and screw, anywhere in the image; sizes of real implants."""
    place: dict[str, Distribution] = {
        "x": Uniform(0.05, 0.95),
        "y": Uniform(0.05, 0.95),
        "angle_deg": Uniform(0.0, 360.0),
        **common,
    }
    rod = {"length_mm": Uniform(30.0, 200.0), "diameter_mm": Uniform(1.5, 6.5)}
    plate = {"length_mm": Uniform(40.0, 120.0), "width_mm": Uniform(9.0, 14.0), "pitch_mm": Uniform(12.0, 16.0)}
    screw = {"length_mm": Uniform(20.0, 110.0), "diameter_mm": Uniform(3.5, 7.3), "pitch_mm": Uniform(1.25, 2.75)}
    return SomeOf(
        "metal",
        1,
        3,
        tuple(
            Op(name, {**place, **shape})
            for name, shape in (
                ("metal_rod", rod),
                ("metal_plate", plate),
                ("metal_screw", screw),
            )
        ),
    )


def collimation(
    half_size: Uniform, levels: tuple[Number, ...] = (0.0, 1.0, 1.2), sides: tuple[Number, ...] = (4, 8)
) -> Node:
    """A rectangular (4) or octagonal (8) field stop, up to 10 degrees off the image's axes, of one of ``levels``."""
    return Op(
        "collimation",
        {
            "sides": Pick(sides),
            "half_width": half_size,
            "half_height": half_size,
            "x": Uniform(-0.06, 0.06),
            "y": Uniform(-0.06, 0.06),
            "tilt_deg": Uniform(-10.0, 10.0),
            "penumbra_mm": Uniform(1.0, 4.0),
            "level": Pick(levels),
        },
    )


def lines(amplitude: Uniform) -> Node:
    """The shadow of an anti-scatter grid, or a ruled graticule."""
    return one_of(
        "lines",
        Op(
            "grid_lines",
            {
                "period_px": Uniform(2.5, 12.0),
                "amplitude": amplitude,
                "angle_deg": Uniform(0.0, 180.0),
                "phase": Uniform(0.0, 1.0),
            },
        ),
        Op(
            "graticule",
            {
                "spacing_mm": Uniform(20.0, 60.0),
                "x": Uniform(0.0, 1.0),
                "y": Uniform(0.0, 1.0),
                "level": Pick((0.0, 1.0)),
                "opacity": Uniform(0.3, 0.9),
            },
        ),
    )


def writing(size: Uniform) -> Node:
    """Letters, a marker, or both, anywhere in the image."""
    place: dict[str, Distribution] = {
        "size": size,
        "x": Uniform(0.02, 0.98),
        "y": Uniform(0.02, 0.98),
        "level": Pick((0.0, 1.0)),
        "opacity": Uniform(0.5, 1.0),
    }
    letters = Op("letters", {"text": Pick(overlay.TEXTS), **place})
    marker = Op("marker", {"shape": Pick(overlay.SHAPES), "angle_deg": Uniform(0.0, 360.0), **place})
    return SomeOf("writing", 1, 2, (letters, marker))
