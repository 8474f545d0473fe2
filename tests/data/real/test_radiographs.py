"""One call reads any radiograph: the right values of every kind of file, or one line that says what is wrong."""

import struct
import zlib

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from generators.dicom_files import ENHANCED_XA, SYNTAXES, XA, film, jpeg, save, table
from PIL import Image as PILImage
from pydicom.dataset import Dataset

from synthex.core import ConfigError, InputError
from synthex.data.real import read_radiographs
from synthex.data.real.radiographs import radiograph_count

ROWS, COLUMNS = 12, 19  # odd on purpose
BONE = (4, 12)


def grey(kind="<u2", bone=3000, tissue=1000) -> np.ndarray:
    """Soft tissue, brighter bone, and no two rows or columns alike."""
    values = np.full((ROWS, COLUMNS), tissue)
    values[3:7, 10:15] = bone
    values += np.arange(COLUMNS) + 2 * np.arange(ROWS)[:, None]
    return values.astype(kind)


def read(path, **options):
    found = list(read_radiographs(path, **options))
    assert len(found) == 1
    return found[0]


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        list(read_radiographs(path, **options))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert not any(secret in message for secret in ("Doe", "Jane", "SECRET"))
    return message


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("frames", [1, 3])
def test_every_transfer_syntax(tmp_path, syntax, frames):
    stored = np.stack([grey(bone=3000 + number) for number in range(frames)])
    path = save(film(stored), tmp_path / "film.dcm", syntax)
    assert radiograph_count(path) == frames
    found = list(read_radiographs(path))
    assert np.array_equal([entry.image for entry in found], stored)
    assert [(entry.frame, entry.domain, entry.pixel_mm) for entry in found] == [(n, "log", 0.3) for n in range(frames)]
    assert np.array_equal(read(path, frame=frames - 1).image, stored[-1])
    assert "has no frame 4" in refusal(path, frame=3)


@pytest.mark.parametrize("syntax", ["explicit", "big", "implicit", "rle"])
@pytest.mark.parametrize("frames", [1, 3])
def test_eight_bits_and_odd_frames(tmp_path, syntax, frames):
    odd = (
        np.stack([grey(np.uint8, 200, 100)[:11] for _ in range(frames)])
        + np.arange(frames, dtype=np.uint8)[:, None, None]
    )
    data = film(odd)
    if odd.size % 2:
        data.PixelData += b"\0"
    found = [entry.image for entry in read_radiographs(save(data, tmp_path / "film.dcm", syntax))]
    assert np.array_equal(found, odd)


def test_jpeg_baseline(tmp_path):
    stored = np.repeat(grey(np.uint8, 200, 100), 8, axis=0)
    found = read(jpeg(film(stored), tmp_path / "film.dcm"))
    assert np.abs(found.image - stored).max() < 12


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big"])
def test_without_preamble_or_ending(tmp_path, syntax):
    assert np.array_equal(read(save(film(grey()), tmp_path / "film", syntax, preamble=False)).image, grey())
    assert np.array_equal(read(save(film(grey()), tmp_path / "1.2.840", syntax)).image, grey())


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("stored", "high"), [(12, 11), (12, 15), (12, 13), (16, 15)])
def test_bits_that_count(tmp_path, signed, stored, high):
    values = grey("<i2") - (2500 if signed else 0)
    if stored == 12:
        values = np.clip(values, -2048, 2047) if signed else values
    raw = (values.astype(np.int64) & (2**stored - 1)) << (high + 1 - stored)
    noise = ~(((1 << stored) - 1) << (high + 1 - stored)) & 0xFFFF  # overlays lie in the bits that do not count
    data = film((raw | noise).astype("<u2"), BitsStored=stored, HighBit=high, PixelRepresentation=int(signed))
    assert np.array_equal(read(save(data, tmp_path / "film.dcm")).image, values)


@pytest.mark.parametrize(
    ("padding", "tags"),
    [
        (65535, {"PixelPaddingValue": 65535}),
        (0, {"PixelPaddingValue": 0}),
        (65000, {"PixelPaddingValue": 64000, "PixelPaddingRangeLimit": 65535}),
        (65000, {"PixelPaddingValue": 65535, "PixelPaddingRangeLimit": 64000}),
        (63536, {"PixelPaddingValue": 63536, "BitsStored": 12, "HighBit": 11}),
        (1, {"PixelPaddingValue": 1, "PhotometricInterpretation": "MONOCHROME1"}),
    ],
)
@pytest.mark.parametrize("domain", ["log", "intensity"])
def test_padding_is_air(tmp_path, padding, tags, domain):
    stored = grey()
    stored[:, :5] = padding
    data = film(stored)
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    for name, value in tags.items():
        number = {"PixelPaddingValue": 0x00280120, "PixelPaddingRangeLimit": 0x00280121}.get(name)
        data.add_new(number, "US", value) if number else setattr(data, name, value)
    found = read(save(data, tmp_path / "film.dcm"), meaning=domain).image
    kept = found[:, 5:]
    assert (found[:, :5] == (kept.min() if domain == "log" else kept.max())).all()
    assert kept.max() - kept.min() == np.ptp(stored[:, 5:].astype(int))


def test_signed_padding_declared_unsigned(tmp_path):
    stored = grey("<i2")
    stored[:, :5] = -2000
    data = film(stored)
    data.add_new(0x00280120, "US", 63536)
    assert (read(save(data, tmp_path / "film.dcm")).image[:, :5] == stored[:, 5:].min()).all()
    stored[:] = -2000
    data.PixelData = stored.tobytes()
    assert "frame 1 is nothing but padding" in refusal(save(data, tmp_path / "film.dcm"))


def voi(entries, **tags):
    return {"VOILUTSequence": [table(entries, **tags)]}


FALLING = 4095 - np.arange(4096)
CURVE = (np.arange(4096) ** 2) >> 9


@pytest.mark.parametrize(
    ("stored", "tags", "wanted"),
    [
        (4095 - grey(), {"ModalityLUTSequence": [table(FALLING)]}, grey()),
        (4095 - grey(), {"ModalityLUTSequence": [table(FALLING, bits=12)]}, grey()),
        (4095 - grey(), voi(FALLING), grey()),
        (grey(), voi(CURVE), CURVE[grey()]),
        (grey(), voi(CURVE[1000:], first=1000), CURVE[grey()]),
        (4095 - grey(), voi(FALLING) | {"PhotometricInterpretation": "MONOCHROME1"}, None),
        (grey(), {"RescaleSlope": "2", "RescaleIntercept": "-7"}, 2.0 * grey() - 7),
        (4095 - grey(), {"RescaleSlope": "-1", "RescaleIntercept": "4095"}, grey()),
        (grey(), {"WindowCenter": "2000", "WindowWidth": "100"}, grey()),
        # What values mean is known, so what is only for display is left out.
        (grey(), voi(CURVE) | {"PixelIntensityRelationship": "LOG", "PixelIntensityRelationshipSign": -1}, grey()),
    ],
)
def test_grey_scales(tmp_path, stored, tags, wanted):
    found = read(save(film(stored.astype("<u2"), **tags), tmp_path / "film.dcm")).image
    if wanted is None:  # turned over after the table
        wanted = grey().astype(float)
        wanted = wanted.min() + wanted.max() - wanted
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("tags", "turned"),
    [
        ({}, False),
        ({"PresentationLUTShape": "IDENTITY"}, False),
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True),
        ({"PresentationLUTShape": "INVERSE"}, True),
    ],
)
def test_one_inversion(tmp_path, tags, turned):
    path = save(film(grey(), **tags), tmp_path / "film.dcm")
    values = grey().astype(float)
    over = values.min() + values.max() - values
    assert np.array_equal(read(path).image, over if turned else values)
    assert np.array_equal(read(path, meaning="inverted").image, values if turned else over)
    assert np.array_equal(read(path, meaning="intensity").image, values)
    assert [read(path, meaning=name).domain for name in ("log", "inverted", "intensity")] == ["log", "log", "intensity"]


@pytest.mark.parametrize("kind", [XA, "1.2.840.10008.5.1.4.1.1.12.2"])
def test_fluoroscopy_grows_with_intensity(tmp_path, kind):
    values = grey().astype(float)
    linear = read(save(film(grey(), Modality="XA", SOPClassUID=kind, PixelIntensityRelationship="LIN"), tmp_path / "a"))
    assert linear.domain == "intensity"
    assert np.array_equal(linear.image, values)
    # The Modality LUT of logarithmic angiography leads back to intensities; it is not for reading.
    tags = {"PixelIntensityRelationship": "LOG", "ModalityLUTSequence": [table(CURVE)]}
    log = read(save(film(grey(), Modality="XA", SOPClassUID=kind, **tags), tmp_path / "b"))
    assert log.domain == "log"
    assert np.array_equal(log.image, values.min() + values.max() - values)


def test_enhanced_fluoroscopy(tmp_path):
    frames = np.stack([grey(), grey(bone=2000)])
    shared, properties, geometry = Dataset(), Dataset(), Dataset()
    properties.PixelIntensityRelationship, properties.PixelIntensityRelationshipSign = "LIN", 1
    properties.ImagerPixelSpacing = [0.2, 0.2]
    geometry.DistanceSourceToDetector, geometry.DistanceSourceToPatient = 1200.0, 800.0
    shared.FramePixelDataPropertiesSequence, shared.XRayGeometrySequence = [properties], [geometry]
    data = film(frames, Modality="XA", SOPClassUID=ENHANCED_XA, ImagerPixelSpacing=None)
    data.SharedFunctionalGroupsSequence = [shared]
    found = list(read_radiographs(save(data, tmp_path / "run")))
    assert np.array_equal([entry.image for entry in found], frames)
    assert {(entry.domain, entry.pixel_mm, entry.magnification) for entry in found} == {("intensity", 0.2, 1.5)}


@pytest.mark.parametrize("modality", ["CR", "DX", "MG", "RF", "XA", "RG", "OT", "PX", "IO", ""])
def test_modalities_of_radiographs(tmp_path, modality):
    assert np.array_equal(read(save(film(grey(), Modality=modality), tmp_path / "film.dcm")).image, grey())


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Modality": "CT"}, "is no radiograph (modality CT)"),
        ({"Modality": "MR"}, "is no radiograph (modality MR)"),
        ({"Modality": "MG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.3"}, "is no radiograph (modality MG)"),
        ({"PixelAspectRatio": ["1", "2"], "ImagerPixelSpacing": None}, "PixelAspectRatio, height by width); resample"),
        ({"PixelAspectRatio": ["2", "1"]}, "pixels of 2 by 1"),
        ({"ImagerPixelSpacing": [0.3, 0.6]}, "says 0.3 x 0.6 mm; resample it to square pixels"),
        ({"ImagerPixelSpacing": None, "PixelSpacing": [0.6, 0.3]}, "PixelSpacing says 0.6 x 0.3 mm"),
        ({"Rows": 600}, "has more or fewer pixels than its header says"),
        ({"Columns": 7}, "has more or fewer pixels than its header says"),
        ({"Rows": 65535, "Columns": 65535}, "no plausible number of pixels"),
        ({"NumberOfFrames": 2}, "has more or fewer pixels than its header says"),
        ({"NumberOfFrames": 2000000000}, "no plausible number of pixels"),
        ({"NumberOfFrames": 0}, "no plausible number of pixels"),
        ({"BitsStored": 17}, "impossible bits"),
        ({"BitsStored": 0}, "impossible bits"),
        ({"HighBit": 3}, "impossible bits"),
        ({"BitsAllocated": 12}, "no pixels of a CT or radiograph"),
        ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, "more or fewer pixels"),
        ({"PixelRepresentation": 7}, "no pixels of a CT or radiograph"),
        ({"Rows": None}, "Rows missing"),
        ({"PixelData": None}, "no pixels"),
        ({"RescaleSlope": "0", "RescaleIntercept": "1"}, "RescaleSlope is 0"),
        ({"RescaleSlope": "1e300", "RescaleIntercept": "0"}, "numbers without end"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "is no grey picture"),
        ({"ModalityLUTSequence": [table(FALLING[:5], bits=3)]}, "another table than it announces"),
        ({"VOILUTSequence": [Dataset()]}, "does not say how large its table is"),
        ({"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 5}, "neither 1 nor -1"),
    ],
)
def test_what_cannot_be(tmp_path, tags, message):
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        path = save(film(grey(), **tags), tmp_path / "film.dcm")
    finally:
        pydicom.config.settings.writing_validation_mode = pydicom.config.RAISE
    assert message in refusal(path)


def test_colours(tmp_path):
    grey_levels = np.repeat(grey(np.uint8, 200, 100)[..., None], 3, axis=2)
    tags = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB", "Modality": "OT"}
    path = save(film(grey(np.uint8, 200, 100), PixelData=grey_levels.tobytes(), **tags), tmp_path / "a.dcm")
    assert np.array_equal(read(path).image, grey_levels[..., 0])
    planes = np.moveaxis(grey_levels, 2, 0)
    tags["PlanarConfiguration"] = 1
    path = save(film(grey(np.uint8, 200, 100), PixelData=planes.tobytes(), **tags), tmp_path / "b.dcm")
    assert np.array_equal(read(path).image, grey_levels[..., 0])
    planes = planes + np.uint8([[[0]], [[1]], [[2]]])
    path = save(film(grey(np.uint8, 200, 100), PixelData=planes.tobytes(), **tags), tmp_path / "c.dcm")
    assert "is in colour; save one grey channel" in refusal(path)


def test_bombs_are_seen_before_memory_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("synthex.dicom.files.MAX_PIXEL_BYTES", 1 << 24)
    path = save(film(grey()), tmp_path / "film.dcm", "deflated")
    content = path.read_bytes()
    end = 144 + struct.unpack_from("<I", content, 140)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = bytes(1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(20)) + packer.flush()
    path.write_bytes(content[:end] + packed)
    assert len(packed) < 1 << 20
    assert "grows to more than 16.0 MiB" in refusal(path)
    # A stream that asks for other pixels than the header: decoders would take memory by it.
    path = save(film(grey()), tmp_path / "film.dcm", "jpeg2000")
    content = path.read_bytes()
    size = content.index(b"\xff\x4f\xff\x51") + 8
    path.write_bytes(content[:size] + struct.pack(">II", 60000, 60000) + content[size + 8 :])
    assert "more or fewer pixels than its header says, once decompressed" in refusal(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".bmp", ".jpg", ".npy", ".npz"])
def test_pictures_and_arrays(tmp_path, suffix):
    values = np.repeat(np.repeat(grey(np.uint8, 200, 100), 8, 0), 8, 1)
    path = tmp_path / f"film{suffix}"
    if suffix == ".npy":
        np.save(path, values)
    elif suffix == ".npz":
        np.savez_compressed(path, values)
    else:
        PILImage.fromarray(values).save(path)
    found = read(path)
    assert np.abs(found.image - values).max() <= (8 if suffix == ".jpg" else 0)
    assert (found.domain, found.pixel_mm, found.frame, found.image.dtype) == ("log", None, 0, np.float32)
    assert read(path, meaning="intensity").domain == "intensity"
    assert np.array_equal(read(path, meaning="inverted").image, found.image.min() + found.image.max() - found.image)


TURNS = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: p[::-1, ::-1],
    4: np.flipud,
    5: lambda p: p.T,
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].T,
    8: np.rot90,
}
"""What viewers do with stored rows and columns to turn a picture upright (EXIF 2.32, Orientation)."""


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["png", "tif", "lzw", "deflate"])
def test_pictures_are_turned_upright(tmp_path, orientation, kind):
    path = tmp_path / ("film.png" if kind == "png" else "film.tif")
    values = grey()
    if kind == "png":
        exif = PILImage.Exif()
        exif[274] = orientation
        PILImage.fromarray(values).save(path, exif=exif)
    elif kind == "lzw":  # which is Pillow's to decode
        PILImage.fromarray(values).save(path, compression="tiff_lzw", tiffinfo={274: orientation})
    else:
        compression = "zlib" if kind == "deflate" else None
        tifffile.imwrite(
            path, values, extratags=[(274, 3, 1, orientation, True)], compression=compression, metadata=None
        )
    assert np.array_equal(read(path).image, TURNS[orientation](values))


def test_jpeg_is_turned_upright(tmp_path):
    values = np.repeat(np.repeat(grey(np.uint8, 200, 100), 8, 0), 8, 1)
    exif = PILImage.Exif()
    exif[274] = 6
    PILImage.fromarray(values).save(tmp_path / "film.jpg", exif=exif, quality=100)
    assert np.abs(read(tmp_path / "film.jpg").image - TURNS[6](values)).max() < 12


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_white_as_the_lowest_value(tmp_path, kind, compression):
    path, values = tmp_path / "film.tif", grey(kind, 200, 100)
    top = np.iinfo(kind).max
    if compression == "lzw":
        PILImage.fromarray(values).save(path, compression="tiff_lzw")
        content = bytearray(path.read_bytes())
        entry = content.index(struct.pack("<HHI", 262, 3, 1))
        content[entry + 8 : entry + 10] = b"\0\0"
        path.write_bytes(content)
    else:
        tifffile.imwrite(path, values, photometric="miniswhite", compression=compression)
    assert np.array_equal(read(path).image, top - values.astype(int))


def test_palettes_alpha_and_depth(tmp_path):
    values, ramp = grey(np.uint8, 200, 100), np.repeat(np.arange(256)[::-1, None], 3, 1)
    picture = PILImage.fromarray(values).convert("P")
    picture.putpalette(ramp.astype(np.uint8).tobytes())
    picture.save(tmp_path / "palette.png")
    assert np.array_equal(read(tmp_path / "palette.png").image, 255 - values.astype(int))
    tifffile.imwrite(tmp_path / "palette.tif", values, photometric="palette", colormap=(ramp.T * 257).astype(np.uint16))
    assert np.array_equal(read(tmp_path / "palette.tif").image, 257 * (255 - values.astype(int)))
    ramp[:, 2] //= 2
    picture.putpalette(ramp.astype(np.uint8).tobytes())
    picture.save(tmp_path / "colour.png")
    assert "is in colour" in refusal(tmp_path / "colour.png")
    deep = np.repeat(grey()[..., None], 4, axis=2)
    deep[..., 3] = 65535
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert np.array_equal(read(tmp_path / "deep.png").image, grey())
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read(tmp_path / "deep.tif").image, grey())
    deep[0, 0, 3] = 0
    cv2.imwrite(str(tmp_path / "holes.png"), deep)
    tifffile.imwrite(tmp_path / "holes.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
    PILImage.fromarray(values).save(tmp_path / "keyed.png", transparency=int(values[0, 0]))
    for name in ("holes.png", "holes.tif", "keyed.png"):
        assert "has transparent parts" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["inks.jpg", "inks.tif"])
def test_grey_in_printing_inks_is_grey_and_colour_is_refused(name, tmp_path):
    values = grey(np.uint8, 200, 100)
    inks = np.repeat(255 - values[..., None], 4, axis=2)
    inks[..., 3] = 0
    PILImage.fromarray(inks, "CMYK").save(tmp_path / name, **({"quality": 100} if name == "inks.jpg" else {}))
    assert np.abs(read(tmp_path / name).image.astype(int) - values).max() <= (3 if name == "inks.jpg" else 0)
    inks[..., 0] //= 2
    PILImage.fromarray(inks, "CMYK").save(tmp_path / name)
    assert "is in colour" in refusal(tmp_path / name)


def test_pages_and_stacks(tmp_path):
    stack = np.stack([grey(bone=3000 + number) for number in range(3)])
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="minisblack")
    np.save(tmp_path / "stack.npy", stack)
    with tifffile.TiffWriter(tmp_path / "sizes.tif") as file:  # pages of different sizes, one of them a thumbnail
        file.write(stack[0])
        file.write(stack[0][::2, ::2], subfiletype=1)
        file.write(stack[1][:5], photometric="miniswhite")
    for name in ("pages.tif", "stack.npy"):
        found = list(read_radiographs(tmp_path / name))
        assert np.array_equal([entry.image for entry in found], stack)
        assert [entry.frame for entry in found] == [0, 1, 2]
        assert np.array_equal(read(tmp_path / name, frame=2).image, stack[2])
    first, second = read_radiographs(tmp_path / "sizes.tif")
    assert np.array_equal(first.image, stack[0])
    assert np.array_equal(second.image, 65535 - stack[1][:5].astype(int))


def test_a_folder_of_everything(tmp_path):
    save(film(grey(), NumberOfFrames=1), tmp_path / "a" / "IM0001")
    save(film(np.stack([grey()] * 2)), tmp_path / "a" / "run.dcm")
    PILImage.fromarray(grey(np.uint8, 200, 100)).save(tmp_path / "b.png")
    report = film(grey(), Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", PixelData=None, Rows=None)
    save(report, tmp_path / "report.dcm")
    (tmp_path / "notes.txt").write_text("nothing\n")
    (tmp_path / "DICOMDIR").write_bytes(b"nothing")
    found = [(entry.path.name, entry.frame) for entry in read_radiographs(tmp_path)]
    assert found == [("IM0001", 0), ("run.dcm", 0), ("run.dcm", 1), ("b.png", 0)]
    (tmp_path / "junk.dcm").write_bytes(b"junk" * 500)
    with pytest.raises(InputError, match=r"junk.dcm: is no DICOM file"):
        list(read_radiographs(tmp_path))


def test_what_is_no_radiograph(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing\n")
    assert "neither a DICOM file nor a picture" in refusal(tmp_path / "notes.txt")
    assert "holds no DICOM file and no picture" in refusal(tmp_path)
    assert "no such file" in refusal(tmp_path / "none.png")
    np.save(tmp_path / "four.npy", np.zeros((2, 2, 2, 2)))
    assert "is no grey image (2 x 2 x 2 x 2, float64)" in refusal(tmp_path / "four.npy")
    with pytest.raises(ConfigError, match="choose log"):
        list(read_radiographs(tmp_path, meaning="dark"))


def test_a_real_c_arm_image(shared_data):
    found = read(shared_data / "xray_pelvis" / "loopx_pelvis.dcm")
    # Bone is dark, which its relationship and sign say although it is MONOCHROME2.
    assert (found.image.shape, found.domain, found.pixel_mm) == ((1388, 1386), "intensity", 0.3)
    assert (found.image.min(), found.image.max()) == (3231, 56086)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "rle", "deflated"])
def test_damaged_bytes_end_in_values_or_one_line(tmp_path, syntax, capfd, recwarn):
    whole = save(film(grey()), tmp_path / "whole.dcm", syntax).read_bytes()
    path = tmp_path / "film.dcm"
    for seed in range(60):
        rng = np.random.default_rng(seed)
        content = np.frombuffer(whole, np.uint8).copy()
        content[rng.integers(132, len(content), rng.integers(1, 6))] = rng.integers(0, 256)
        path.write_bytes(content[: rng.integers(len(content)) if seed % 4 == 0 else None].tobytes())
        said = ""
        try:
            list(read_radiographs(path))
        except InputError as error:
            said = str(error)
        assert not said or str(path) in said, seed
        assert not any(secret in said for secret in ("Doe", "Jane", "SECRET")), seed
    assert not [str(warning.message) for warning in recwarn]
    assert capfd.readouterr() == ("", "")
