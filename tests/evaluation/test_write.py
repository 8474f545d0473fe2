import csv
import errno
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, hide, make_case, noisy, perfect
from PIL import Image
from rich.console import Console

from synthex.core import EvalProtocol, InputError, Vocabulary
from synthex.evaluation import (
    TrivialPredictor,
    csv_tables,
    evaluate,
    read_prediction_set,
    terminal_table,
    write_evaluation,
    write_prediction_set,
)
from synthex.evaluation.pictures import radiological_display

SECRET = "DOE^JANE"
NOT_FIGURES = re.compile(r"\b(nan|NaN|inf|Infinity|None|null)\b")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    samples = [make_case(index) for index in range(7)]
    samples[1], samples[4] = hide(samples[1], 0), hide(samples[4], 3)
    samples = [replace(sample, record={"PatientName": SECRET}) for sample in samples]
    folder = tmp_path_factory.mktemp("set")
    write_prediction_set(folder, [noisy(sample) for sample in samples], PROTOCOL, {"checkpoint": "<b>hash</b>"})
    baseline = TrivialPredictor.fit(make_case(100 + index) for index in range(5))
    return evaluate(read_prediction_set(folder), ListReader(tuple(samples)), PROTOCOL, baseline)


@pytest.fixture(scope="module")
def written(evaluation, tmp_path_factory):
    return write_evaluation(tmp_path_factory.mktemp("out"), evaluation, "Toy", {"dataset": "seven cases"})


def _rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_everything_is_there(written, evaluation):
    assert json.loads(written.summary.read_text()) == evaluation.summary
    assert {path.name for path in written.tables} == {
        "landmarks.csv", "dice.csv", "curve.csv", "per_landmark.csv", "per_structure.csv", "differences.csv",
    }  # fmt: skip
    assert len(written.overlays) == 6
    for path in (written.report, *written.tables, *written.overlays):
        assert path.stat().st_size > 0
    for path in written.overlays:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert len(image.convert("RGB").getcolors(1 << 20)) > 50


class _Loads(HTMLParser):
    """Collects everything a browser would fetch, and checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.loads, self.open, self.scripts = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "action")]
        self.scripts += tag == "script"
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_loads_nothing_and_is_well_formed(written):
    text = written.report.read_text()
    parser = _Loads()
    parser.feed(text)
    assert parser.open == []
    assert parser.scripts == 0
    assert len(parser.loads) == len(written.overlays)
    assert all(load.startswith("data:image/png;base64,") for load in parser.loads)
    without_pictures = re.sub(r"base64,[^\"]*", "", text)
    assert not re.search(r"https?://|@import|url\(", without_pictures)
    assert not NOT_FIGURES.search(without_pictures)


def test_the_report_says_the_figures(written, evaluation):
    text = written.report.read_text()
    for key in ("landmark_error_mm_mean", "baseline_landmark_error_mm_mean"):
        assert f"{evaluation.summary[key]:.2f}" in text
    assert f"{evaluation.summary['dice_mean']:.3f}" in text
    for name in (*LANDMARKS, *STRUCTURES, "seven cases", "&lt;b&gt;hash&lt;/b&gt;"):
        assert name in text
    assert "Few subjects" in text


def test_no_patient_tag_leaves_the_sample(written):
    folder = written.summary.parent
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert SECRET.encode() not in path.read_bytes()
        assert SECRET not in path.name


def test_tables_agree_with_the_summary(evaluation):
    tables = {name: _rows(text) for name, text in csv_tables(evaluation).items()}
    assert len(tables["landmarks.csv"]) == 7 * len(LANDMARKS)
    errors = [float(row["error_mm"]) for row in tables["landmarks.csv"] if row["present"] == "1" and row["error_mm"]]
    assert np.mean(errors) == pytest.approx(evaluation.summary["landmark_error_mm_mean"], rel=1e-5)
    values = [float(row["dice"]) for row in tables["dice.csv"] if row["dice"]]
    assert np.mean(values) == pytest.approx(evaluation.summary["dice_mean"], rel=1e-5)
    rates = [float(row["detection_rate"]) for row in tables["curve.csv"]]
    assert len(rates) == len(PROTOCOL.confidence_cuts)
    assert rates == sorted(rates, reverse=True)
    by_name = {row["landmark"]: row for row in tables["per_landmark.csv"]}
    assert float(by_name["FH-r"]["landmark_error_mm_mean"]) == pytest.approx(
        evaluation.summary["landmark_error_mm_mean/FH-r"], rel=1e-5
    )
    assert "baseline_dice_mean" in tables["per_structure.csv"][0]
    assert all(len(row) == len(tables["landmarks.csv"][0]) for row in tables["landmarks.csv"])


def test_absent_landmarks_have_empty_cells(evaluation):
    row = _rows(csv_tables(evaluation)["landmarks.csv"])[4]
    assert (row["case_id"], row["landmark"], row["visible"]) == ("case-001", "FH-l", "0")
    assert row["error_mm"] == row["truth_column_px"] == ""


def test_the_terminal_table_has_model_and_baseline(evaluation):
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(terminal_table(evaluation))
    text = console.export_text()
    for word in ("FH-l", "sacrum", "baseline", "7 images of 3 subjects", f"{evaluation.summary['dice_mean']:.3f}"):
        assert word in text


def test_writing_again_replaces_old_pictures_and_nothing_else(tmp_path, evaluation):
    write_evaluation(tmp_path, evaluation)
    (tmp_path / "overlays" / "best-9_old.png").write_bytes(b"x")
    (tmp_path / "overlays" / "mine.png").write_bytes(b"x")
    paths = write_evaluation(tmp_path, evaluation)
    assert {path.name for path in (tmp_path / "overlays").iterdir()} == {
        *(path.name for path in paths.overlays), "mine.png",
    }  # fmt: skip


def test_an_output_folder_that_is_a_file_is_the_users_mistake(tmp_path, evaluation):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_evaluation(tmp_path / "out", evaluation)


@pytest.mark.parametrize("name", ["summary.json", "overlays/best-9_old.png"])
def test_an_old_file_that_cannot_be_removed_is_the_users_mistake(tmp_path, evaluation, monkeypatch, name):
    write_evaluation(tmp_path, evaluation)
    (tmp_path / name).write_bytes(b"{}")
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path == tmp_path / name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    # Permissions themselves do not bind root, who runs many a test.
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(InputError, match="cannot be written \\(Permission denied\\)") as caught:
        write_evaluation(tmp_path, evaluation)
    assert caught.value.path == tmp_path


@pytest.mark.parametrize("kind", ["masks", "landmarks", "nothing detected"])
def test_tasks_with_one_kind_of_target_and_hopeless_models_are_reported(tmp_path, kind):
    sample = make_case(0)
    prediction = perfect(sample)
    vocabulary = Vocabulary(STRUCTURES, LANDMARKS)
    if kind == "masks":
        vocabulary = Vocabulary(STRUCTURES)
        none = np.zeros(0)
        prediction = replace(prediction, landmarks=np.zeros((0, 2)), confidence=none, present=none.astype(bool))
    elif kind == "landmarks":
        vocabulary = Vocabulary((), LANDMARKS)
        prediction = replace(prediction, masks=np.zeros((0, 48, 60), dtype=bool))
    else:
        prediction = replace(
            prediction,
            landmarks=np.full((4, 2), np.nan),
            confidence=np.zeros(4),
            present=np.zeros(4, dtype=bool),
            masks=np.zeros_like(prediction.masks),
        )
    protocol = EvalProtocol("toy", vocabulary, (0.5,), "dice_mean")
    write_prediction_set(tmp_path / "set", [prediction], protocol)
    found = evaluate(read_prediction_set(tmp_path / "set"), ListReader((sample,)), protocol)
    paths = write_evaluation(tmp_path / "out", found)
    text = re.sub(r"base64,[^\"]*", "", paths.report.read_text())
    assert not NOT_FIGURES.search(text)
    assert "One subject" in text
    Console(file=io.StringIO()).print(terminal_table(found))


def test_the_display_shows_bone_bright_in_both_domains():
    path = np.linspace(0, 5, 100, dtype=np.float32).reshape(10, 10)
    log, intensity = radiological_display(path, "log"), radiological_display(np.exp(-path), "intensity")
    assert log[0, 0] < log[-1, -1]
    assert intensity[0, 0] < intensity[-1, -1]
    np.testing.assert_allclose(log.astype(float), intensity.astype(float), atol=3)


def test_the_display_bears_dead_and_saturated_pixels():
    image = np.full((8, 8), np.nan, dtype=np.float32)
    assert radiological_display(image, "intensity").dtype == np.uint8
    image[:] = 0
    assert (radiological_display(image, "intensity") == 0).all()
