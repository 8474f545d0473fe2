"""``synthex register`` and ``synthex annotate``: from radiographs and a CT to a set with labels."""

import csv
import json

import numpy as np
import pytest
from generators.ct_subjects import phantom, write_ct_subject
from generators.plain_files import write_dicom

from synthex.core import Camera
from synthex.data.real import PlainFolder
from synthex.geometry import CArm, View
from synthex.projection import project
from synthex.registration import pose_error, read_poses

pytestmark = pytest.mark.slow  # a phantom in voxels of 6 mm

SMALL = ("refinement.sizes=[48,96]", "sdd_mm=1020")


def true_camera(lao: float) -> Camera:
    arm = CArm(96, 96, 300 / 96, 1020, 700, "posterior")
    return arm.camera(View(phantom().ct.center_world, lao, 3.0, 0.0, 690.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A CT, radiographs of two views, one of nothing, and clicked points of the first two."""
    root, anatomy = tmp_path_factory.mktemp("registration"), phantom()
    write_ct_subject(root / "ct")
    lines = ["image,landmark,column,row"]
    for number, lao in enumerate((15, -20)):
        camera = true_camera(lao)
        path = project(anatomy.ct, None, (), camera).water_path_mm
        counts = np.rint(60000 * np.exp(-0.02 * path) + 20).astype(np.uint16)
        tags = {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1, "PatientID": "Doe-77"}
        write_dicom(root / "xrays" / f"doe-{number}.dcm", counts, ImagerPixelSpacing=[300 / 96] * 2, **tags)
        noise = np.random.default_rng(number).normal(0, 2, (14, 2))
        pixels = camera.project(np.array(list(anatomy.landmarks.values()))) + noise[: len(anatomy.landmarks)]
        lines += [f"doe-{number}.dcm,{n},{c:.2f},{r:.2f}" for n, (c, r) in zip(anatomy.landmarks, pixels, strict=True)]
    (root / "points.csv").write_text("\n".join(lines) + "\n")
    return root


def test_from_clicked_points_to_a_set_that_readers_read(folder, synthex_as_given, tmp_path):
    where = (f"ct={folder / 'ct'}", f"pictures={folder / 'xrays'}")
    out = synthex_as_given("register", *where, f"points={folder / 'points.csv'}", "output=found", *SMALL)
    assert "2 of 2 radiographs registered" in out
    assert "doe" not in out.replace(str(folder), "")
    world = np.array(list(phantom().landmarks.values()))
    reader = PlainFolder(folder / "xrays")
    by_name = {path.name: case for case, path in reader.named_files().items()}
    for number, lao in enumerate((15, -20)):
        posed = read_poses(tmp_path / "found")[by_name[f"doe-{number}.dcm"]]
        assert pose_error(posed.camera, true_camera(lao), world).reprojection_mm < 1
    assert len(list((tmp_path / "found" / "overlays").glob("*.png"))) == 2
    assert "doe" not in (tmp_path / "found" / "poses.json").read_text().lower()

    out = synthex_as_given("annotate", "found", *where, "output=labelled", "structures=[hip_left,femur_right]")
    assert "2 of 2 radiographs with labels" in out
    labelled = PlainFolder(tmp_path / "labelled" / "set")
    assert labelled.structures == ("hip_left", "femur_right")
    assert len(labelled) == 2
    ids = [phantom().structures[name] for name in labelled.structures]
    for sample in (labelled[0], labelled[1]):
        lao = min((15, -20), key=lambda a: np.nanmax(np.abs(truth(a, labelled.landmarks)[0] - sample.landmarks)))
        points, inside = truth(lao, labelled.landmarks)
        assert np.abs(points - sample.landmarks)[sample.visible & inside].max() < 1
        assert sample.pixel_mm == pytest.approx(300 / 96)
        assert sample.magnification == pytest.approx(1020 / 690, rel=0.1)
        assert sample.masks_annotated.all()
        anatomy = phantom()
        paths = project(anatomy.ct, anatomy.labels, ids, true_camera(lao)).label_path_mm > 1
        dice = 2 * (paths & sample.masks).sum() / (paths.sum() + sample.masks.sum())
        assert dice > 0.95
    assert "Doe" not in "".join(map(str, labelled.case_ids()))

    # A person rejects one.
    table = tmp_path / "labelled" / "review.csv"
    rows = list(csv.DictReader(table.open()))
    assert [row["accepted"] for row in rows] == ["", ""]
    rows[0] |= {"accepted": "no", "remark": "blurred"}
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    out = synthex_as_given("annotate", "found", *where, "output=labelled", "structures=[hip_left,femur_right]")
    assert "1 of 2 radiographs with labels" in out
    assert PlainFolder(tmp_path / "labelled" / "set").case_ids() != labelled.case_ids()
    assert len(json.loads((tmp_path / "labelled" / "set" / "annotations.json").read_text())["images"]) == 1
    assert "blurred" in table.read_text()


def truth(lao: float, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    points = true_camera(lao).project(np.array([phantom().landmarks[name] for name in names]))
    return points, true_camera(lao).contains(points)


def test_mistakes_are_a_line(folder, synthex_as_given):
    ct, xrays = f"ct={folder / 'ct'}", f"pictures={folder / 'xrays'}"
    assert "no CT given" in synthex_as_given("register", xrays, code=2)
    assert "no radiographs given" in synthex_as_given("register", ct, code=2)
    assert "start" in synthex_as_given("register", ct, xrays, "start=guess", code=2)
    assert "no label 'tibia'" in synthex_as_given("register", ct, xrays, "bones=[tibia]", code=2)
    assert "no such file" in synthex_as_given("annotate", "nowhere", ct, xrays, code=2)
    assert "no poses given" in synthex_as_given("annotate", ct, xrays, code=2)
