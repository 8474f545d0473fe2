import base64
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from generators.predictions import LANDMARKS, PROTOCOL, STRUCTURES, ListReader, hide, make_case, noisy, perfect
from PIL import Image

from synthex.core import ConfigError, InputError
from synthex.evaluation import (
    LABELS,
    TrivialPredictor,
    compare_methods,
    evaluate,
    evaluate_methods,
    read_prediction_set,
    write_comparison,
    write_prediction_set,
)
from synthex.evaluation.gallery import SIDE, GalleryKeeper, make_view
from synthex.evaluation.viewer import viewer_data

# What a DICOM reader may have put into a record; none of it may be on a page that is passed on.
COMPARED = set(LABELS) - {"average_precision"}  # the sets of these tests hold no probabilities

TAGS = {
    "PatientName": "DOE^JANE",
    "PatientID": "MRN-0815-4711",
    "PatientBirthDate": "19470311",
    "AccessionNumber": "ACC-99317",
    "InstitutionName": "St. Elsewhere",
    "StudyInstanceUID": "1.2.840.113619.2.55.3",
}


def samples_of(count):
    samples = [make_case(index, subjects=9) for index in range(count)]
    samples[2] = hide(samples[2], 1)
    return [replace(sample, record={"dicom": TAGS, **TAGS}) for sample in samples]


def lower(index, prediction):
    """Masks that lie some rows lower."""
    return replace(prediction, masks=np.roll(prediction.masks, 3 + index % 4, axis=1))


def sets_of(folder, samples):
    methods = {
        "sim2real": [noisy(sample, 2.0) for sample in samples],
        "real+2": [lower(index, noisy(sample, 7.0)) for index, sample in enumerate(samples)],
    }
    for name, predictions in methods.items():
        write_prediction_set(folder / name, predictions, PROTOCOL, {"run": f"<i>{name}</i>"})
    return {name: read_prediction_set(folder / name) for name in methods}


@pytest.fixture(scope="module")
def samples():
    return samples_of(24)


@pytest.fixture(scope="module")
def evaluations(samples, tmp_path_factory):
    baseline = TrivialPredictor.fit(make_case(100 + index) for index in range(5))
    sets = sets_of(tmp_path_factory.mktemp("sets"), samples)
    return evaluate_methods(sets, ListReader(tuple(samples)), PROTOCOL, {"sim2real": baseline}, gallery=20)


@pytest.fixture(scope="module")
def comparison(evaluations):
    return compare_methods(evaluations, {"dice": 0.5, "f2": 0.5}, resamples=499)


@pytest.fixture(scope="module")
def written(evaluations, comparison, tmp_path_factory):
    return write_comparison(tmp_path_factory.mktemp("out"), evaluations, comparison, "Two & more")


class _Page(HTMLParser):
    """Everything a browser would fetch; checks that elements are closed."""

    def __init__(self):
        super().__init__()
        self.loads, self.open, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "action")]
        if tag not in ("meta", "img", "br", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text.append(data)


def page_of(path):
    page = _Page()
    page.feed(path.read_text())
    assert page.open == []
    return page


def data_of(path):
    found = re.search(r'<script type="application/json" id="viewer-data">(.*?)</script>', path.read_text(), re.DOTALL)

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(found[1], parse_constant=refuse)


def test_methods_are_scored_as_each_alone(samples, evaluations, tmp_path):
    sets = sets_of(tmp_path, samples)
    for name, found in evaluations.items():
        alone = evaluate(sets[name], ListReader(tuple(samples)), PROTOCOL)
        wanted = {key: value for key, value in found.summary.items() if "baseline" not in key}
        assert wanted == {key: value for key, value in alone.summary.items() if "baseline" not in key}
        assert [p.case_id for p in found.pictures] == [p.case_id for p in alone.pictures]


def test_every_file_is_there(written, evaluations, comparison):
    assert json.loads(written.comparison.read_text()) == json.loads(json.dumps(comparison.to_json()))
    assert [path.name for path in written.tables] == [
        "comparison_methods.csv", "comparison_differences.csv", "comparison.tex",
    ]  # fmt: skip
    assert list(written.methods) == ["sim2real", "real+2"]
    for name, paths in written.methods.items():
        assert paths.summary.parent == written.comparison.parent / name
        assert json.loads(paths.summary.read_text()) == evaluations[name].summary
    rows = list(csv.DictReader(io.StringIO(written.tables[0].read_text())))
    assert {row["method"] for row in rows} == {"sim2real", "real+2", "baseline of sim2real"}
    assert {row["quantity"] for row in rows} == COMPARED


def test_all_quantities_of_masks_and_landmarks_are_compared(evaluations, comparison):
    scores = evaluations["real+2"].scores
    found = {(row.quantity, row.name): row for row in comparison.figures if row.method == "real+2"}
    assert found["f2", "sacrum"].mean == pytest.approx(scores.mask_scores["f2"][:, 2].mean())
    assert found["detection_rate", ""].mean == pytest.approx(scores.detected[scores.expected].mean())
    assert found["dice", ""].mean == pytest.approx(evaluations["real+2"].summary["dice_mean"])
    pairs = {(row.quantity, row.first, row.second) for row in comparison.differences}
    names = [("sim2real", "real+2"), ("sim2real", "baseline of sim2real"), ("real+2", "baseline of sim2real")]
    assert pairs == {(quantity, *pair) for quantity in COMPARED for pair in names}
    tested = {row.quantity for row in comparison.differences if np.isfinite(row.equivalence_p)}
    assert tested == {"dice", "f2"}


def test_the_whole_region_and_the_reported_scores_have_their_place(samples, tmp_path):
    protocol = replace(
        PROTOCOL, mask_scores=("sensitivity", "f2"), field_baseline=(("sacrum", "hip-l"),), primary="dice_mean/sacrum"
    )
    found = evaluate_methods(sets_of(tmp_path / "sets", samples), ListReader(tuple(samples)), protocol, gallery=9)
    table = compare_methods(found, resamples=199)
    assert table.methods == ("sim2real", "real+2", "whole region")
    rows = {(row.quantity, row.name): row for row in table.figures if row.method == "whole region"}
    assert rows["dice", "sacrum"].mean == pytest.approx(found["sim2real"].summary["field_baseline_dice_mean/sacrum"])
    assert rows["dice", "hip-l"].count == 0
    paths = write_comparison(tmp_path / "out", found, table)
    assert "whole region" in "".join(page_of(paths.report).text)
    one = "".join(page_of(paths.methods["real+2"].report).text)
    assert "Scores of masks" in one
    assert f"{found['real+2'].summary['f2_mean/sacrum']:.3f} ±" in one
    assert "Dice of sacrum" in one
    assert '<option value="s2" selected>sacrum' in paths.report.read_text()


@pytest.mark.parametrize("which", ["methods", "one"])
def test_reports_load_nothing_and_are_well_formed(written, which):
    path = written.report if which == "methods" else written.methods["sim2real"].report
    page, text = page_of(path), path.read_text()
    assert all(load.startswith("data:image/png;base64,") for load in page.loads)
    bare = re.sub(r'base64,[^"]*|"image":"[^"]*"', "", text)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|import\(", bare)
    assert "default-src 'none'" in bare
    assert not re.search(r"\b(nan|NaN|inf|Infinity|None|null|undefined)\b", "".join(page.text))


def test_the_report_reads_without_scripts(written, evaluations, comparison):
    text = "".join(page_of(written.report).text)
    labels = [LABELS[quantity] for quantity in COMPARED]
    for word in ("Two & more", "sim2real", "real+2", "baseline of sim2real", *LANDMARKS, *STRUCTURES, *labels):
        assert word in text
    for quantity, name, digits in (("dice", "sacrum", 3), ("f2", "hip-l", 3), ("landmark_error_mm", "", 2)):
        row = next(
            row for row in comparison.figures if (row.quantity, row.name, row.method) == (quantity, name, "sim2real")
        )
        half = (row.ci_high - row.ci_low) / 2
        assert f"{row.mean:.{digits}f} ± {row.std:.{digits}f} ({half:.{digits}f})" in text
    assert "sim2real better" in text
    for view in evaluations["sim2real"].gallery:
        assert view.case_id in text
    assert "<i>real+2</i>" not in written.report.read_text()


def test_the_viewer_holds_the_cases_worst_first(written, evaluations, samples):
    data = data_of(written.report)
    assert data == json.loads(json.dumps(viewer_data(evaluations)))
    worst = [max(one["rank"] for one in case["methods"]) for case in data["cases"]]
    assert worst == sorted(worst, reverse=True)
    assert len(worst) == 20 < len(samples)
    assert set(data["cases"][0]) == {"id", "subject", "size", "image", "truth", "absent", "methods"}
    case = next(case for case in data["cases"] if case["id"] != "case-002")
    sample = next(sample for sample in samples if sample.case_id == case["id"])
    with Image.open(io.BytesIO(base64.b64decode(case["image"]))) as image:
        assert (image.format, image.size) == ("JPEG", tuple(case["size"]))
    np.testing.assert_allclose(np.array(case["truth"]["points"]) / data["units"], sample.landmarks, atol=0.06)
    row = evaluations["real+2"].scores.case_ids.index(case["id"])
    np.testing.assert_allclose(case["methods"][1]["dice"], evaluations["real+2"].scores.dice[row], atol=1e-4)


def test_no_patient_tag_is_in_any_file(written):
    folder = written.comparison.parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        for key, value in TAGS.items():
            assert value.encode() not in content, path
            assert key.encode() not in content, path


def test_a_landmark_outside_the_image_is_no_point(samples):
    view = make_view(samples[2], [perfect(samples[2])], [0.0])
    assert view.absent.tolist() == [False, True, False, False]
    assert np.isnan(view.truth.points[1]).all()


def test_large_images_shrink_and_keep_their_places():
    sample = make_case(0, size=(700, 1400))
    view = make_view(sample, [perfect(sample, (14, 0))], [1.0])
    assert view.size == (SIDE, SIDE // 2)
    np.testing.assert_allclose(view.truth.points / view.size, sample.landmarks / (1400, 700), atol=1e-9)
    np.testing.assert_allclose(view.guesses[0].points[:, 0] - view.truth.points[:, 0], 14 * SIDE / 1400)
    assert len(view.image) < 60_000


def test_pictures_keep_the_grey_levels_of_lungs():
    # Air, lung and soft tissue as seen in log images of chests: the body's window would make lungs black.
    sample = make_case(0)
    image = np.full(sample.image.shape, 4.0, dtype=np.float32)
    image[:, :10] = 0.0
    image[10:40, 20:40] = np.linspace(0.5, 0.9, 20, dtype=np.float32)
    view = make_view(replace(sample, image=image), [perfect(sample)], [0.0])
    with Image.open(io.BytesIO(view.image)) as picture:
        lungs = np.asarray(picture)[12:38, 22:38].astype(float)
    assert lungs.min() > 15
    assert np.ptp(lungs.mean(axis=0)) > 10


def test_the_keeper_keeps_the_worst_of_any_method():
    keeper = GalleryKeeper(3)
    sample = make_case(0)
    for index, badness in enumerate([(1.0, 2.0), (9.0, 0.0), (0.5, 0.5), (3.0, 8.0), (np.nan, np.nan), (1.0, 2.5)]):
        keeper.add(replace(sample, case_id=f"case-{index}"), [perfect(sample)] * 2, badness)
    assert [view.case_id for view in keeper.views()] == ["case-1", "case-3", "case-5"]
    nothing = GalleryKeeper(0)
    nothing.add(sample, [perfect(sample)], (1.0,))
    assert nothing.views() == ()


def test_methods_with_other_cases_are_refused_or_scored_on_the_common_ones(samples, tmp_path):
    sets = sets_of(tmp_path, samples)
    write_prediction_set(tmp_path / "some", [noisy(sample) for sample in samples[3:9]], PROTOCOL)
    sets["some"] = read_prediction_set(tmp_path / "some")
    reader = ListReader(tuple(samples))
    with pytest.raises(InputError, match=r"some/predictions\.json: lacks 18 of 24 cases"):
        evaluate_methods(sets, reader, PROTOCOL)
    found = evaluate_methods(sets, reader, PROTOCOL, allow_partial=True)
    assert {one.scores.case_ids for one in found.values()} == {tuple(sample.case_id for sample in samples[3:9])}
    assert {len(one.missing) for one in found.values()} == {18}


@pytest.mark.parametrize("name", ["a/b", "..", "", "report.html", "sim 2 real"])
def test_methods_are_named_as_folders(evaluations, comparison, tmp_path, name):
    with pytest.raises(ConfigError, match="cannot be called"):
        write_comparison(tmp_path, {name: evaluations["sim2real"]}, comparison)


def test_margins_of_unknown_quantities(evaluations):
    with pytest.raises(ConfigError, match="there is no quantity speed"):
        compare_methods(evaluations, {"speed": 1})
