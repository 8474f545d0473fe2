"""The policies for any anatomy: none, the paper's regular and strong, and our extreme.

Ranges are those of the SyntheX code (Gao et al., Nature Machine Intelligence 2023), operation by
operation. Where the original had a fault, the rule here is the right one; each operation's docstring says
which. Any operation or group can be left out by name with ``without``, for ablations.
"""

from collections.abc import Sequence

from synthex.augment import groups
from synthex.augment.checks import check_names, interval, probability
from synthex.augment.policy import Policy
from synthex.augment.tree import Chain, Distribution, Either, Maybe, Node, Number, Op, Pick, Seed, SomeOf
from synthex.core import ConfigError

Range = Sequence[Number]


def none() -> Policy:
    """No randomisation; the record says so."""
    return Policy("none", Chain(()))


def regular(
    *,
    gate: Number = 0.5,
    p: Number = 0.5,
    noise_sigma: Range = (0.005, 0.01),
    gamma: Range = (0.7, 1.3),
    size: int | None = None,
    without: Sequence[str] = (),
) -> Policy:
    """The paper's regular randomisation; by default 62.5 % of the samples stay untouched.

    Args:
        gate: Probability that a sample is touched at all.
        p: Probability of noise, and of gamma, once the gate is open.
        noise_sigma: Standard deviation of the noise as a fraction of the image's range.
        gamma: Exponent on the image scaled to [0, 1].
        size: Resample the longer side to so many pixels first, so that lengths in pixels mean the network's; None
            augments native pixels.
        without: Operations to leave out: gaussian_noise, gamma.

    Raises:
        ConfigError: A probability or range makes no sense, a name is unknown, or nothing is left.
    """
    coin = probability("p", p)
    root = Maybe(
        probability("gate", gate),
        Chain(
            (
                Maybe(
                    coin,
                    Op("gaussian_noise", {"sigma": interval("noise_sigma", noise_sigma, identity=0), "seed": Seed()}),
                ),
                Maybe(coin, Op("gamma", {"exponent": interval("gamma", gamma, identity=1)})),
            )
        ),
    )
    return policy_of("regular", root, without, size)


def strong(
    *,
    gate: Number = 0.5,
    p: Number = 0.5,
    max_rotation_deg: Number = 5.0,
    max_translation_mm: Number = 15.5,
    max_shear_deg: Number = 2.0,
    scale: Range = (0.9, 1.1),
    contrast_factor: Range = (0.5, 2.0),
    gamma: Range = (0.5, 2.0),
    blur_sigma_px: Range = (0.0, 3.0),
    dropout_fraction: Range = (0.10, 0.15),
    multiply: Range = (0.5, 1.5),
    elastic_alpha_px: Range = (0.5, 3.5),
    imgaug_salt: bool = False,
    size: int | None = None,
    without: Sequence[str] = (),
) -> Policy:
    """The paper's strong randomisation; the gate leaves half of the samples clean.

    Order: inversion, speckle, contrast, affine (each with ``p``), then one or two of blur, dropout,
    convolution, pooling, multiply, elastic in random order, each of which again happens with ``p``.

    Args:
        gate: Probability that a sample is touched at all.
        p: Probability of each stage once the gate is open.
        max_rotation_deg: Rotation is uniform within plus and minus this.
        max_translation_mm: Length of the translation, in mm at the detector, uniform from 0, direction
            uniform. The original's 20 pixels of 0.776 mm are 15.5 mm; in mm it means the same at any size.
        max_shear_deg: Shear along each axis is uniform within plus and minus this.
        scale: Zoom.
        contrast_factor: Linear contrast about the middle grey.
        gamma: Exponent of gamma contrast.
        blur_sigma_px: Standard deviation of the Gaussian blur.
        dropout_fraction: Fraction of pixels or cells dropped.
        multiply: Factor of the image or of each pixel.
        elastic_alpha_px: Amplitude of the elastic jitter.
        imgaug_salt: Salt and pepper from Beta(1/2, 1/2) as in imgaug, which the original uses, not black and white.
        size: Resample the longer side to so many pixels first, so that lengths in pixels mean the network's; None
            augments native pixels.
        without: Operations or groups (speckle, contrast, mixed, blur, dropout, convolve, pooling, multiply)
            to leave out; the other members of a group share its probability.

    Raises:
        ConfigError: A probability or range makes no sense, a name is unknown, or nothing is left.
    """
    stages = _strong_stages(
        probability("p", p),
        affine=groups.affine(max_rotation_deg, max_translation_mm, max_shear_deg, scale),
        contrast_factor=contrast_factor,
        gamma=gamma,
        blur_sigma_px=blur_sigma_px,
        dropout_fraction=dropout_fraction,
        multiply=multiply,
        elastic_alpha_px=elastic_alpha_px,
        imgaug_salt=imgaug_salt,
    )
    return policy_of("strong", Maybe(probability("gate", gate), stages), without, size)


def extreme(
    *,
    extra_gate: Number = 0.5,
    extra_p: Number = 0.3,
    strong_gate: Number = 0.5,
    strong_p: Number = 0.5,
    collimation_half_size: Range = (0.75, 1.0),
    metal_strength: Range = (1.0, 2.0),
    metal_ceiling: Range = (1.0, 1.3),
    uneven_gain: Range = (0.05, 0.25),
    uneven_gamma: Range = (0.05, 0.35),
    uneven_blur_sigma_px: Range = (1.0, 4.0),
    grid_amplitude: Range = (0.02, 0.08),
    overlay_size: Range = (0.04, 0.12),
    size: int | None = None,
    without: Sequence[str] = (),
) -> Policy:
    """Strong, with what real rooms add around it: metal, collimator, uneven gain and blur, grids and writing.

    What happens before the detector comes before strong, so that inversion, affine and noise act on it;
    what is burned into the image comes after. The gates of the two parts are independent.

    Args:
        extra_gate: Probability that a sample gets any of the extras.
        extra_p: Probability of each extra once that gate is open.
        strong_gate: ``gate`` of :func:`strong`.
        strong_p: ``p`` of :func:`strong`.
        collimation_half_size: Open field over image, each way. Landmarks behind the shutter keep their labels:
            anatomy seen in part is what the network must reason about.
        metal_strength: Attenuation of the thickest metal, in ranges of the image (bone is within 1).
        metal_ceiling: Where metal saturates, on the same scale.
        uneven_gain: Log standard deviation of the low-frequency gain.
        uneven_gamma: Log standard deviation of the low-frequency gamma.
        uneven_blur_sigma_px: Blur where the blur is full.
        grid_amplitude: Amplitude of grid shadows, fraction of the image's range.
        overlay_size: Height of letters and markers as a fraction of the image's.
        size: Resample the longer side to so many pixels first, so that lengths in pixels mean the network's; None
            augments native pixels.
        without: Operations or groups (those of strong; metal, lines, writing) to leave out.

    Raises:
        ConfigError: A probability or range makes no sense, a name is unknown, or nothing is left.
    """
    if not any((*uneven_gain, *uneven_gamma)):
        raise ConfigError("augment: uneven_gain and uneven_gamma change nothing; use without=[uneven_contrast]")
    gate, coin = probability("extra_gate", extra_gate), probability("extra_p", extra_p)
    metal: dict[str, Distribution] = {
        "strength": interval("metal_strength", metal_strength, identity=0),
        "ceiling": interval("metal_ceiling", metal_ceiling),
    }
    before: tuple[Node, ...] = (
        groups.metal(metal),
        Op(
            "uneven_contrast",
            {
                "gain": interval("uneven_gain", uneven_gain),
                "gamma": interval("uneven_gamma", uneven_gamma),
                "seed": Seed(),
            },
        ),
        Op(
            "uneven_blur",
            {"sigma_px": interval("uneven_blur_sigma_px", uneven_blur_sigma_px, identity=0), "seed": Seed()},
        ),
        groups.collimation(interval("collimation_half_size", collimation_half_size, lowest=0.1)),
    )
    after = (
        groups.lines(interval("grid_amplitude", grid_amplitude, identity=0)),
        groups.writing(interval("overlay_size", overlay_size, highest=1)),
    )
    inner = strong(gate=strong_gate, p=strong_p).root
    with_extras = Chain(
        (*(Maybe(coin, node) for node in before), inner, *(Maybe(coin, node) for node in after)),
    )
    return policy_of("extreme", Either(gate, with_extras, inner), without, size)


def _strong_stages(
    coin: Number,
    *,
    affine: Node,
    contrast_factor: Range,
    gamma: Range,
    blur_sigma_px: Range,
    dropout_fraction: Range,
    multiply: Range,
    elastic_alpha_px: Range,
    imgaug_salt: bool,
) -> Node:
    mixed = (
        groups.blur(interval("blur_sigma_px", blur_sigma_px, identity=0)),
        groups.dropout(interval("dropout_fraction", dropout_fraction, identity=0, highest=1)),
        groups.convolve(),
        groups.pooling(),
        groups.multiply(interval("multiply", multiply, identity=1)),
        Op(
            "elastic",
            {
                "alpha_px": interval("elastic_alpha_px", elastic_alpha_px, identity=0),
                "sigma_px": Pick((0.25,)),
                "seed": Seed(),
            },
        ),
    )
    return Chain(
        (
            Maybe(coin, Op("inversion", {})),
            Maybe(coin, groups.speckle(imgaug_salt)),
            Maybe(
                coin,
                groups.contrast(
                    interval("contrast_factor", contrast_factor, identity=1), interval("gamma", gamma, identity=1)
                ),
            ),
            Maybe(coin, affine),
            SomeOf("mixed", 1, 2, tuple(Maybe(coin, node) for node in mixed)),
        )
    )


def policy_of(name: str, root: Node, without: Sequence[str], size: int | None = None) -> Policy:
    """The policy ``name`` of ``root`` without some of its operations and groups, at ``size`` pixels if given.

    Raises:
        ConfigError: A name is unknown, nothing is left, or the size is no number of pixels.
    """
    check_names(without, root.names(), f"augment={name} without")
    kept = root.without(frozenset(without))
    if kept is None:
        raise ConfigError(f"augment={name}: without={list(without)} leaves nothing; use augment=none")
    return Policy(name, kept if size is None else Chain((resized(size), kept)))


def resized(size: int) -> Node:
    """Resampling of the longer side to ``size`` pixels.

    Raises:
        ConfigError: That is no number of pixels.
    """
    if not isinstance(size, int) or size < 8:
        raise ConfigError(f"augment: size={size} must be a number of pixels of 8 or more, or null for native pixels")
    return Op("resize", {"size": Pick((size,))})
