"""The model of hips that comes with the project."""

import csv

import numpy as np
import pytest

import synthex
from synthex.config.build import build_readers, build_task
from synthex.config.compose import compose
from synthex.runs import zoo_models

SETTINGS = (
    *("experiment=hip/radiographs", "views=hip_frontal", "simulation=naive", "task.implants=0", "data.size=160"),
    *("data.phantoms.train=1", "data.phantoms.val=1", "data.phantoms.test=1", "data.spacing_mm=3"),
    *("data.cases.test=6", "data.variants=1", "data.continued_mm=0", "task.scan_end_probability=0"),
)


@pytest.fixture(scope="module")
def model():
    return synthex.load("hip")


def test_it_fits_and_says_what_it_is(model):
    folder = zoo_models()["hip"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8e6
    assert "not for" in (folder / "card.md").read_text(encoding="utf-8")
    assert len(model.task.vocabulary.landmarks) == 14


def test_it_finds_landmarks_of_a_phantom_with_bone_bright_or_dark(model, tmp_path):
    cfg = compose("train", [*SETTINGS, f"paths.cache_dir={tmp_path}", f"paths.output_dir={tmp_path}"])
    reader = build_readers(cfg, build_task(cfg))["test"]
    errors = {"bright": [], "dark": []}
    for index in range(len(reader)):
        sample = reader[index]
        assert sample.domain == "log"
        for name, shown in (("bright", sample.image), ("dark", sample.image.max() - sample.image)):
            answer = model.predict(shown, pixel_mm=sample.pixel_mm)
            found = np.array([answer.landmarks[landmark].xy for landmark in model.task.vocabulary.landmarks])
            off = np.linalg.norm(found - sample.landmarks, axis=1) * sample.pixel_mm
            errors[name].extend(off[sample.visible])
    assert np.median(errors["bright"]) < 10
    assert np.median(errors["dark"]) < 15


@pytest.mark.slow
def test_its_figures_on_real_radiographs_are_those_of_its_card(model, shared_data):
    root = shared_data / "xray_pelvis"
    with (root / "landmarks.csv").open(encoding="utf-8") as file:
        marks = [row for row in csv.DictReader(file) if row["visible"] != "0"]
    with (root / "index.csv").open(encoding="utf-8") as file:
        pictures = [row for row in csv.DictReader(file) if not row["file"].endswith(".dcm")]
    errors = []
    for picture in pictures:
        pitch = float(picture["pixel_mm"])
        answer = model.predict(root / picture["file"], pixel_mm=pitch)
        for row in marks:
            if row["image"] == picture["id"]:
                column, line = answer.landmarks[row["landmark"]].xy
                errors.append(np.hypot(column - float(row["x_px"]) - 0.5, line - float(row["y_px"]) - 0.5) * pitch)
    assert len(errors) == 74
    assert np.median(errors) <= 6
    assert np.mean(np.array(errors) <= 10) >= 0.75
