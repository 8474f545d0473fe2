"""Groups of display operations with the ranges they draw from: what consoles and archives do to chest radiographs."""

from synthex.augment import encoding as files
from synthex.augment.tree import Distribution, Either, Node, Op, Pick, Seed, SomeOf, Uniform, one_of

TEXTS = (
    *("L", "R", "L", "R", "A", "B", "1", "D", "PA", "AP", "PA ERECT", "AP ERECT", "AP SUPINE", "SITTING", "SEMI-ERECT"),
    *("PORTABLE", "MOBILE", "MOBILE - AP ERECT", "ICU", "ER", "RESUS", "UPRIGHT", "INSP", "Day 3", "2A", "+", "FOV 35"),
    *("12.03.2021", "2020-11-02", "07:45", "18:02:11", "#114", "110 kV 2 mAs", "S: 250"),
)
"""What is written on chest radiographs; sides twice, for most images bear one. Dates and numbers are made up."""
SIDES = ("L", "R", "D", "G", "A", "B", "1", "2")
_WHITE, _BLACK = 1.3, -0.3
"""White and black of a screen, of which a flat image reaches neither: in ranges of the image. Our choice."""


def range_compression(strength: Uniform) -> Node:
    """The low frequencies that are taken away begin at structures of 3 to 15 % of the image."""
    return Op("range_compression", {"sigma": Uniform(0.03, 0.15), "strength": strength})


def detail(gain: Uniform, clip_limit: Uniform, sharpening: Uniform) -> Node:
    """One or two of multi-scale contrast, local equalisation and unsharp masking, in any order.

    Radii of unsharp masks go from the edges of vessels to the width of a rib space.
    """
    gains: dict[str, Distribution] = {"fine": gain, "medium": gain, "coarse": gain}
    tiles, radii = Pick((2, 3, 4, 6, 8)), Pick((0.004, 0.008, 0.015, 0.03, 0.06))
    return SomeOf(
        "detail",
        1,
        2,
        (
            Op("multi_scale_contrast", {**gains, "exponent": Uniform(0.7, 1.0)}),
            Op("local_equalization", {"clip_limit": clip_limit, "tiles": tiles, "amount": Uniform(0.3, 1.0)}),
            Op("unsharp_mask", {"sigma": radii, "amount": sharpening}),
        ),
    )


def window(black: Uniform, white: Uniform, sigmoid_width: Uniform) -> Node:
    """A linear or a sigmoid window."""
    return one_of(
        "window",
        Op("linear_window", {"black_quantile": black, "white_quantile": white}),
        Op("sigmoid_window", {"centre_quantile": Uniform(0.25, 0.75), "width": sigmoid_width}),
    )


def tone(strength: Uniform, gamma: Uniform) -> Node:
    """A lookup table, or a gamma."""
    return one_of("tone", Op("tone_spline", {"strength": strength, "seed": Seed()}), Op("gamma", {"exponent": gamma}))


def vignette(strength: Uniform) -> Node:
    """Darker corners about a centre up to a fifth of the image off the middle."""
    return Op("vignette", {"strength": strength, "x": Uniform(-0.2, 0.2), "y": Uniform(-0.2, 0.2)})


def framed(pose: Op) -> Node:
    """``pose`` on an empty sheet: black mostly, as on screens; white as on paper."""
    return Op("framed_affine", {**pose.parameters, "level": Pick((0.0, 0.0, 0.0, _BLACK, 1.0, _WHITE))})


def resample(factor: Uniform) -> Node:
    """Another size and back."""
    return Op("resample", {"factor": factor, "interpolation": Pick(files.INTERPOLATIONS)})


def encoding(quality: Uniform) -> Node:
    """JPEG for 7 images in 10, else plain grey levels; the shares are our choice."""
    jpeg = Op("jpeg", {"quality": quality})
    return one_of("encoding", Either(0.7, jpeg, Op("quantize", {"levels": Pick((64, 128, 256))})))


def border_writing(size: Uniform) -> Node:
    """One to three letters, plates and markers in the outer strips of the image, mostly white."""
    strips = (
        (Uniform(0.0, 1.0), Uniform(0.0, 0.1)),
        (Uniform(0.0, 0.1), Uniform(0.0, 1.0)),
        (Uniform(0.9, 1.0), Uniform(0.0, 1.0)),
        (Uniform(0.0, 1.0), Uniform(0.9, 1.0)),
    )
    places: list[dict[str, Distribution]] = [{"size": size, "x": x, "y": y} for x, y in strips]
    level = Pick((1.0, 1.0, 1.0, _WHITE, _WHITE, 0.0, _BLACK))
    letters = (
        Op("letters", {"text": Pick(TEXTS), "level": level, "opacity": Uniform(0.5, 1.0), **place}) for place in places
    )
    plates = (
        Op("letter_plate", {"text": Pick(SIDES), "plate": Pick(files.PLATES), "level": level, **place})
        for place in places
    )
    markers = (
        Op(
            "marker",
            {
                "shape": Pick(("ring", "disc", "arrow")),
                "angle_deg": Uniform(0.0, 360.0),
                "level": level,
                "opacity": Uniform(0.5, 1.0),
                **place,
            },
        )
        for place in places
    )
    kinds = (one_of("border_letters", *letters), one_of("plates", *plates), one_of("markers", *markers))
    return SomeOf("writing", 1, 3, kinds)
