"""Groups of operations on what a screen shows, with the ranges they draw from: frames, fields, drawings, photos."""

from synthex.augment import groups
from synthex.augment.framing import EDGE, MIRROR
from synthex.augment.screen import ANNOTATIONS
from synthex.augment.tree import Chain, Maybe, Node, Number, Op, Pick, Seed, SomeOf, Uniform, one_of
from synthex.core import ConfigError

_WHITE, _BLACK = 1.3, -0.3
"""White and black of a screen, of which a flat image reaches neither: in ranges of the image. Our choice."""

_BLANKS = (0.0, 0.0, 0.0, 0.0, _BLACK, 1.0, 0.5, 0.3)
"""Levels of what shows no anatomy: black mostly, as on consoles; white as on paper; grey as behind some viewers."""

_SHEETS = (*_BLANKS, EDGE, MIRROR)
"""Borders of a sheet; the last pixel repeated is what preprocessing pads oblong images with."""


def crop(span: Uniform, max_rotation_deg: Number, squeeze: Uniform, *, sheet: bool) -> Node:
    """A window anywhere in the picture, turned; the corners that a turn opens are mostly mirrored.

    Raises:
        ConfigError: The rotation is no finite angle.
    """
    if not 0 <= max_rotation_deg <= 180:
        raise ConfigError(f"augment: max_rotation_deg={max_rotation_deg} must be an angle between 0 and 180")
    return Op(
        "crop",
        {
            "width": span,
            "height": span,
            "x": Uniform(0.0, 1.0),
            "y": Uniform(0.0, 1.0),
            "rotation_deg": Uniform(-max_rotation_deg, max_rotation_deg),
            "squeeze": squeeze,
            "border": Pick(_SHEETS if sheet else (MIRROR, MIRROR, MIRROR, EDGE, 0.0, 0.0)),
        },
    )


def field(radius: Uniform, collimation: Uniform) -> Node:
    """The round field of an intensifier, a rectangular or octagonal stop, or one or two straight leaves."""
    offset = Uniform(-0.12, 0.12)
    level = Pick(_BLANKS)
    circle = Op("round_field", {"radius": radius, "x": offset, "y": offset, "rim": Uniform(0.0, 0.12), "level": level})
    leaves = Op(
        "shutter",
        {
            "leaves": Pick((1, 1, 2)),
            "position": Uniform(0.5, 0.95),
            "angle_deg": Uniform(0.0, 360.0),
            "level": level,
        },
    )
    return one_of("field", circle, groups.collimation(collimation, levels=(0.0, 0.0, 0.0, 1.0, 0.5)), leaves)


def seam() -> Node:
    """A seam across or along the image, one side up to a fifth brighter or darker."""
    return Op(
        "seam",
        {
            "position": Uniform(-0.7, 0.7),
            "angle_deg": Pick((0.0, 90.0, 90.0, 180.0, 270.0)),
            "gain": Uniform(0.8, 1.2),
            "offset": Uniform(-0.1, 0.1),
            "line": Pick((0.0, 0.0, 0.5, 1.0)),
            "level": Pick((0.0, 1.0)),
        },
    )


def corners() -> Node:
    """One or two corners covered by a box, or cut."""
    size = Uniform(0.08, 0.3)
    mask = Op(
        "corner_mask",
        {
            "corner": Pick((0, 1, 2, 3)),
            "shape": Pick(("box", "triangle")),
            "width": size,
            "height": Uniform(0.04, 0.25),
            "level": Pick(_BLANKS),
        },
    )
    return SomeOf("corners", 1, 2, (mask, mask))


def scale_bar() -> Node:
    """A ruler along a side."""
    return Op(
        "scale_bar",
        {
            "side": Pick((0, 1, 1, 2, 3)),
            "length": Uniform(0.2, 0.9),
            "at": Uniform(0.0, 1.0),
            "inset": Uniform(0.01, 0.08),
            "ticks": Pick((5, 10, 10, 20)),
            "level": Pick((1.0, _WHITE, 0.0)),
            "opacity": Uniform(0.5, 1.0),
        },
    )


def annotation() -> Node:
    """One or two drawings anywhere in the picture."""
    drawing = Op(
        "annotation",
        {
            "shape": Pick(ANNOTATIONS),
            "x": Uniform(0.1, 0.9),
            "y": Uniform(0.1, 0.9),
            "size": Uniform(0.06, 0.45),
            "angle_deg": Uniform(0.0, 360.0),
            "thickness_px": Pick((1, 1, 2)),
            "level": Pick((1.0, 1.0, _WHITE, 0.0, 0.6)),
            "opacity": Uniform(0.5, 1.0),
            "seed": Seed(),
        },
    )
    return SomeOf("annotation", 1, 2, (drawing, drawing))


def photo(vignette: Uniform) -> Node:
    """Light that falls off and is uneven, a faint moiré, a lens slightly out of focus."""
    waves = {
        "period_px": Uniform(3.0, 40.0),
        "amplitude": Uniform(0.01, 0.04),
        "angle_deg": Uniform(0.0, 180.0),
        "phase": Uniform(0.0, 1.0),
    }
    parts = Chain(
        (
            Op("vignette", {"strength": vignette, "x": Uniform(-0.3, 0.3), "y": Uniform(-0.3, 0.3)}),
            Maybe(0.5, Op("uneven_contrast", {"gain": Uniform(0.03, 0.2), "gamma": Uniform(0.0, 0.2), "seed": Seed()})),
            Maybe(0.5, Op("grid_lines", waves)),
            Maybe(0.5, Op("gaussian_blur", {"sigma_px": Uniform(0.3, 1.2)})),
        )
    )
    return one_of("photo", parts)
