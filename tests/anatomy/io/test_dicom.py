"""CTs in DICOM: what is consistent is read right, in any syntax, order and company; what is not is one line."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from generators.dicom_files import SYNTAXES, dataset, save, table
from pydicom.dataset import Dataset

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.io import read_ct, read_ct_grid
from synthex.core import ConfigError, InputError

CT, ENHANCED, SECONDARY = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.7"
SLICES, ROWS, COLUMNS = 8, 10, 12
SERIES = "1.2.3.4"
AXIAL = [1, 0, 0, 0, 1, 0]


def hu() -> np.ndarray:
    """[k, row, column]: air, a body, a bone in the upper half in front on the patient's right."""
    values = np.full((SLICES, ROWS, COLUMNS), -1000)
    values[:, 2:8, 2:10] = 40
    values[:, 7, 2:10] = -110
    values[SLICES // 2 :, 3:5, 3:5] = 700
    return values


def slice_of(plane: np.ndarray, z: float, **tags) -> Dataset:
    """One slice, stored as HU + 1024, at z mm."""
    stored = np.asarray(plane + 1024, dtype="<u2")
    known = {
        "SeriesInstanceUID": SERIES,
        "StudyInstanceUID": "1.2",
        "ImagePositionPatient": [-6, -5, z],
        "ImageOrientationPatient": AXIAL,
        "PixelSpacing": [1.5, 1],
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
    }
    return dataset(stored, "CT", CT, **(known | tags))


def series(folder: Path, change=lambda k, data: None, syntax: str = "explicit", name="IM{:04d}", **options) -> Path:
    """A series whose slices may be changed before they are written."""
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        for k, plane in enumerate(hu()):
            data = slice_of(plane, 2.0 * k)
            if change(k, data) is not False:
                save(data, folder / name.format((5 * k) % 8), syntax, **options)
    finally:
        pydicom.config.settings.writing_validation_mode = pydicom.config.RAISE
    return folder


def enhanced(
    path: Path, order=range(SLICES), rescale=None, change=lambda data, frames: None, syntax="explicit"
) -> Path:
    """One multi-frame file, in which frame n is plane order[n], with a rescale of its own."""
    order = list(order)
    rescale = rescale or [(1, -1024)] * len(order)
    stored = np.stack([(hu()[k] - cut) / slope for k, (slope, cut) in zip(order, rescale, strict=True)])
    data = dataset(np.rint(stored).astype("<u2"), "CT", ENHANCED)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = AXIAL
    measures.PixelSpacing = [1.5, 1]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    frames = []
    for k, (slope, cut) in zip(order, rescale, strict=True):
        frame, position, value, content = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-6, -5, 2.0 * k]
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = slope, cut, "HU"
        content.StackID, content.InStackPositionNumber, content.DimensionIndexValues = "1", int(k) + 1, [1, int(k) + 1]
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [position], [value]
        frame.FrameContentSequence = [content]
        frames.append(frame)
    data.SharedFunctionalGroupsSequence, data.PerFrameFunctionalGroupsSequence = [shared], frames
    change(data, frames)
    return save(data, path, syntax)


def assert_right(path: Path, wanted: np.ndarray | None = None, number: int | None = None) -> None:
    """HU in RAS: rows of the file run to the back, columns to the left."""
    volume = read_ct(path, number)
    wanted = hu() if wanted is None else wanted
    assert np.array_equal(volume.data, wanted.transpose(2, 1, 0)[::-1, ::-1])
    assert np.allclose(volume.spacing_mm, (1, 1.5, 2))
    assert np.allclose(volume.world_from_ijk.matrix[:3, 3], (6 - 11, 5 - 13.5, 0))
    grid = read_ct_grid(path, number)
    assert grid.data is None
    assert grid.shape == (COLUMNS, ROWS, SLICES)


def refusal(path: Path, number: int | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_ct(path, number)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert not any(secret in message for secret in ("Doe", "Jane", "SECRET", SERIES))
    return message


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_series_and_enhanced_files_in_every_syntax(tmp_path, syntax):
    assert_right(series(tmp_path / "series", syntax=syntax))
    assert_right(enhanced(tmp_path / "ct.dcm", syntax=syntax))


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big"])
def test_slices_without_preamble(tmp_path, syntax):
    assert_right(series(tmp_path / "series", syntax=syntax, preamble=False))
    series(tmp_path / "some", lambda k, data: k > 1)
    assert_right(series(tmp_path / "some", lambda k, data: k < 2, syntax, name="X{:04d}", preamble=False))


def signed(data: Dataset) -> None:
    data.PixelData = (np.frombuffer(data.PixelData, "<u2").astype("<i2") - 1024).astype("<i2").tobytes()
    data.PixelRepresentation, data.RescaleIntercept = 1, 0


@pytest.mark.parametrize("bits", [(16, 15), (12, 11), (12, 13)])
@pytest.mark.parametrize("negative", [False, True])
def test_signs_and_bits(tmp_path, bits, negative):
    def change(k, data):
        if negative:
            signed(data)
        stored, high = bits
        data.BitsStored, data.HighBit = stored, high
        values = np.frombuffer(data.PixelData, "<u2").astype(int)
        raw = (values & (2**stored - 1)) << (high + 1 - stored)
        overlay = 0 if stored == 16 else 1 << 15  # what lies above the bits that count is not the CT's
        data.PixelData = (raw | overlay).astype("<u2").tobytes()

    assert_right(series(tmp_path / "series", change))


@pytest.mark.parametrize(
    ("value", "limit", "negative"),
    [(65535, None, False), (63536, None, False), (0, None, False), (-2000, None, True), (60000, 65535, False)],
)
@pytest.mark.parametrize("kind", ["series", "enhanced"])
def test_padding_is_air(tmp_path, value, limit, negative, kind):
    outside = np.hypot(*np.mgrid[-4.5:5, -5.5:6]) > 5.6

    def pad(data):
        if negative:
            signed(data)
        pixels = np.frombuffer(data.PixelData, f"<{'i' if negative else 'u'}2").reshape(-1, ROWS, COLUMNS).copy()
        pixels[:, outside] = value
        data.PixelData = pixels.tobytes()
        data.add_new(0x00280120, "SS" if negative else "US", value)
        if limit:
            data.add_new(0x00280121, "US", limit)

    wanted = hu()
    wanted[:, outside] = -1024
    if kind == "series":
        path = series(tmp_path / "series", lambda k, data: pad(data))
    elif negative:
        return
    else:
        path = enhanced(tmp_path / "ct.dcm", change=lambda data, frames: pad(data))
    assert_right(path, wanted)


@pytest.mark.parametrize("seed", range(3))
def test_frames_in_any_order_with_a_rescale_of_their_own(tmp_path, seed):
    order = np.random.default_rng(seed).permutation(SLICES)
    rescale = [(1 + n % 2, -1024) for n in range(SLICES)] if seed else None
    assert_right(enhanced(tmp_path / "ct.dcm", order, rescale))


def test_an_enhanced_series_of_several_files(tmp_path):
    for part, order in enumerate((range(3), range(3, SLICES))):
        enhanced(tmp_path / "ct" / f"{part}", order, change=lambda d, f: setattr(d, "SeriesInstanceUID", SERIES))
    assert_right(tmp_path / "ct")


def test_rescale_of_every_slice(tmp_path):
    def change(k, data):
        slope, cut = 1 + k % 3, -1024 - k
        data.RescaleSlope, data.RescaleIntercept = slope, cut
        data.PixelData = np.rint((hu()[k] - cut) / slope).astype("<u2").tobytes()

    volume = read_ct(series(tmp_path / "series", change))
    assert np.abs(volume.data - hu().transpose(2, 1, 0)[::-1, ::-1]).max() <= 1


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (lambda k, d: k != 3, ("1 slices are missing", "between IM0002 and IM0004")),
        (lambda k, d: k not in (2, 3), ("2 slices are missing",)),
        (lambda k, d: setattr(d, "ImagePositionPatient", [-6, -5, 2 * k + 0.5 * (k == 5)]), ("uneven",)),
        (lambda k, d: setattr(d, "ImagePositionPatient", [-6, -5, 2 * (k // 2)]), ("each of 4 positions holds 2",)),
        (lambda k, d: setattr(d, "ImagePositionPatient", [-6, -5, 2 * min(k, 6)]), ("two slices at one position",)),
        (lambda k, d: setattr(d, "ImagePositionPatient", [-6 + 3 * (k == 4), -5, 2 * k]), ("sideways, by 3.00 mm",)),
        (lambda k, d: setattr(d, "ImagePositionPatient", [-6, -5 + 3 * (k > 4), 2 * k]), ("sideways",)),
        (lambda k, d: setattr(d, "ImagePositionPatient", [-6, -5 + k, 2 * k]), ("sheared", "lean by 26.6 degrees")),
        (lambda k, d: setattr(d, "GantryDetectorTilt", 15), ("tilted by 15.0 degrees", "do not show it")),
        (lambda k, d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 0, 0, -1]) if k == 3 else None, ("orientation",)),
        (lambda k, d: setattr(d, "ImageOrientationPatient", [2, 0, 0, 0, 2, 0]), ("not of length 1",)),
        (lambda k, d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), ("at right angles",)),
        (lambda k, d: setattr(d, "PixelSpacing", [2, 2]) if k == 3 else None, ("pixel spacing", "IM0007")),
        (lambda k, d: setattr(d, "PixelSpacing", [0, 0]), ("wrong or missing spacing",)),
        (lambda k, d: d.pop("PixelSpacing"), ("pixel spacing (PixelSpacing)",)),
        (lambda k, d: d.pop("ImagePositionPatient") if k == 3 else None, ("IM0007", "without position")),
        (lambda k, d: setattr(d, "RescaleSlope", -1) if k == 3 else None, ("IM0007", "slope that is not above 0")),
        (lambda k, d: setattr(d, "RescaleSlope", 0), ("slope that is not above 0",)),
        (lambda k, d: d.pop("RescaleIntercept") if k == 3 else None, ("IM0007", "slope without intercept")),
        (lambda k, d: [d.pop("RescaleIntercept"), d.pop("RescaleSlope")] if k == 3 else None, ("IM0007", "presence")),
        (lambda k, d: setattr(d, "RescaleIntercept", 0) if k == 3 else None, ("IM0007", "contradicts its neighbours")),
        (lambda k, d: setattr(d, "RescaleSlope", 2) if k == 3 else None, ("IM0007", "contradicts its neighbours")),
        (lambda k, d: setattr(d, "RescaleType", "OD"), ("unit OD, not HU",)),
        (lambda k, d: setattr(d, "PixelRepresentation", 1) if k == 3 else None, ("IM0007", "the sign of pixels")),
        (
            lambda k, d: setattr(d, "PixelData", d.PixelData[:-8]) if k == 3 else None,
            ("IM0007", "more or fewer pixels"),
        ),
        (lambda k, d: setattr(d, "PixelData", d.PixelData + bytes(8)) if k == 3 else None, ("more or fewer pixels",)),
        (lambda k, d: setattr(d, "Columns", 6) if k == 3 else None, ("IM0007", "more or fewer pixels")),
        (lambda k, d: setattr(d, "Rows", 65535), ("more or fewer pixels",)),
        (lambda k, d: d.pop("PixelData") if k == 3 else None, ("IM0007", "no pixels")),
        (lambda k, d: d.pop("Rows") if k == 3 else None, ("IM0007", "Rows missing")),
        (lambda k, d: setattr(d, "ModalityLUTSequence", [table(np.arange(9))]), ("table in place of rescale",)),
        (lambda k, d: setattr(d, "Modality", "MR"), ("modality MR, not CT",)),
        (
            lambda k, d: [setattr(d, "Modality", "SECRET"), setattr(d, "SOPClassUID", SECONDARY)],
            ("no modality that the standard lists",),
        ),
        (lambda k, d: setattr(d, "BitsStored", 8) or setattr(d, "HighBit", 7), ("8-bit values",)),
        (lambda k, d: [d.pop("RescaleIntercept"), d.pop("RescaleSlope")], ("not HU", "without its offset")),
    ],
)
def test_series_that_contradict_themselves(tmp_path, change, messages):
    message = refusal(series(tmp_path / "series", change))
    for part in messages:
        assert part in message, message


def frame_tag(sequence, keyword, value, which=3):
    def change(data, frames):
        setattr(getattr(frames[which], sequence)[0], keyword, value)

    return change


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (frame_tag("PlanePositionSequence", "ImagePositionPatient", [-6, -5, 4]), ("two slices at one position",)),
        (frame_tag("PlanePositionSequence", "ImagePositionPatient", [-6, -5, 6.5]), ("uneven", "frame 4")),
        (frame_tag("PlanePositionSequence", "ImagePositionPatient", [-3, -5, 6]), ("sideways", "frame 4")),
        (frame_tag("PixelValueTransformationSequence", "RescaleSlope", -1), ("slope that is not above 0",)),
        (frame_tag("PixelValueTransformationSequence", "RescaleIntercept", 0), ("frame 4", "contradicts")),
        (frame_tag("PixelValueTransformationSequence", "RescaleType", "Z_EFF"), ("unit Z_EFF",)),
        (frame_tag("FrameContentSequence", "InStackPositionNumber", 9), ("contradicts its position",)),
        (lambda d, f: d.pop("PerFrameFunctionalGroupsSequence"), ("describes 0 of 8 frames",)),
        (lambda d, f: setattr(d, "PerFrameFunctionalGroupsSequence", f[:5]), ("describes 5 of 8 frames",)),
        (lambda d, f: setattr(d, "NumberOfFrames", 9), ("more or fewer pixels",)),
        (lambda d, f: setattr(d, "Columns", 600), ("more or fewer pixels",)),
        (lambda d, f: f[2].pop("PlanePositionSequence"), ("without position",)),
        (lambda d, f: d.pop("SharedFunctionalGroupsSequence"), ("ImageOrientationPatient",)),
    ],
)
def test_frames_that_contradict_each_other(tmp_path, change, messages):
    message = refusal(enhanced(tmp_path / "ct.dcm", change=change))
    for part in messages:
        assert part in message, message


def test_a_gap_between_frames(tmp_path):
    message = refusal(enhanced(tmp_path / "ct.dcm", [0, 1, 2, 4, 5, 6, 7]))
    assert "1 slices are missing" in message
    assert "between ct.dcm frame 3 and ct.dcm frame 4" in message


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], ""),
        ([8, 7, 6, 5, 4, 3, 2, 1], ""),
        ([3, 1, 7, 2, 8, 4, 6, 5], ""),  # as an archive numbers that goes by nothing
        ([1, 2, 3, 7, 5, 6, 4, 8], "was a slice moved?"),
        ([1, 2, 3, 4, 5, 6, 8, 7], "IM0003.dcm: was a slice moved?"),
    ],
)
def test_slices_that_lie_otherwise_than_they_are_numbered_are_said(tmp_path, numbers, said):
    folder = series(tmp_path / "s", lambda k, d: setattr(d, "InstanceNumber", numbers[k]), name="IM{:04d}.dcm")
    notes = "; ".join(read_ct_grid(folder).notes)
    assert said in notes
    assert bool(said) == bool(notes)


def test_a_tilted_stack_is_said(tmp_path):
    angle = np.radians(15)
    down = np.array([0, np.cos(angle), -np.sin(angle)])

    def tilt(k, data):
        normal = np.cross([1, 0, 0], down)
        data.ImageOrientationPatient, data.GantryDetectorTilt = [1, 0, 0, *down.round(6)], -15
        data.ImagePositionPatient = (np.array([-6, -5, 0]) + 2 * k * normal).round(6).tolist()

    assert read_ct_grid(series(tmp_path / "along", tilt)).notes == (
        "the gantry was tilted by 15.0 degrees, and the slices with it",
    )

    def upright(k, data):
        data.GantryDetectorTilt, data.ImageType = 15, ["DERIVED", "SECONDARY", "MPR"]

    folder = series(tmp_path / "derived", upright)
    assert "resampled upright" in read_ct_grid(folder).notes[0]
    assert_right(folder)


def stranger(modality: str, kind: str, **tags) -> Dataset:
    data = dataset(np.zeros((4, 4), "<u2"), modality, kind, **tags)
    if "Rows" not in tags:
        for name in ("Rows", "Columns", "PixelData", "BitsAllocated"):
            del data[name]
    return data


STRANGERS = {
    "structures": (stranger("RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3"), "1 x modality RTSTRUCT"),
    "same series": (stranger("RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3", SeriesInstanceUID=SERIES), "RTSTRUCT"),
    "dose report": (stranger("SR", "1.2.840.10008.5.1.4.1.1.88.67"), "1 x modality SR"),
    "presentation": (stranger("PR", "1.2.840.10008.5.1.4.1.1.11.1"), "1 x modality PR"),
    "segmentation": (stranger("SEG", "1.2.840.10008.5.1.4.1.1.66.4", Rows=4), "1 x modality SEG"),
    "dose": (stranger("RTDOSE", "1.2.840.10008.5.1.4.1.1.481.2", Rows=4), "1 x modality RTDOSE"),
    "private": (stranger("CT", "1.3.12.2.1107.5.9.1", SeriesInstanceUID=SERIES), "1 x object without pixels"),
    "localizer": (
        slice_of(hu()[0], 0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesInstanceUID=SERIES),
        "1 x localizer",
    ),
    "scout": (slice_of(hu()[0], 0, SeriesInstanceUID="1.9"), "1 x series of one slice"),
    "screenshot": (stranger("CT", SECONDARY, Rows=4, SeriesInstanceUID=SERIES), "1 x picture without a place"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_other_objects_beside_the_slices(tmp_path, name, caplog):
    folder = series(tmp_path / "series")
    save(STRANGERS[name][0].copy(), folder / "ZZ0001")
    assert_right(folder)
    source = CtFolder(folder)
    source.check()
    assert STRANGERS[name][1] in caplog.text
    assert str(tmp_path) not in caplog.text


@pytest.mark.parametrize("name", ["junk.dcm", "IM9999", "1.2.3.9"])
@pytest.mark.parametrize("content", [b"junk" * 500, b"", bytes(200)])
def test_what_pretends_to_be_a_slice_is_named(tmp_path, name, content):
    folder = series(tmp_path / "series")
    (folder / name).write_bytes(content)
    assert name in refusal(folder)


@pytest.mark.parametrize("keep", [150, 300, 500, 700, -20])
def test_a_cut_slice_is_named(tmp_path, keep):
    folder = series(tmp_path / "series")
    last = sorted(folder.iterdir())[-1]
    last.write_bytes(last.read_bytes()[:keep])
    assert last.name in refusal(folder)


def test_other_files_are_no_slices(tmp_path):
    folder = series(tmp_path / "series")
    for name in ("README", "notes.txt", "DICOMDIR", ".hidden", "picture.png"):
        (folder / name).write_text("nothing\n")
    assert_right(folder)


def two_series(root: Path) -> Path:
    """A patient as an archive exports it: localizer, two reconstructions, a report."""
    study = root / "PAT" / "STUDY"
    save(slice_of(hu()[0], 0, SeriesInstanceUID="1.1"), study / "S1" / "IM1")
    series(study / "S2", lambda k, d: [setattr(d, "SeriesInstanceUID", "1.8"), setattr(d, "SeriesNumber", 7)])
    soft = lambda k, d: [setattr(d, "SeriesNumber", 3), setattr(d, "PixelData", bytes(2 * ROWS * COLUMNS))]  # noqa: E731
    series(study / "S3", soft)
    save(stranger("SR", "1.2.840.10008.5.1.4.1.1.88.67"), study / "S4" / "IM1")
    return root


def test_series_are_listed_and_chosen(tmp_path, monkeypatch):
    root = two_series(tmp_path / "tree")
    said = refusal(root)
    # By their own numbers.
    assert "2 CT series (1: 8 slices of 10 x 12, 1.5 x 1 x 2 mm in PAT/STUDY/S3; 2: 8 slices of 10 x 12" in said
    assert "choose one with data.series=1 to 2" in said
    assert_right(root, number=2)
    assert "no series 3: 2 CT series" in refusal(root, 3)
    with pytest.raises(InputError, match="2 CT series"):
        CtFolder(root).check()
    source = CtFolder(root, series=2)
    source.check()
    assert np.array_equal(source.load("ct-01").ct.data, read_ct(root, 2).data)
    assert CtFolder(root, series=1).fingerprint("ct-01") != source.fingerprint("ct-01")
    with pytest.raises(ConfigError, match="series=0"):
        CtFolder(root, series=0)
    # All of one folder, as some exports have it.
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, file in enumerate(sorted(file for file in root.rglob("*") if file.is_file())):
        file.rename(flat / f"IM{number}")
    assert "2 CT series (1: 8 slices" in refusal(flat)
    assert_right(flat, number=2)


def test_a_series_that_cannot_be_read_is_listed(tmp_path):
    series(tmp_path / "ct" / "a", lambda k, d: [d.pop("PixelSpacing"), setattr(d, "SeriesInstanceUID", "1.8")])
    series(tmp_path / "ct" / "b")
    assert "1: cannot be read (IM0000: slices without position" in refusal(tmp_path / "ct")
    assert_right(tmp_path / "ct", number=2)
    assert "without position" in refusal(tmp_path / "ct", 1)


def test_deep_trees_and_who_is_who(tmp_path):
    deep = tmp_path / "disc"
    series(deep / "DICOM" / "00000001" / "00000002" / "00000003")
    (deep / "DICOMDIR").write_bytes(b"index")
    source = CtFolder(deep)
    assert source.subject_ids() == ("ct-01",)
    assert np.array_equal(source.load("ct-01").ct.data, read_ct(deep).data)
    # Several patients below one folder of a disc are subjects of their own.
    other = lambda k, d: [setattr(d, name, "9.9") for name in ("PatientID", "StudyInstanceUID")]  # noqa: E731
    series(deep / "DICOM" / "00000009" / "00000001", other)
    assert CtFolder(deep).subject_ids() == ("ct-01", "ct-02")
