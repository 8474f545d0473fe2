import csv
import json

import numpy as np
import pytest
from hydra.utils import instantiate
from PIL import Image

import synthex
from synthex.core import ConfigError, InputError
from synthex.data.encoding import decode_rle
from synthex.runs import find_model, write_package, zoo_models


@pytest.fixture
def film():
    """A disc on a ramp, 40 x 60."""
    rows, columns = np.mgrid[:40, :60]
    return (columns + 100 * (np.hypot(rows - 20, columns - 30) < 9)).astype(np.uint8)


@pytest.fixture(scope="module")
def package(trained, tmp_path_factory):
    return write_package(trained, tmp_path_factory.mktemp("zoo") / "tiny", "# Tiny\n")


@pytest.fixture
def copy(package, tmp_path):
    """A package to be damaged."""
    for path in package.iterdir():
        (tmp_path / "copy").mkdir(exist_ok=True)
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "copy"


def test_a_run_answers_an_array_in_python(trained, film):
    answer = synthex.load(trained).predict(film, pixel_mm=0.5)
    assert len(answer.landmarks) == 14
    assert answer.masks["femur_left"].shape == film.shape
    for one in answer.landmarks.values():
        assert 0 <= one.column <= 60
        assert 0 <= one.row <= 40
        assert 0 <= one.confidence <= 1
    assert answer.overlay().startswith(b"\x89PNG")


def test_a_package_answers_as_its_run_does_but_for_half_precision(trained, package, film):
    run, packed = synthex.load(trained).predict(film), synthex.load(package).predict(film)
    for name, one in run.landmarks.items():
        assert packed.landmarks[name].confidence == pytest.approx(one.confidence, abs=1e-3)
    same = [np.mean(run.masks[name] == packed.masks[name]) for name in run.masks]
    assert min(same) > 0.98
    files = ["card.md", "licence.txt", "model.json", "weights.safetensors"]
    assert sorted(path.name for path in package.iterdir()) == files


def test_a_model_that_is_asked_about_nothing_says_so(synthex_as_given, package):
    for model in ("hip", package):
        assert f"synthex predict {model} FILE_OR_FOLDER" in synthex_as_given("predict", model, code=2)
    assert "give the folder of a training run" in synthex_as_given("predict", "nowhere", code=2)


def test_an_address_is_asked_for_the_model(synthex_as_given, tmp_path, film):
    Image.fromarray(film).save(tmp_path / "a.png")
    address = f"http://127.0.0.1:9/model.json#sha256={'0' * 64}"
    assert "cannot be reached" in synthex_as_given("predict", address, tmp_path / "a.png", code=2)


def test_a_model_of_another_task_is_no_start(package):
    files = find_model(package)
    with pytest.raises(ConfigError, match="was trained for task 'hip_landmarks', not 'lesion_segmentation'"):
        files.fill(files.network(files.task()), instantiate({"_target_": "synthex.tasks.lesion_segmentation.build"}))


def test_bone_dark_and_bone_bright_of_one_picture_get_one_answer(trained, film):
    model = synthex.load(trained)
    bright, dark = model.predict(film), model.predict(film.max() - film, meaning="inverted")
    assert [one.xy for one in bright.landmarks.values()] == [one.xy for one in dark.landmarks.values()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 7}, "has format 7"),
        ({"model": {"_target_": "os.system"}}, "os.system"),
        ({"data": {"size": "${oc.env:HOME}", "normalization": "zscore"}}, "how images are prepared"),
        ({"task": {"_target_": "synthex.tasks.hip_landmarks.build", "sigma_mm": -1}}, "sigma_mm"),
        ({"data": {"size": 10**7, "normalization": "zscore"}}, "how images are prepared"),
        ({"task": []}, "no task"),
        ({"weights_sha256": "0" * 64}, "is not the file"),
        ({"weights_sha256": "0"}, "does not have the digests"),
        ({"sha256": {"../outside": "0" * 64}}, "does not have the digests"),
    ],
)
def test_a_package_that_was_changed_is_refused_in_a_line(copy, film, change, message):
    path = copy / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises((InputError, ConfigError), match=message):
        synthex.load(copy).predict(film)


def test_what_is_no_model_is_refused_in_a_line(tmp_path, copy):
    with pytest.raises(InputError, match="no such file, folder or model"):
        synthex.load("nonsense")
    with pytest.raises(InputError, match="is no model"):
        synthex.load(tmp_path)
    (copy / "weights.safetensors").unlink()
    with pytest.raises(InputError, match="is missing"):
        synthex.load(copy)


@pytest.mark.parametrize("array", [np.zeros((3, 4, 3)), np.full((9, 9), np.nan), np.array([["a"]])])
def test_arrays_that_are_no_radiograph_are_refused(trained, array):
    with pytest.raises(ConfigError, match="radiograph"):
        synthex.load(trained).predict(array)


def test_models_of_the_installation_are_known_by_name(film):
    for name in zoo_models():
        assert synthex.load(name).predict(film).landmarks


def test_pictures_of_which_nothing_is_known_are_answered(synthex_as_given, package, film, tmp_path):
    """Names of files, which often hold those of patients, are only where they were asked for."""
    folder = tmp_path / "Müller, Jan"
    folder.mkdir()
    Image.fromarray(film).save(folder / "a.png")
    Image.fromarray(film[:, ::-1]).save(folder / "b.tiff")
    Image.fromarray(np.stack([film, film, np.minimum(film, 250) + 3], axis=2)).save(tmp_path / "tinted.png")
    files = (tmp_path / "answers.json", tmp_path / "names.csv")
    synthex_as_given(
        *("predict", package, folder, tmp_path / "tinted.png", f"json={files[0]}", f"names={files[1]}"),
        *("output=answers", "pixel_mm=0.5"),
    )
    answers = json.loads(files[0].read_text())
    assert [one["file"] for one in answers] == ["a.png", "b.tiff", "tinted.png"]
    assert {key: answers[0][key] for key in ("frame", "width", "height", "pixel_mm")} == {
        "frame": 0,
        "width": 60,
        "height": 40,
        "pixel_mm": 0.5,
    }
    assert set(answers[0]["landmarks"]["FH-l"]) == {"column", "row", "confidence", "present"}
    expected = synthex.load(package).predict(film, pixel_mm=0.5)
    assert answers[0]["landmarks"]["FH-l"]["column"] == pytest.approx(expected.landmarks["FH-l"].column)
    assert np.array_equal(decode_rle(answers[0]["masks"]["sacrum"]), expected.masks["sacrum"])
    with (tmp_path / "answers" / "landmarks.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 14
    assert float(rows[0]["column_mm"]) == pytest.approx(0.5 * float(rows[0]["column"]))
    assert len(list((tmp_path / "answers" / "overlays").iterdir())) == 3
    written = [path for path in (tmp_path / "answers").rglob("*") if path.is_file()]
    assert not any(b"ller" in path.read_bytes() or "a.png" in path.name for path in written)


def test_pictures_that_cannot_be_are_one_line(synthex_as_given, package, tmp_path):
    assert "does not exist" in synthex_as_given("predict", package, tmp_path / "no.png", code=2)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "broken.png" in synthex_as_given("predict", package, tmp_path / "broken.png", code=2)
