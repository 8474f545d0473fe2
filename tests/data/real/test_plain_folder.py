import json

import numpy as np
import pytest
from generators.plain_files import FILES, SECRETS, SIZE, stored_values, write_dicom, write_plain_folder
from PIL import Image as PILImage

from synthex.core import ConfigError, InputError, Reader
from synthex.data.real import PlainFolder
from synthex.data.real.coco import polygon_mask, segmentation_mask
from synthex.data.real.dicom import read_dicom


@pytest.fixture
def folder(tmp_path):
    return write_plain_folder(tmp_path / "films")


def test_landmarks_of_a_csv(folder):
    reader = PlainFolder(folder, "annotations.csv")
    assert isinstance(reader, Reader)
    assert (reader.structures, reader.landmarks) == ((), ("top", "tail"))
    samples = [reader[index] for index in range(4)]
    assert [sample.case_id for sample in samples] == list(reader.case_ids())
    for index, sample in enumerate(samples):
        assert np.array_equal(sample.landmarks[0], (3.5 + index, 2.25))
        assert sample.masks.shape == (0, *SIZE)
    # In the image, told to be outside, outside by its place, and not annotated.
    assert [bool(s.visible[1]) for s in samples] == [True, False, False, False]
    assert [bool(s.annotated[1]) for s in samples] == [True, True, True, False]
    assert PlainFolder(folder, "annotations.csv", landmarks=["tail"])[0].landmarks.tolist() == [[20.0, 15.0]]
    assert PlainFolder(folder, "annotations.csv", first_centre=0)[0].landmarks[0].tolist() == [4.0, 2.75]


def test_pixels_pitch_and_subjects(folder):
    reader = PlainFolder(folder, "annotations.csv")
    for index in range(3):
        assert np.array_equal(reader[index].image, stored_values(index))
        assert reader[index].pixel_mm == pytest.approx(0.3)
        assert reader[index].domain == "log"
    assert np.array_equal(reader[3].image, stored_values(3) // 16)
    assert reader[3].pixel_mm == 0.2
    assert [reader[i].subject_id for i in range(4)] == ["subject-0001", "subject-0001", "subject-0002", "subject-0003"]


def test_subjects_of_the_csv(folder):
    lines = (folder / "annotations.csv").read_text().splitlines()
    told = [f"{line},{'subject' if index == 0 else 'Jane Doe'}" for index, line in enumerate(lines)]
    (folder / "annotations.csv").write_text("\n".join(told) + "\n")
    reader = PlainFolder(folder, "annotations.csv")
    assert {reader[index].subject_id for index in range(4)} == {"subject-0001"}


def test_masks_of_a_coco_file(folder):
    reader = PlainFolder(folder, folder / "coco.json")
    assert (reader.structures, reader.landmarks) == (("bone", "tool"), ("top", "tail"))
    bone, tool = reader[0].masks
    square = np.zeros(SIZE, dtype=bool)
    square[3:8, 2:10] = True
    assert np.array_equal(bone, square)
    runs = np.zeros(SIZE, dtype=bool)
    runs[:4, 1:3] = True  # run lengths go down the columns
    assert np.array_equal(tool, runs)
    both = square.copy()
    both[:, 12:20] = True
    assert np.array_equal(reader[1].masks[0], both)
    assert reader[0].annotated.tolist() == [True, False]
    assert not reader[1].annotated.any()
    assert PlainFolder(folder, "coco.json", structures=["tool"])[0].masks.shape == (1, *SIZE)


def test_polygons_are_filled_where_pixel_centres_lie_inside():
    rng = np.random.default_rng(5)
    from matplotlib.path import Path as Outline

    columns, rows = np.meshgrid(np.arange(30) + 0.5, np.arange(20) + 0.5)
    for _ in range(20):
        corners = rng.uniform(-5, 32, size=(3, 2))  # a triangle: even-odd and winding agree
        inside = Outline(corners).contains_points(np.c_[columns.ravel(), rows.ravel()]).reshape(20, 30)
        assert np.array_equal(polygon_mask(corners.ravel(), (20, 30)), inside)


def to_string(counts):
    """COCO's own compression, written down from its description."""
    text = ""
    for index, count in enumerate(counts):
        value = count - (counts[index - 2] if index > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            text += chr(48 + bits + (0x20 if more else 0))
    return text


def test_compressed_run_lengths():
    rng = np.random.default_rng(2)
    for _ in range(20):
        mask = rng.random((13, 40)) < rng.uniform(0.01, 0.5)
        mask[:, 30:] = False
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, flat.size]).tolist()
        counts = [0, *counts] if flat[0] else counts
        packed = {"size": [13, 40], "counts": to_string(counts)}
        assert np.array_equal(segmentation_mask(packed, (13, 40)), mask)


@pytest.mark.parametrize(
    ("tags", "domain", "turned"),
    [
        ({}, "log", False),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "log", True),
        ({"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1}, "intensity", False),
        ({"PixelIntensityRelationship": "LOG", "PixelIntensityRelationshipSign": 1}, "log", True),
        ({"PixelIntensityRelationship": "LOG", "PixelIntensityRelationshipSign": -1}, "log", False),
        (
            {
                "PhotometricInterpretation": "MONOCHROME1",
                "PixelIntensityRelationship": "LIN",
                "PixelIntensityRelationshipSign": 1,
            },
            "intensity",
            False,
        ),
    ],
)
def test_what_values_mean(tmp_path, tags, domain, turned):
    values = stored_values().astype(float)
    found = read_dicom(write_dicom(tmp_path / "a.dcm", **tags))
    assert found.domain == domain
    wanted = values.min() + values.max() - values if turned else values
    assert np.array_equal(found.image, wanted)


def test_a_domain_that_is_given_goes_first(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_dicom(path, "intensity").image, stored_values())
    assert read_dicom(path, "log").image[0, 0] != stored_values()[0, 0]


def test_rescaled_values_and_signed_ones(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", RescaleSlope="0.5", RescaleIntercept="-7")
    assert np.allclose(read_dicom(path).image, stored_values() * 0.5 - 7)
    for tags in ({}, {"BitsStored": 12, "HighBit": 11}):
        inverted = write_dicom(path, PhotometricInterpretation="MONOCHROME1", RescaleSlope="2", **tags)
        assert np.array_equal(read_dicom(inverted, "intensity").image, stored_values() * 2)
    signed = stored_values().astype(np.int16) - 2000
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        path = write_dicom(tmp_path / "b.dcm", signed, PhotometricInterpretation=photometric)
        assert np.array_equal(read_dicom(path, "intensity").image, signed)


@pytest.mark.parametrize(
    ("tags", "pixel_mm", "magnification"),
    [
        ({}, 0.3, 1.0),
        ({"ImagerPixelSpacing": None}, None, 1.0),
        ({"ImagerPixelSpacing": None, "PixelSpacing": [0.2, 0.2]}, 0.2, 1.0),
        ({"PixelSpacing": [0.2, 0.2]}, 0.3, 1.0),
        ({"DistanceSourceToDetector": "1800", "DistanceSourceToPatient": "1500"}, 0.3, 1.2),
        ({"DistanceSourceToDetector": "1800", "DistanceSourceToPatient": "0"}, 0.3, 1.0),
    ],
)
def test_geometry(tmp_path, tags, pixel_mm, magnification):
    found = read_dicom(write_dicom(tmp_path / "a.dcm", **tags))
    assert found.pixel_mm == (None if pixel_mm is None else pytest.approx(pixel_mm))
    assert found.magnification == pytest.approx(magnification)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"ImagerPixelSpacing": [300, 300]}, "not two lengths between 0.01 and 10 mm"),
        ({"ImagerPixelSpacing": [0, 0]}, "not two lengths"),
        ({"ImagerPixelSpacing": [0.3, 0.5]}, "says 0.3 x 0.5 mm"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "is no grey picture|no readable"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, tags, message):
    with pytest.raises(InputError, match=message):
        read_dicom(write_dicom(tmp_path / "a.dcm", **tags))


def test_frames_are_cases(tmp_path):
    frames = np.stack([stored_values(seed) for seed in range(3)])
    write_dicom(tmp_path / "run.dcm", frames, NumberOfFrames=3)
    lines = ["image,landmark,column,row", "run.dcm#1,top,1.5,2.5", "run.dcm#3,top,3.5,4.5"]
    (tmp_path / "annotations.csv").write_text("\n".join(lines) + "\n")
    reader = PlainFolder(tmp_path, "annotations.csv")
    assert len(reader) == len(set(reader.case_ids())) == 3
    for index in (2, 0, 1):
        assert np.array_equal(reader[index].image, frames[index])
    assert [bool(reader[index].annotated[0]) for index in range(3)] == [True, False, True]
    assert len({reader[index].subject_id for index in range(3)}) == 1
    (tmp_path / "annotations.csv").write_text("image,landmark,column,row\nrun.dcm,top,1,2\n")
    with pytest.raises(InputError, match=r"a file of 3 frames without saying which .*; name images .* path#1"):
        PlainFolder(tmp_path, "annotations.csv")


def test_the_list_says_what_pixels_mean(folder):
    lines = ["image,landmark,column,row,domain"]
    lines += [f"{FILES[0]},top,1,2,intensity", f"{FILES[1]},top,1,2,", f"{FILES[3]},top,1,2,inverted"]
    (folder / "annotations.csv").write_text("\n".join(lines) + "\n")
    reader = PlainFolder(folder, "annotations.csv")
    assert [reader[index].domain for index in range(4)] == ["intensity", "log", "log", "log"]
    picture = (stored_values(3) // 16).astype(float)
    assert np.array_equal(reader[3].image, picture.min() + picture.max() - picture)


def everything_said(call):
    try:
        sample = call()
    except (InputError, ConfigError) as error:
        return str(error)
    return repr((sample.case_id, sample.subject_id, dict(sample.record)))


@pytest.mark.parametrize("keep", [0, 100, 400, 700, 900, 1200, 1700, None])
@pytest.mark.parametrize("annotations", ["annotations.csv", "coco.json"])
def test_nothing_of_a_patient_gets_out(folder, capfd, caplog, keep, annotations):
    for name in FILES[:1]:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:keep])
    said = everything_said(lambda: PlainFolder(folder, annotations)[0])
    out, err = capfd.readouterr()
    written = said.replace(str(folder), "").replace(FILES[0], "") + out + err + caplog.text
    assert not any(secret in written for secret in SECRETS)
    assert "\n" not in said
    # The file at fault is named, for somebody has to mend it.
    assert keep is None or keep > 1200 or str(folder / FILES[0]) in said


def test_tags_that_quote_a_patient(folder, capfd):
    write_dicom(folder / FILES[0], ImagerPixelSpacing=None, PatientID="ID-4711")
    path = folder / FILES[0]
    path.write_bytes(path.read_bytes().replace(b"MONOCHROME2", b"smith4711Jn"))
    said = everything_said(lambda: PlainFolder(folder, "annotations.csv")[0])
    assert "is no grey picture" in said
    assert not any(secret in said.replace(FILES[0], "") + capfd.readouterr().err for secret in SECRETS)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("image,landmark,column,row\nsmith.png,top,1,2", "labels 1 of 1 images that the folder does not hold"),
        ("image,landmark,column,row\nfilm.png,top,smith,2", "line 2 has a column or row that is no number"),
        ("image,landmark,column,row\nfilm.png,top,nan,2", "line 2 has a column or row"),
        ("image,landmark,column,row\nfilm.png,top,1,2\nfilm.png,top,1,2", "line 3 gives its image the landmark"),
        (
            "image,landmark,column,row,domain\nfilm.png,top,1,2,hu",
            "line 2 has a domain that there is not",
        ),
        ("image,landmark,x,y\nfilm.png,top,1,2", "line 2 has no image or no landmark"),
        ("image,landmark,column,row,width,height\nfilm.png,top,1,2,x,3", "line 2 has a width or height"),
        ("image,landmark,column,row,row\nfilm.png,top,1,2,3", "names a column twice"),
        ("", "has no lines"),
    ],
)
def test_damaged_lists(folder, lines, message):
    (folder / "annotations.csv").write_text(f"{lines}\n" if lines else "")
    with pytest.raises(InputError, match=message) as caught:
        PlainFolder(folder, "annotations.csv")
    assert "smith" not in str(caught.value)


def test_a_list_that_may_be_cut(folder):
    path = folder / "annotations.csv"
    path.write_text(path.read_text()[:-2])
    with pytest.raises(InputError, match="does not end with a line break"):
        PlainFolder(folder, "annotations.csv")


@pytest.mark.parametrize("keep", [10, 800, 862])
def test_pixels_that_are_missing(tmp_path, keep):
    data = stored_values().tobytes()
    path = write_dicom(tmp_path / "a.dcm", PixelData=data[:keep])
    with pytest.raises(InputError, match="more or fewer pixels than its header says"):
        read_dicom(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("images"), "lacks images"),
        (lambda d: d["images"][0].pop("file_name"), "lacks file_name"),
        (lambda d: d["images"][0].update(width="smith"), "height or width is no number"),
        (lambda d: d["images"][1].update(id=10), "lists an image twice"),
        (lambda d: d["annotations"][0].update(image_id="smith"), "lacks an id that it refers to"),
        (lambda d: d["annotations"][0].update(keypoints=[1, 2]), "annotation 1 has no three finite numbers"),
        (lambda d: d["annotations"][0].update(keypoints=[1, 2, 9, 1, 2, 2]), "visibility other than"),
        (lambda d: d["annotations"].append(d["annotations"][0]), "a keypoint for the second time"),
        (lambda d: d["annotations"][0].update(segmentation=[[1, 2, 3]]), "damaged segmentation"),
        (lambda d: d["annotations"][1]["segmentation"].update(size=[24, 18]), "damaged segmentation"),
        (lambda d: d["annotations"][1]["segmentation"].update(counts=[18, 4]), "damaged segmentation"),
        (lambda d: d["images"][0].update(width=18, height=24), "has 18 x 24 pixels, not those that coco.json says"),
    ],
)
def test_damaged_coco_files(folder, change, message):
    document = json.loads((folder / "coco.json").read_text())
    change(document)
    (folder / "coco.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=message) as caught:
        PlainFolder(folder, "coco.json")[0]
    assert "smith" not in str(caught.value).replace(FILES[0], "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"landmarks": ["middle"]}, "the annotations have top, tail"),
        ({"landmarks": ["top", "tails"]}, "did you mean tail"),
        ({"structures": ["tail"]}, "none of the annotations' structures"),
        ({"first_centre": 1}, "choose 0.5 or 0"),
        ({"domain": "hu"}, "domain=hu"),
        ({"pixel_mm": -1}, "pixel_mm=-1"),
    ],
)
def test_settings_that_cannot_be(folder, arguments, message):
    with pytest.raises(ConfigError, match=message):
        PlainFolder(folder, "annotations.csv", **arguments)


def test_pictures_as_intensity(folder):
    assert PlainFolder(folder, "annotations.csv", domain="intensity")[3].domain == "intensity"
    PILImage.fromarray(np.zeros((*SIZE, 3), np.uint8) + np.uint8([1, 2, 3])).save(folder / "film.png")
    with pytest.raises(InputError, match=r"film.png: is in colour; save one grey channel"):
        PlainFolder(folder, "annotations.csv")[3]


def test_a_real_radiograph(shared_data, tmp_path):
    (tmp_path / "list.csv").write_text("image,landmark,column,row\nchest_pa_loopx.dcm,top,10,20\n")
    sample = PlainFolder(shared_data / "xray_dicom", tmp_path / "list.csv")[0]
    assert sample.image.shape == (1386, 1385)
    # Tagged MONOCHROME2 and for presentation, yet bone is dark: its LIN and sign 1 say so.
    assert (sample.domain, sample.pixel_mm) == ("intensity", 0.3)


def test_images_that_no_file_lists_are_unlabelled_and_listed_ones_are_negatives(folder):
    document = json.loads((folder / "coco.json").read_text())
    document["images"] = document["images"][:3]
    (folder / "coco.json").write_text(json.dumps(document))
    reader = PlainFolder(folder, "coco.json")
    flags = [reader[index].masks_annotated.tolist() for index in range(4)]
    # The third image is listed and has no annotation: nothing is there. The fourth is not listed.
    assert flags == [[True, True], [True, True], [True, True], [False, False]]
    assert not reader[2].masks.any()
    assert not reader[3].is_annotated


def test_a_structure_that_is_there_without_an_outline_is_not_annotated(folder):
    document = json.loads((folder / "coco.json").read_text())
    document["annotations"].append({"id": 9, "image_id": 12, "category_id": 2, "bbox": [1, 2, 3, 4]})
    (folder / "coco.json").write_text(json.dumps(document))
    assert PlainFolder(folder, "coco.json")[2].masks_annotated.tolist() == [True, False]


@pytest.mark.parametrize("annotations", ["annotations.csv", "coco.json", None])
def test_names_that_the_annotations_lack_are_not_annotated(folder, annotations):
    (folder / "annotations.csv").rename(folder / "list.csv")
    annotations = "list.csv" if annotations == "annotations.csv" else annotations
    reader = PlainFolder(folder, annotations, structures=["bone", "femur"], landmarks=["top", "other"])
    sample = reader[0]
    assert sample.masks_annotated.tolist() == [annotations == "coco.json", False]
    assert sample.annotated.tolist() == [annotations is not None, False]
    assert sample.is_annotated == (annotations is not None)
    assert PlainFolder(folder, annotations).landmarks == (() if annotations is None else ("top", "tail"))
    (folder / "list.csv").rename(folder / "annotations.csv")
    assert PlainFolder(folder).landmarks == ("top", "tail")
