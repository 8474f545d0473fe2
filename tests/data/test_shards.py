import json
import shutil

import pytest
from generators.samples import VOCABULARY, make_sample

from synthex.core import ConfigError, InputError
from synthex.data import Shard, Staging, find_shards, finish_shard, open_export, open_shards, shard_request, write_hdf5

REQUEST = {"count": 7, "seed": 3, "format": "hdf5"}
SAMPLES = [make_sample(index) for index in range(REQUEST["count"])]


def write_shard(output, shard, request=REQUEST, finish=True):
    staging = Staging(shard.folder(output), shard_request(request, shard))
    for index in staging.missing(shard.indices(request["count"])):
        staging.add(index, SAMPLES[index])
    if finish:
        finish_shard(staging, shard, request, VOCABULARY)
    return staging


@pytest.fixture
def shards(tmp_path):
    for part in (1, 2, 3):
        write_shard(tmp_path, Shard(part, 3))
    return tmp_path


@pytest.mark.parametrize(("count", "parts"), [(7, 1), (7, 3), (7, 7), (100, 8)])
def test_shards_partition_the_samples(count, parts):
    dealt = [Shard(part, parts).indices(count) for part in range(1, parts + 1)]
    assert [index for indices in dealt for index in indices] == list(range(count))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "-1/2", "1/3/4", "1 / 3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ConfigError, match="with i from 1 to n, like 2/4"):
        Shard.parse(text)


def test_more_shards_than_samples_are_refused():
    with pytest.raises(ConfigError, match="at most 2 shards"):
        Shard.parse("1/3").indices(2)


def test_merged_shards_are_the_samples_in_order_and_the_same_file(shards, tmp_path):
    assert find_shards(shards) == {Shard(part, 3): shards / f"shard-{part}-of-3" for part in (1, 2, 3)}
    parts = open_shards(shards)
    assert parts.request == REQUEST
    assert [sample.case_id for sample in parts.samples()] == [sample.case_id for sample in SAMPLES]
    one, other = tmp_path / "one", tmp_path / "other"
    for merged, whole in zip(
        write_hdf5(one, parts.samples(), parts.vocabulary), write_hdf5(other, SAMPLES, VOCABULARY), strict=True
    ):
        assert merged.read_bytes() == whole.read_bytes()
    parts.remove()
    assert not find_shards(shards)


def test_an_export_in_shards_is_no_export(shards):
    with pytest.raises(InputError, match="synthex data merge"):
        open_export(shards)


def test_shards_can_be_copied_together(shards, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for folder in find_shards(shards).values():
        shutil.move(folder, tmp_path / "elsewhere" / folder.name)
    assert len(open_shards(tmp_path / "elsewhere").files) == 7


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


DAMAGE = {
    "lacks 1 of 3 shards (2/3)": lambda folder: shutil.rmtree(folder / "shard-2-of-3"),
    "is not finished": lambda folder: (folder / "shard-2-of-3" / "shard.json").unlink(),
    "shard.json: is not complete JSON": lambda folder: truncate(folder / "shard-2-of-3" / "shard.json"),
    "000003.npz: is missing": lambda folder: (folder / "shard-2-of-3" / ".staging" / "000003.npz").unlink(),
    "000003.npz: is not what the shard wrote": lambda folder: truncate(folder / "shard-2-of-3/.staging/000003.npz"),
    "does not describe shard 2/3": lambda folder: shutil.copy(
        folder / "shard-1-of-3" / "shard.json", folder / "shard-2-of-3" / "shard.json"
    ),
    "holds shards of 3 and 4": lambda folder: write_shard(folder, Shard(1, 4)),
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_what_is_wrong_with_shards_is_said_in_one_line(shards, problem):
    DAMAGE[problem](shards)
    with pytest.raises(InputError) as caught:
        open_shards(shards)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["seed", "synthex"])
def test_shards_of_other_settings_or_another_version_do_not_mix(shards, key):
    path = shards / "shard-3-of-3" / "shard.json"
    content = json.loads(path.read_text())
    if key == "seed":
        shutil.rmtree(path.parent)
        write_shard(shards, Shard(3, 3), REQUEST | {"seed": 4})
    else:
        path.write_text(json.dumps(content | {"synthex": "0.0.0"}))
    with pytest.raises(InputError, match=rf"otherwise than shard 1/3 \(different: {key}\)"):
        open_shards(shards)


def test_a_shard_that_was_cut_goes_on(tmp_path):
    shard = Shard(2, 2)
    write_shard(tmp_path, shard, finish=False)
    (shard.folder(tmp_path) / ".staging" / "000005.npz").unlink()
    staging = Staging(shard.folder(tmp_path), shard_request(REQUEST, shard))
    assert staging.missing(shard.indices(7)) == [5]
    write_shard(tmp_path, shard)
    write_shard(tmp_path, Shard(1, 2))
    assert len(open_shards(tmp_path).files) == 7


def test_no_shards_at_all(tmp_path):
    with pytest.raises(InputError, match="holds no shards"):
        open_shards(tmp_path)
