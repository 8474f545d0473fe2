"""Case ids and file names of exports that somebody passes on never lead out of their folder."""

import dataclasses
import json

import pytest
from generators.samples import VOCABULARY, make_sample

from synthex.core import InputError
from synthex.data import Shard, Staging, finish_shard, open_export, open_shards, shard_request, write_folder, write_hdf5
from synthex.data.export import ANNOTATIONS_FILE

OUTSIDE = ("../../../OUTSIDE", "/tmp/OUTSIDE", "..", "a/b", "a\\..\\b")


@pytest.mark.parametrize("name", OUTSIDE)
def test_shards_with_a_case_id_that_leads_outside_are_not_merged(name, tmp_path):
    deep, request = tmp_path / "a" / "b" / "c" / "export", {"count": 2, "format": "folder"}
    for number in (1, 2):
        shard = Shard(number, 2)
        staging = Staging(shard.folder(deep), shard_request(request, shard))
        for index in shard.indices(2):
            staging.add(index, dataclasses.replace(make_sample(index), case_id=f"{name}-{index}" if index else name))
        finish_shard(staging, shard, request, VOCABULARY)
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(InputError, match="case id"):
        write_folder(deep, open_shards(deep).samples(), VOCABULARY)
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_sample_with_such_a_case_id_is_neither_written_nor_read(name, tmp_path):
    sample = dataclasses.replace(make_sample(0), case_id=name)
    with pytest.raises(InputError, match="case id"):
        write_folder(tmp_path / "folder", [sample], VOCABULARY)
    write_hdf5(tmp_path / "pair", [sample], VOCABULARY)
    with pytest.raises(InputError, match="case id"):
        open_export(tmp_path / "pair")


@pytest.mark.parametrize("name", ["../x.tiff", "/etc/passwd", "images/../../x.tiff", 3, None])
def test_an_annotation_file_cannot_name_an_image_elsewhere(name, tmp_path):
    path = write_folder(tmp_path / "folder", [make_sample(0)], VOCABULARY)
    document = json.loads(path.read_text())
    document["images"][0]["file_name"] = name
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=ANNOTATIONS_FILE):
        open_export(path.parent)
