import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile
from generators.samples import make_sample

from synthex.core import ConfigError, InputError, Vocabulary
from synthex.data import open_export
from synthex.data.real import ToolFolders, write_tool_folders

VOCABULARY = Vocabulary(("manipulator",), ("base", "tip", "gone", "unknown"))


def one_mask(index):
    sample = make_sample(index, domain="intensity" if index % 2 else "log")
    return replace(sample, masks=sample.masks[:1])


SAMPLES = [one_mask(index) for index in range(4)]


@pytest.mark.parametrize("opened", [ToolFolders, open_export])
def test_the_round_trip_closes(tmp_path, opened):
    write_tool_folders(tmp_path, SAMPLES, VOCABULARY)
    reader = opened(tmp_path)
    assert (reader.structures, reader.landmarks) == (VOCABULARY.structures, VOCABULARY.landmarks)
    assert reader.case_ids() == tuple(sample.case_id for sample in SAMPLES)
    for index, wanted in enumerate(SAMPLES):
        found = reader[index]
        assert np.array_equal(found.image, wanted.image)
        assert np.array_equal(found.masks, wanted.masks)
        assert np.allclose(found.landmarks, wanted.landmarks, rtol=0, atol=1e-6, equal_nan=True)
        for name in ("case_id", "subject_id", "domain", "pixel_mm", "magnification"):
            assert getattr(found, name) == getattr(wanted, name)
        assert np.array_equal(found.visible, wanted.visible)
        assert np.array_equal(found.annotated, wanted.annotated)
        assert dict(found.record) == dict(wanted.record)
    assert not list(tmp_path.rglob("*.part.*"))


def test_the_layout_is_the_studys(tmp_path):
    write_tool_folders(tmp_path, SAMPLES, VOCABULARY)
    for folder, ending in (("proj", "tiff"), ("seg", "tiff"), ("lands", "h5")):
        assert sorted(p.name for p in (tmp_path / folder).iterdir()) == [f"{i:05d}.{ending}" for i in range(4)]
    assert np.array_equal(tifffile.imread(tmp_path / "proj" / "00002.tiff"), SAMPLES[2].image)
    mask = tifffile.imread(tmp_path / "seg" / "00002.tiff")
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, SAMPLES[2].masks[0].astype(np.uint8))
    with h5py.File(tmp_path / "lands" / "00002.h5") as file:
        assert sorted(file) == ["ld1", "ld2", "ld3", "ld4"]
        # Pixel centres at integers; known to be outside, and not annotated.
        assert np.allclose(file["ld1"][()], SAMPLES[2].landmarks[0] - 0.5)
        assert file["ld3"][()].tolist() == [-2, -2]
        assert file["ld4"][()].tolist() == [-1, -1]


def test_without_our_file_it_is_one_of_the_studys_folders(tmp_path):
    write_tool_folders(tmp_path, SAMPLES, VOCABULARY)
    (tmp_path / "synthex.json").unlink()
    reader = ToolFolders(tmp_path)
    assert reader.landmarks == ("base", "tip")
    assert reader.case_ids() == ("00000", "00001", "00002", "00003")
    assert np.allclose(reader[1].landmarks, SAMPLES[1].landmarks[:2], rtol=0, atol=1e-6)


def test_an_export_that_lost_or_gained_a_case(tmp_path):
    write_tool_folders(tmp_path, SAMPLES, VOCABULARY)
    for path in list(tmp_path.glob("*/00003.*")):
        path.rename(path.with_stem("00009"))
    with pytest.raises(InputError, match="has lost case 00003"):
        ToolFolders(tmp_path)
    document = json.loads((tmp_path / "synthex.json").read_text())
    document["cases"].pop("00003")
    (tmp_path / "synthex.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"00009\.tiff: is not listed in synthex\.json"):
        ToolFolders(tmp_path)


@pytest.mark.parametrize("keep", [0, 20, 150])
def test_a_cut_file_of_ours_says_so(tmp_path, keep):
    path = write_tool_folders(tmp_path, SAMPLES, VOCABULARY)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"synthex\.json: is not complete JSON"):
        ToolFolders(tmp_path)


def test_two_exports_in_one_archive(tmp_path):
    for fold, other in ((1, ("base", "tip")), (2, ("head", "tail"))):
        write_tool_folders(
            tmp_path / f"Fold{fold}" / "test",
            [replace(s, landmarks=s.landmarks[:2], visible=s.visible[:2], annotated=s.annotated[:2]) for s in SAMPLES],
            Vocabulary(("manipulator",), other),
        )
    with pytest.raises(ConfigError, match="different landmarks: base, tip and head, tail"):
        ToolFolders(tmp_path)
    with pytest.raises(InputError, match="is case case-000, as"):
        ToolFolders(tmp_path, landmarks=("base", "tip"))
    assert len(ToolFolders(tmp_path, fold=2)) == 4


def test_several_structures_do_not_fit(tmp_path):
    with pytest.raises(ConfigError, match="hold one mask an image, the task has 2 structures"):
        write_tool_folders(tmp_path, [], Vocabulary(("a", "b"), ("c",)))
    assert not list(tmp_path.iterdir())
