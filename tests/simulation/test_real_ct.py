"""The real pelvis CT through the frontal view: the right way up and the right way round."""

import csv

import numpy as np
import SimpleITK

from synthex.core import Affine, Anatomy, Scene, Volume, derive_rng
from synthex.geometry import CArm
from synthex.simulation import Naive, project_landmarks, visible_masks


def read(path, dtype) -> Volume:
    image = SimpleITK.ReadImage(str(path))
    ras_from_lps = np.diag((-1.0, -1.0, 1.0))
    linear = ras_from_lps @ np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine = Affine.from_parts(linear, ras_from_lps @ np.array(image.GetOrigin()))
    return Volume(SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0).astype(dtype), affine)


def test_frontal_view_shows_the_implant_on_the_right_and_the_spine_on_top(shared_data):
    folder = shared_data / "pelvis_ct"
    with (folder / "landmarks.csv").open() as lines:
        points = {
            row["name"]: np.array([float(row[f"{axis}_ras_mm"]) for axis in "xyz"])
            for row in csv.DictReader(lines)
            if row["in_volume"] == "1"
        }
    structures = {"lumbar": 3, "sacrum": 4, "femur_left": 5, "femur_right": 6}
    anatomy = Anatomy("p", read(folder / "ct.nii.gz", np.int16), read(folder / "labels.nii.gz", np.uint8), {}, points)
    carm = CArm(pixel_mm=0.3).binned(128)
    camera = carm.camera(carm.view((points["FH-l"] + points["FH-r"]) / 2 + (0, 0, 50)))
    rendering = Naive()(Scene(anatomy), camera, list(structures.values()), derive_rng(0))
    masks = dict(zip(structures, visible_masks(rendering.label_path_mm), strict=True))
    middle = {name: np.argwhere(mask).mean(axis=0) for name, mask in masks.items()}
    assert middle["femur_left"][1] > 64 > middle["femur_right"][1]
    assert middle["lumbar"][0] < middle["sacrum"][0] < middle["femur_left"][0]
    # The nail is metal: the brightest femur pixels are in the patient's left femur.
    image = rendering.radiograph.image
    assert image[masks["femur_left"]].max() > image[masks["femur_right"]].max()
    landmarks, visible, _ = project_landmarks(anatomy, ("FH-l", "FH-r"), camera)
    assert visible.all()
    for (column, row), femur in zip(landmarks, ("femur_left", "femur_right"), strict=True):
        assert masks[femur][int(row), int(column)]
