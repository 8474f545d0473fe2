import json
import shutil
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from generators.predictions import PROTOCOL, make_case, noisy, perfect

from synthex.core import EvalProtocol, InputError, Vocabulary
from synthex.evaluation import read_prediction_set, write_prediction_set


@pytest.fixture(scope="module")
def predictions():
    return [noisy(make_case(index)) for index in range(4)]


@pytest.fixture
def folder(tmp_path, predictions):
    return write_prediction_set(tmp_path / "set", predictions, PROTOCOL, {"checkpoint": "abc"})


def _edit(folder, change):
    path = folder / "predictions.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def _same(first, second):
    assert first.case_id == second.case_id
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    np.testing.assert_array_equal(first.confidence, second.confidence)
    np.testing.assert_array_equal(first.present, second.present)
    np.testing.assert_array_equal(first.masks, second.masks)


def test_round_trip_is_exact(folder, predictions):
    found = read_prediction_set(folder, PROTOCOL)
    assert len(found) == 4
    assert found.case_ids() == tuple(prediction.case_id for prediction in predictions)
    assert found.provenance["checkpoint"] == "abc"
    assert {"synthex_version", "created"} <= set(found.provenance)
    for stored, original in zip(found, predictions, strict=True):
        _same(stored, original)


def test_float32_positions_and_odd_widths_survive(tmp_path):
    sample = make_case(0, size=(31, 45))
    original = replace(perfect(sample), landmarks=sample.landmarks.astype(np.float32))
    stored = read_prediction_set(write_prediction_set(tmp_path, [original], PROTOCOL))[sample.case_id]
    _same(stored, original)


def test_a_missing_guess_stays_missing(tmp_path):
    original = perfect(make_case(0))
    points, present = original.landmarks.copy(), original.present.copy()
    points[1], present[1] = np.nan, False
    original = replace(original, landmarks=points, present=present)
    _same(read_prediction_set(write_prediction_set(tmp_path, [original], PROTOCOL))[original.case_id], original)


def test_a_set_written_by_hand_with_plain_numpy_is_read(tmp_path, predictions):
    np.savez_compressed(tmp_path / "masks.npz", **{one.case_id: np.packbits(one.masks, axis=-1) for one in predictions})
    document = {
        "schema": "synthex-predictions",
        "version": 1,
        "task": "toy",
        "structures": list(PROTOCOL.vocabulary.structures),
        "landmarks": list(PROTOCOL.vocabulary.landmarks),
        "cases": [
            {
                "case_id": one.case_id,
                "image_shape": list(one.masks.shape[1:]),
                "landmarks": one.landmarks.tolist(),
                "confidence": one.confidence.tolist(),
                "present": one.present.tolist(),
            }
            for one in predictions
        ],
    }
    (tmp_path / "predictions.json").write_text(json.dumps(document))
    for stored, original in zip(read_prediction_set(tmp_path, PROTOCOL), predictions, strict=True):
        _same(stored, original)


def test_channels_in_another_order_are_put_right(folder, predictions):
    vocabulary = PROTOCOL.vocabulary
    turned = replace(PROTOCOL, vocabulary=Vocabulary(vocabulary.structures[::-1], vocabulary.landmarks[::-1]))
    stored = read_prediction_set(folder, turned)[predictions[0].case_id]
    np.testing.assert_array_equal(stored.landmarks, predictions[0].landmarks[::-1])
    np.testing.assert_array_equal(stored.masks, predictions[0].masks[::-1])


def test_tasks_without_masks_or_without_landmarks(tmp_path):
    sample = make_case(0)
    only_points = EvalProtocol("toy", Vocabulary((), PROTOCOL.vocabulary.landmarks), (0.5,), "detection_rate")
    prediction = replace(perfect(sample), masks=np.zeros((0, 48, 60), dtype=bool))
    write_prediction_set(tmp_path / "points", [prediction], only_points)
    assert not (tmp_path / "points" / "masks.npz").exists()
    _same(read_prediction_set(tmp_path / "points", only_points)[sample.case_id], prediction)
    only_masks = EvalProtocol("toy", Vocabulary(PROTOCOL.vocabulary.structures), (0.5,), "dice_mean")
    nothing = np.zeros(0)
    prediction = replace(perfect(sample), landmarks=np.zeros((0, 2)), confidence=nothing, present=nothing.astype(bool))
    write_prediction_set(tmp_path / "masks", [prediction], only_masks)
    _same(read_prediction_set(tmp_path / "masks", only_masks)[sample.case_id], prediction)


def test_an_interrupted_writer_leaves_no_set(tmp_path, predictions):
    def stream():
        yield predictions[0]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_prediction_set(tmp_path, stream(), PROTOCOL)
    assert list(tmp_path.iterdir()) == []


def test_equal_predictions_give_equal_mask_files(tmp_path, folder, predictions):
    other = write_prediction_set(tmp_path / "again", predictions, PROTOCOL)
    assert (other / "masks.npz").read_bytes() == (folder / "masks.npz").read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda document: document.update(schema="coco"), "is not a prediction set"),
        (lambda document: document.update(version=3), "has version 3, this synthex reads versions 1 and 2"),
        (lambda document: document.update(task="tool"), "is for the task 'tool', not 'toy'"),
        (lambda document: document.update(task=None), "names no task"),
        (lambda document: document.update(provenance=[]), "provenance is not an object"),
        (lambda document: document.update(masks_sha256=3), "masks_sha256"),
        (lambda document: document.update(cases=[]), "has no cases"),
        (lambda document: document["cases"].append(document["cases"][0]), "case case-000 appears twice"),
        (lambda document: document["cases"].append({}), "case number 4 has no case_id"),
        (lambda document: document["landmarks"].__setitem__(0, "nose"), "has the unknown landmark 'nose'"),
        (lambda document: document["structures"].__setitem__(0, "skull"), "has the unknown structure 'skull'"),
        (lambda document: document["structures"].__setitem__(0, "sacrum"), "structures has a name twice"),
        (lambda document: document.update(landmarks="all"), "landmarks is not a list of names"),
        (lambda document: document["cases"][1].pop("confidence"), "case case-001: confidence is not a list of 4"),
        (lambda document: document["cases"][1]["present"].pop(), "case case-001: present is not a list of 4"),
        (lambda document: document["cases"][0].update(image_shape=[48]), "image_shape is not [rows, columns]"),
        (lambda document: document["cases"][0].update(image_shape=[48, 99]), "masks of case case-000 are"),
        (
            lambda document: document["cases"][0]["landmarks"].__setitem__(2, [float("nan"), 1.0]),
            "landmark 2 is [nan, 1.0], not two finite numbers",
        ),
        (lambda document: document["cases"][0]["landmarks"].__setitem__(2, [1.0]), "landmark 2 is [1.0]"),
        (
            lambda document: document["cases"][0]["landmarks"].__setitem__(2, [10**400, 1.0]),
            "not two finite numbers",
        ),
        (lambda document: document["cases"][0]["confidence"].__setitem__(0, 1.5), "confidence is not a number in"),
        (
            lambda document: document["cases"][0]["confidence"].__setitem__(0, float("nan")),
            "confidence is not a number in",
        ),
        (lambda document: document["cases"][0]["present"].__setitem__(0, 1), "present flag is not true or false"),
        (
            lambda document: document["cases"][0].update(landmarks=[None] * 4, present=[True] * 4),
            "a landmark is present but has no position",
        ),
    ],
)
def test_a_damaged_document_is_one_line_that_names_the_fault(folder, change, problem):
    _edit(folder, change)
    with pytest.raises(InputError) as caught:
        list(read_prediction_set(folder, PROTOCOL))
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def _drop_member(folder):
    source, target = folder / "masks.npz", folder / "less.npz"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist()[1:]:
            new.writestr(name, old.read(name))
    shutil.move(target, source)
    _edit(folder, lambda document: document.update(masks_sha256=None))


def _cut_without_checksum(folder):
    _truncate(folder / "masks.npz")
    _edit(folder, lambda document: document.update(masks_sha256=None))


def _bad_member(change):
    """A damage to the first member's local header or data, given (content, start of its data)."""

    def damage(folder):
        path = folder / "masks.npz"
        content = bytearray(path.read_bytes())
        name, extra = struct.unpack_from("<HH", content, 26)
        change(content, 30 + name + extra)
        path.write_bytes(bytes(content))
        _edit(folder, lambda document: document.update(masks_sha256=None))

    return damage


def _break_deflate(content, data):
    content[data : data + 6] = b"\xff" * 6


def _central(content):
    return content.index(b"PK\x01\x02")


def _encrypt(content, data):
    for at in (6, _central(content) + 8):
        content[at] |= 1


def _unknown_method(content, data):
    for at in (8, _central(content) + 10):
        content[at : at + 2] = struct.pack("<H", 99)


def _garble_member(folder):
    with zipfile.ZipFile(folder / "masks.npz", "w") as archive:
        for index in range(4):
            archive.writestr(f"case-{index:03d}.npy", b"not an array")
    _edit(folder, lambda document: document.update(masks_sha256=None))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: shutil.rmtree(folder), "predictions.json: not found"),
        (lambda folder: (folder / "predictions.json").unlink(), "predictions.json: not found"),
        (lambda folder: (folder / "masks.npz").unlink(), "masks.npz: there is no such file"),
        (lambda folder: _truncate(folder / "predictions.json"), "is not complete JSON"),
        (lambda folder: (folder / "predictions.json").write_bytes(b"\xff\xfe"), "is not text in UTF-8"),
        (lambda folder: _truncate(folder / "masks.npz"), "is truncated or belongs to another predictions.json"),
        (_cut_without_checksum, "is not a complete npz file"),
        (_drop_member, "has no masks for 1 cases, the first is case-000"),
        (_garble_member, "masks of case case-000 cannot be read"),
        (_bad_member(_break_deflate), "masks of case case-000 cannot be read"),
        (_bad_member(_encrypt), "masks of case case-000 cannot be read"),
        (_bad_member(_unknown_method), "masks of case case-000 cannot be read"),
    ],
)
def test_a_damaged_folder_is_one_line_that_names_the_file(folder, damage, problem):
    damage(folder)
    with pytest.raises(InputError) as caught:
        list(read_prediction_set(folder, PROTOCOL))
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_case_is_named(folder):
    with pytest.raises(InputError, match="has no case nobody"):
        read_prediction_set(folder)["nobody"]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (
            {"landmarks": np.zeros((2, 2)), "confidence": np.ones(2), "present": np.ones(2, dtype=bool)},
            "the task has 4 landmarks",
        ),
        ({"masks": np.zeros((1, 4, 4), dtype=bool)}, "the task has 3 structures"),
        ({"confidence": np.full(4, np.nan)}, "confidence must lie in"),
        ({"landmarks": np.full((4, 2), np.nan)}, "flagged present but has no position"),
        ({"case_id": "../up"}, "not safe as a file name"),
    ],
)
def test_a_prediction_that_does_not_fit_is_refused_when_written(tmp_path, broken, problem):
    with pytest.raises(ValueError, match=problem):
        write_prediction_set(tmp_path, [replace(perfect(make_case(0)), **broken)], PROTOCOL)


def test_writing_a_case_twice_is_refused(tmp_path, predictions):
    with pytest.raises(ValueError, match="two predictions for case case-000"):
        write_prediction_set(tmp_path, [predictions[0], predictions[0]], PROTOCOL)
