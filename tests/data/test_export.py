import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from generators.samples import VOCABULARY, make_sample

from synthex.core import InputError
from synthex.data import Staging, open_export, write_folder, write_hdf5

SAMPLES = [make_sample(index) for index in range(7)]


def assert_same(found, wanted):
    assert (found.case_id, found.subject_id, found.domain) == (wanted.case_id, wanted.subject_id, wanted.domain)
    assert (found.pixel_mm, found.magnification) == (wanted.pixel_mm, wanted.magnification)
    assert np.array_equal(found.image, wanted.image)
    assert np.array_equal(found.masks, wanted.masks)
    assert np.array_equal(found.landmarks, wanted.landmarks, equal_nan=True)
    assert np.array_equal(found.visible, wanted.visible)
    assert np.array_equal(found.annotated, wanted.annotated)
    assert dict(found.record) == dict(wanted.record)


@pytest.mark.parametrize("write", [write_hdf5, write_folder])
def test_round_trip_is_exact(tmp_path, write):
    write(tmp_path, SAMPLES, VOCABULARY)
    reader = open_export(tmp_path)
    assert reader.structures == VOCABULARY.structures
    assert reader.landmarks == VOCABULARY.landmarks
    found = {reader[i].case_id: reader[i] for i in range(len(reader))}
    assert [reader[i].case_id for i in range(len(reader))] == list(reader.case_ids())
    for wanted in SAMPLES:
        assert_same(found[wanted.case_id], wanted)
    assert not list(tmp_path.rglob("*.part.*"))


def without_landmarks(sample):
    empty = np.zeros(0, dtype=bool)
    return replace(sample, landmarks=np.zeros((0, 2), np.float32), visible=empty, annotated=empty)


@pytest.mark.parametrize("write", [write_hdf5, write_folder])
def test_a_task_without_landmarks_has_none_to_write(tmp_path, write):
    samples = [without_landmarks(sample) for sample in SAMPLES]
    write(tmp_path, samples, replace(VOCABULARY, landmarks=(), landmark_pairs=()))
    reader = open_export(tmp_path)
    assert reader.landmarks == ()
    found = {reader[i].case_id: reader[i] for i in range(len(reader))}
    for wanted in samples:
        assert_same(found[wanted.case_id], wanted)


def test_hdf5_is_the_studys_layout(tmp_path):
    write_hdf5(tmp_path, SAMPLES, VOCABULARY)
    with h5py.File(tmp_path / "images.h5") as images, h5py.File(tmp_path / "labels.h5") as labels:
        assert int(images["land-names/num-lands"][()]) == 4
        assert images["land-names/land-01"][()] == b"end"
        assert images["01/projs"].shape == (3, 20, 30)
        assert labels["01/segs"].shape == (3, 20, 30)
        assert labels["01/lands"].shape == (3, 2, 4)
        # Pixel centres at integers, columns first; absent points outside the image and finite.
        assert np.allclose(labels["01/lands"][0, :, 0], SAMPLES[0].landmarks[0] - 0.5)
        assert (labels["01/lands"][0, :, 2] == -1).all()
        assert np.isfinite(labels["01/lands"][()]).all()
        assert set(np.unique(labels["01/segs"][()])) == {0, 1, 2}


def test_the_studys_own_files_without_our_extras(tmp_path):
    write_hdf5(tmp_path, SAMPLES, VOCABULARY)
    with h5py.File(tmp_path / "labels.h5", "a") as labels:
        for group in list(labels):
            for key in ("masks", "landmarks", "annotated", "pixel-mm", "magnification", "case-ids", "records"):
                del labels[group][key]
    reader = open_export(tmp_path)
    sample = reader[0]
    assert sample.pixel_mm == 0.776
    assert sample.case_id == "01-0000"
    assert np.array_equal(sample.masks[1], SAMPLES[0].masks[1])
    assert np.allclose(sample.landmarks, SAMPLES[0].landmarks, rtol=0, atol=1e-12, equal_nan=True)
    assert not (sample.masks[0] & sample.masks[1]).any()


def test_coco_keypoints_and_box(tmp_path):
    document = json.loads(write_folder(tmp_path, SAMPLES[:1], VOCABULARY).read_text())
    annotation, image = document["annotations"][0], document["images"][0]
    assert annotation["num_keypoints"] == 2
    assert annotation["keypoints"][6:9] == [0, 0, 0]
    assert annotation["bbox"][2] == 30  # the bar runs through the image
    assert annotation["bboxes"]["nothing"] == [0, 0, 0, 0]
    left, top, width, height = annotation["bboxes"]["disc"]
    disc = SAMPLES[0].masks[0]
    assert disc[top : top + height, left : left + width].sum() == disc.sum()
    assert all(disc[side].any() for side in (top, top + height - 1))
    assert all(disc[:, side].any() for side in (left, left + width - 1))
    assert "polylines" not in annotation
    assert (image["width"], image["height"]) == (30, 20)


def test_coco_has_the_lines_of_a_task(tmp_path):
    lines = {"centerline": [[1.5, 2.5], [3.25, 4.0]]}
    sample = replace(SAMPLES[0], record={"targets": {"polylines": lines}})
    document = json.loads(write_folder(tmp_path, [sample], VOCABULARY).read_text())
    assert document["annotations"][0]["polylines"] == lines
    assert_same(open_export(tmp_path)[0], sample)


def test_staging_resumes_and_refuses_another_request(tmp_path):
    staging = Staging(tmp_path, {"count": 5})
    staging.add(1, SAMPLES[1])
    staging.add(3, SAMPLES[3])
    again = Staging(tmp_path, {"count": 5})
    assert again.missing(5) == [0, 2, 4]
    assert_same(again.get(3), SAMPLES[3])
    with pytest.raises(InputError, match=r"another export.*count"):
        Staging(tmp_path, {"count": 6})
    with pytest.raises(InputError, match="unfinished export"):
        open_export(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_damaged_files_say_so_in_one_line(tmp_path, keep):
    write_hdf5(tmp_path / "a", SAMPLES, VOCABULARY)
    write_folder(tmp_path / "b", SAMPLES, VOCABULARY)
    for path in (tmp_path / "a" / "images.h5", tmp_path / "b" / "annotations.json"):
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(InputError) as caught:
            open_export(path.parent)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_missing_image_says_so(tmp_path):
    write_folder(tmp_path, SAMPLES, VOCABULARY)
    (tmp_path / "images" / "case-002.tiff").unlink()
    with pytest.raises(InputError, match=r"case-002\.tiff"):
        open_export(tmp_path)[2]


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="has neither"):
        open_export(tmp_path)
