"""DICOM objects of answers that are made here, opened again by highdicom and, where it is installed, dciodvfy."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from generators.dicom_files import XA, dataset, film, save

from synthex.core import InputError
from synthex.exchange import dicom_source
from synthex.exchange.annotations import coco, slicer_markups
from synthex.exchange.dicom_out import Author, Found, dicom_objects
from synthex.runs import FoundLandmark

highdicom = pytest.importorskip("highdicom")

AUTHOR = Author("hip", "0123456789abcdef")
POINTS = {
    "FH-l": FoundLandmark(12.25, 30.75, 0.9, True),
    "FH-r": FoundLandmark(60.0, 0.0, 0.5, True),
    "SPS-l": FoundLandmark(0.5, 0.5, 0.1, False),
}


def answer(frame=0, shape=(40, 60), pixel_mm=None):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    disc = np.hypot(rows - 20, columns - 20 - 5 * frame) < 8
    overlapping = np.hypot(rows - 22, columns - 25) < 8
    masks = {"femur_left": disc, "lesion": overlapping, "sacrum": np.zeros(shape, dtype=bool)}
    return Found(POINTS, masks, shape, pixel_mm, frame)


def read_points(report):
    groups = report.content.get_planar_roi_measurement_groups(graphic_type=highdicom.sr.GraphicTypeValues.POINT)
    return {(group.tracking_identifier, str(np.round(group.roi.value, 3).ravel().tolist())) for group in groups}


def write(source, answers, folder):
    paths = {}
    for ending, made in dicom_objects(source, answers, AUTHOR, "key"):
        paths[ending] = folder / f"{ending}.dcm"
        made.save_as(paths[ending], enforce_file_format=True)
    return paths


@pytest.mark.parametrize("frames", [1, 3])
def test_objects_say_what_the_answers_say_and_repeat_the_patient(tmp_path, frames):
    stored = np.zeros((frames, 40, 60) if frames > 1 else (40, 60), dtype=np.uint16)
    made = film(stored) if frames == 1 else dataset(stored, "XA", XA, ImagerPixelSpacing=[0.3, 0.3])
    made.PatientBirthDate, made.StudyDate = "unknown", "20240102"
    path = save(made, tmp_path / "source.dcm")
    answers = [answer(frame, pixel_mm=0.3) for frame in range(frames)]
    paths = write(dicom_source.of_dicom(path), answers, tmp_path)
    assert set(paths) == {"seg", "sr", "pr"}
    segmentation = highdicom.seg.segread(paths["seg"])
    names = [item.SegmentLabel for item in segmentation.SegmentSequence]
    assert names == ["femur_left", "lesion"]
    pixels = segmentation.pixel_array
    seen = set()
    for place, group in enumerate(segmentation.PerFrameFunctionalGroupsSequence):
        name = names[group.SegmentIdentificationSequence[0].ReferencedSegmentNumber - 1]
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert image.ReferencedSOPInstanceUID == made.SOPInstanceUID
        frame = int(image.get("ReferencedFrameNumber", 1)) - 1
        assert np.array_equal(pixels[place] > 0, answers[frame].masks[name])
        seen.add((frame, name))
    assert len(seen) == 2 * frames
    report = highdicom.sr.srread(paths["sr"])
    assert read_points(report) == {("FH-l", "[12.25, 30.75]"), ("FH-r", "[60.0, 0.0]")}
    shown = pydicom.dcmread(paths["pr"])
    points = [
        graphic.GraphicData
        for annotation in shown.GraphicAnnotationSequence
        for graphic in annotation.GraphicObjectSequence
        if graphic.GraphicType == "POINT"
    ]
    assert len(points) == 2 * frames
    assert points[0] == [12.25, 30.75]
    for one in (segmentation, report, shown):
        assert (one.PatientID, one.PatientName, one.PatientBirthDate) == ("SECRET-42", "Doe^Jane", "")
        assert one.StudyInstanceUID == made.StudyInstanceUID
        assert one.SeriesInstanceUID != made.SeriesInstanceUID
    _validate(paths.values())


@pytest.mark.parametrize("frames", [1, 2])
def test_one_mask_in_one_frame_is_enough(frames, tmp_path, monkeypatch):
    """What is the same for all frames of an object, highdicom writes once, and of a single frame everything is."""
    monkeypatch.setattr("synthex.exchange.dicom_seg.MAX_MASK_BYTES", 1)  # an object a frame
    shape = (40, 60) if frames == 1 else (frames, 40, 60)
    source = dicom_source.of_dicom(save(dataset(np.zeros(shape, np.uint16), "XA", XA), tmp_path / "source.dcm"))
    one = [answer(frame) for frame in range(frames)]
    only = next(name for name, mask in one[0].masks.items() if mask.any())
    paths = write(source, [replace(said, masks={only: said.masks[only]}) for said in one], tmp_path)
    assert sorted(paths) == sorted(["pr", "sr", "seg", "seg-2"][: 2 + frames])
    for frame, ending in enumerate(["seg", "seg-2"][:frames]):
        made = highdicom.seg.segread(paths[ending])
        assert [item.SegmentLabel for item in made.SegmentSequence] == [only]
        assert np.array_equal(made.pixel_array.squeeze() > 0, one[frame].masks[only])
    _validate(paths.values())


def test_a_long_run_makes_several_segmentations(tmp_path, monkeypatch):
    monkeypatch.setattr("synthex.exchange.dicom_seg.MAX_MASK_BYTES", 2 * 40 * 60 * 3)
    made = dataset(np.zeros((5, 40, 60), dtype=np.uint16), "XA", XA)
    source = dicom_source.of_dicom(save(made, tmp_path / "source.dcm"))
    paths = write(source, [answer(frame) for frame in range(5)], tmp_path)
    frames = [
        int(group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber)
        for ending in ("seg", "seg-2", "seg-3")
        for group in pydicom.dcmread(paths[ending]).PerFrameFunctionalGroupsSequence
    ]
    assert sorted(frames) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_picture_gets_a_capture_of_no_patient(tmp_path):
    image = np.arange(2400, dtype=np.float32).reshape(40, 60)
    source = dicom_source.secondary_capture(image, 0.25, "key")
    source.save_as(tmp_path / "sc.dcm", enforce_file_format=True)
    read = pydicom.dcmread(tmp_path / "sc.dcm")
    assert np.array_equal(read.pixel_array, image)
    assert (read.PatientName, read.PatientID, read.PixelSpacing) == ("", "", [0.25, 0.25])
    paths = write(source, [answer()], tmp_path)
    assert pydicom.dcmread(paths["sr"]).StudyInstanceUID == read.StudyInstanceUID
    again = dicom_source.secondary_capture(image, 0.25, "key")
    assert again.SOPInstanceUID == read.SOPInstanceUID
    _validate([tmp_path / "sc.dcm", *paths.values()])


def test_a_file_without_identity_cannot_be_referred_to(tmp_path):
    path = save(film(np.zeros((4, 4), dtype=np.uint16), StudyInstanceUID=""), tmp_path / "source.dcm")
    with pytest.raises(InputError, match="has no StudyInstanceUID"):
        dicom_source.of_dicom(path)


def test_annotations_of_other_programs():
    said = {
        "file": "a.png",
        "frame": 0,
        "width": 3,
        "height": 2,
        "pixel_mm": 0.5,
        "landmarks": {name: vars(one) for name, one in POINTS.items()},
        "masks": {"sacrum": {"size": [2, 3], "counts": [2, 3, 1]}, "femur_left": {"size": [2, 3], "counts": [6]}},
    }
    (markup,) = slicer_markups(said)["markups"]
    assert [(one["label"], one["position"]) for one in markup["controlPoints"]] == [
        ("FH-l", [5.875, 15.125, 0.0]),
        ("FH-r", [29.75, -0.25, 0.0]),
    ]
    made = coco([said])
    mask, points = made["annotations"]
    assert (mask["area"], mask["bbox"]) == (3, [1, 0, 2, 2])
    assert points["keypoints"] == [12.25, 30.75, 2, 60.0, 0.0, 2, 0, 0, 0]
    assert points["num_keypoints"] == 2


def _validate(paths):
    if shutil.which("dciodvfy"):
        for path in paths:
            done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True)
            errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
            assert not errors, (path.name, errors)
