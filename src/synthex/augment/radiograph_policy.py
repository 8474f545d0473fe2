"""The policy for radiographs of any part of the body as they are met: on screens, in archives and photographs.

Everything is drawn at the size that the network sees, so that a radiograph of 3000 pixels and a simulated image of 256
are augmented alike: samples are resampled first (``size``), then processed and windowed as a console does, inverted,
cut out and put on a sheet, shuttered and written on, and at last saved as a file. What the paper's strong policy does
to pixels comes after, more rarely.

The ranges are our choice, round figures, wide enough for plain films and C-arms; nothing was fitted to any image.
"""

from collections.abc import Sequence

from synthex.augment import display_groups, screen_groups
from synthex.augment.checks import interval, probability
from synthex.augment.policies import Range, policy_of, resized, strong
from synthex.augment.policy import Policy
from synthex.augment.tree import Chain, Either, Maybe, Number, Op, Seed, Uniform

_STRONG_ELSEWHERE = ("affine", "inversion")
"""Of strong, what has a place of its own here."""


def radiograph(
    *,
    size: int | None = None,
    uneven_p: Number = 0.2,
    display_p: Number = 0.5,
    detail_p: Number = 0.6,
    bone_share: Number = 0.5,
    inversion_p: Number = 0.3,
    crop_p: Number = 0.8,
    sheet_share: Number = 0.3,
    field_p: Number = 0.35,
    seam_p: Number = 0.03,
    corner_p: Number = 0.15,
    writing_p: Number = 0.5,
    annotation_p: Number = 0.15,
    photo_p: Number = 0.12,
    resample_p: Number = 0.25,
    noise_p: Number = 0.3,
    strong_gate: Number = 0.3,
    strong_p: Number = 0.4,
    black_quantile: Range = (0.0, 0.15),
    white_quantile: Range = (0.8, 1.0),
    bone_black_quantile: Range = (0.1, 0.5),
    bone_white_quantile: Range = (0.93, 1.0),
    sigmoid_width: Range = (0.6, 3.0),
    spline_strength: Range = (0.1, 0.5),
    gamma: Range = (0.5, 2.0),
    compression: Range = (0.1, 0.7),
    detail_gain: Range = (0.75, 3.5),
    sharpening: Range = (0.25, 3.0),
    clip_limit: Range = (1.0, 5.0),
    max_rotation_deg: Number = 12.0,
    crop: Range = (0.6, 1.0),
    sheet: Range = (0.9, 1.6),
    squeeze: Range = (0.94, 1.06),
    field_radius: Range = (0.85, 1.3),
    collimation_half_size: Range = (0.6, 1.05),
    overlay_size: Range = (0.03, 0.08),
    vignette: Range = (0.05, 0.4),
    noise_sigma: Range = (0.003, 0.03),
    resample_factor: Range = (0.35, 0.9),
    jpeg_quality: Range = (20, 95),
    without: Sequence[str] = (),
) -> Policy:
    """Displays, frames and files of radiographs, then what strong does to pixels.

    Order: intensities are undone or left dark, one as often as the other; uneven exposure; range compression, detail
    processing, a window (always), a tone curve; a field stop before or after inversion; a window of the picture or the
    picture on a sheet, turned; masked corners, writing, annotations; a photograph of the screen; resampling, then JPEG
    or plain grey levels (always); noise; strong without its pose and inversion.

    Args:
        size: Pixels of the network's longer side, to which samples are resampled first; None augments native pixels,
            on which everything in pixels is weaker the larger the image.
        uneven_p: Probability of a low-frequency gain over the image.
        display_p: Probability of range compression, and of a tone curve.
        detail_p: Probability of one or two kinds of detail processing.
        bone_share: Share of windows narrow enough to show bone alone: soft tissue black, dense bone burnt out.
        inversion_p: Probability of bone dark (fluoroscopes, MONOCHROME1).
        crop_p: Probability of a crop, a sheet or a turn.
        sheet_share: Share of these that show the whole picture or more, on a sheet.
        field_p: Probability of a round or shuttered field.
        seam_p: Probability of two exposures stitched.
        corner_p: Probability of one or two masked or cut corners.
        writing_p: Probability of letters, plates and markers along the borders, and a ruler now and then.
        annotation_p: Probability of lines, arrows and ellipses in the picture.
        photo_p: Probability of a photograph of a screen or light box: darker corners, uneven light, faint moiré, blur.
        resample_p: Probability of a detour through a smaller size.
        noise_p: Probability of noise.
        strong_gate: ``gate`` of strong.
        strong_p: ``p`` of strong.
        black_quantile: Of the image's values, shown black by a wide linear window.
        white_quantile: Of the image's values, from which a wide linear window shows white.
        bone_black_quantile: The same of a window on bone.
        bone_white_quantile: The same of a window on bone.
        sigmoid_width: Width of a sigmoid window over the 5 to 95 % range of the values.
        spline_strength: Log standard deviation of the steps of a random tone curve.
        gamma: Exponent of a gamma curve.
        compression: Part of the low frequencies that range compression takes away.
        detail_gain: Gain of each band of multi-scale contrast.
        sharpening: Amount of unsharp masking.
        clip_limit: Of local equalisation.
        max_rotation_deg: Rotation is uniform within plus and minus this.
        crop: Width, and height, of a crop as a fraction of the picture's; independent, so that crops are oblong.
        sheet: The same of a sheet, partly larger than the picture.
        squeeze: Width over height of what was square.
        field_radius: Of a round field over half the shorter side.
        collimation_half_size: Open field over image, each way.
        overlay_size: Height of letters as a fraction of the image's.
        vignette: Darkening at the corner of a photograph.
        noise_sigma: Standard deviation as a fraction of the image's range.
        resample_factor: Smaller size over size.
        jpeg_quality: Between 1 and 100.
        without: Operations or groups (those of chest and strong; field, corners, annotation, photo) to leave out.

    Raises:
        ConfigError: A probability or range makes no sense, a name is unknown, or nothing is left.
    """
    coin = probability("display_p", display_p)
    processing = (
        Maybe(
            probability("uneven_p", uneven_p),
            Op("uneven_contrast", {"gain": Uniform(0.03, 0.15), "gamma": Uniform(0.03, 0.2), "seed": Seed()}),
        ),
        Maybe(coin, display_groups.range_compression(interval("compression", compression, identity=0, highest=0.95))),
        Maybe(
            probability("detail_p", detail_p),
            display_groups.detail(
                gain=interval("detail_gain", detail_gain),
                clip_limit=interval("clip_limit", clip_limit, lowest=0.5),
                sharpening=interval("sharpening", sharpening, identity=0),
            ),
        ),
        Either(
            probability("bone_share", bone_share),
            Op(
                "linear_window",
                {
                    "black_quantile": interval("bone_black_quantile", bone_black_quantile, highest=0.7),
                    "white_quantile": interval("bone_white_quantile", bone_white_quantile, lowest=0.75, highest=1),
                },
            ),
            display_groups.window(
                black=interval("black_quantile", black_quantile, highest=0.45),
                white=interval("white_quantile", white_quantile, lowest=0.55, highest=1),
                sigmoid_width=interval("sigmoid_width", sigmoid_width, lowest=0.1),
            ),
        ),
        Maybe(
            coin,
            display_groups.tone(
                strength=interval("spline_strength", spline_strength, identity=0, highest=2),
                gamma=interval("gamma", gamma, identity=1, lowest=0.05),
            ),
        ),
        Maybe(probability("seam_p", seam_p), screen_groups.seam()),
    )
    field = screen_groups.field(
        radius=interval("field_radius", field_radius, lowest=0.3, highest=1.5),
        collimation=interval("collimation_half_size", collimation_half_size, lowest=0.3),
    )
    inversion = Maybe(probability("inversion_p", inversion_p), Op("inversion", {}))
    onto, part = interval("sheet", sheet, lowest=0.3, highest=3), interval("crop", crop, lowest=0.3, highest=1)
    squeezed = interval("squeeze", squeeze, lowest=0.5, highest=2)
    frame = (
        # A field stop is seen through the window and inverted with the picture, or laid over what is shown.
        Either(
            0.5,
            Chain((Maybe(probability("field_p", field_p), field), inversion)),
            Chain((inversion, Maybe(probability("field_p", field_p), field))),
        ),
        Maybe(
            probability("crop_p", crop_p),
            Either(
                probability("sheet_share", sheet_share),
                screen_groups.crop(onto, max_rotation_deg, squeezed, sheet=True),
                screen_groups.crop(part, max_rotation_deg, squeezed, sheet=False),
            ),
        ),
        Maybe(probability("corner_p", corner_p), screen_groups.corners()),
        Maybe(
            probability("writing_p", writing_p),
            display_groups.border_writing(interval("overlay_size", overlay_size, highest=1)),
        ),
        Maybe(probability("writing_p", writing_p) / 4, screen_groups.scale_bar()),
        Maybe(probability("annotation_p", annotation_p), screen_groups.annotation()),
    )
    file = (
        Maybe(
            probability("photo_p", photo_p),
            screen_groups.photo(interval("vignette", vignette, identity=0, highest=1)),
        ),
        Maybe(
            probability("resample_p", resample_p),
            display_groups.resample(interval("resample_factor", resample_factor, identity=1, lowest=0.05, highest=1)),
        ),
        display_groups.encoding(interval("jpeg_quality", jpeg_quality, lowest=1, highest=100)),
        Maybe(
            probability("noise_p", noise_p),
            Op("gaussian_noise", {"sigma": interval("noise_sigma", noise_sigma, identity=0), "seed": Seed()}),
        ),
        strong(gate=strong_gate, p=strong_p, without=_STRONG_ELSEWHERE).root,
    )
    # A fluoroscope's dark bone reaches networks both ways: as intensities of a DICOM file, or as a picture's greys.
    grey = Either(0.5, Op("line_integral", {}), Op("as_shown", {}))
    first = (grey, *(() if size is None else (resized(size),)))
    return policy_of("radiograph", Chain((*first, *processing, *frame, *file)), without)
