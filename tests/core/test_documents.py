"""Documents of others: plain values within bounds, or one line."""

import io
import json
import os
import zipfile
import zlib

import numpy as np
import pytest

from synthex.core import InputError
from synthex.core.documents import parse_array, read_arrays, read_json, read_text, read_yaml, whole_number
from synthex.core.limits import MAX_DEPTH, check_archive, inflate, read_member


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_json_values_come_back(tmp_path):
    value = {"a": [1, 2.5, None, True, 'brackets ]]]} and \\" quotes'], "b": {"c": []}}
    assert read_json(write(tmp_path / "a.json", "\ufeff" + json.dumps(value)), "mend it") == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "64 levels"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "64 levels"),
        ("9" * 5000, "number"),
        ('{"a": 1', "complete"),
        ('"' + '\\"' * 50_000, "complete"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_json_that_cannot_be_used_is_one_line(content, said, tmp_path):
    with pytest.raises(InputError, match=said) as caught:
        read_json(write(tmp_path / "a.json", content), "mend it")
    assert "\n" not in str(caught.value)
    assert "a.json" in str(caught.value)


def test_depth_in_the_limit_is_read(tmp_path):
    text = "[" * MAX_DEPTH + '"[[["' + "]" * MAX_DEPTH
    assert read_json(write(tmp_path / "a.json", text), "mend it")[0]


def test_yaml_values_come_back_and_dates_stay_text(tmp_path):
    text = "a: [1, 2.5, null, true]\nday: 2020-01-31\nbase: &base {x: 1}\nmore: {<<: *base, y: 2}\n"
    assert read_yaml(write(tmp_path / "a.yaml", text), "mend it") == {
        "a": [1, 2.5, None, True],
        "day": "2020-01-31",
        "base": {"x": 1},
        "more": {"x": 1, "y": 2},
    }


LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 10_000,
        "a: " + "[" * 100 + "]" * 100,
        "".join(" " * n + "a:\n" for n in range(300)),
        LAUGHS,
        MERGES,
        "a: &a [*a]",
        "a: !!python/object/apply:os.system ['true']",
        "a: !!binary aGVsbG8=",
        "a: !!timestamp 2020-01-01",
        "? [a, b]\n: 1",
        "a: " + "9" * 5000,
        "a: 0x",
        "a: '\x07'",
        "a" * (1 << 19) + "a",
        b"\xff\xfe\x00",
    ],
    ids=range(15),
)
def test_yaml_that_cannot_be_used_is_one_line(content, tmp_path):
    path = write(tmp_path / "a.yaml", content)
    if content == "a: 0x":
        assert read_yaml(path, "mend it") == {"a": "0x"}
        return
    with pytest.raises(InputError) as caught:
        read_yaml(path, "mend it")
    assert "\n" not in str(caught.value)
    assert "a.yaml" in str(caught.value)


def test_names_are_text_and_there_once_where_asked(tmp_path):
    for text in ("a: 1\na: 2\n", "on: 1\n"):
        with pytest.raises(InputError):
            read_yaml(write(tmp_path / "a.yaml", text), "mend it", unique_names=True)
        read_yaml(tmp_path / "a.yaml", "mend it")


def test_pipes_folders_and_what_is_missing_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none", "/dev/zero"):
        with pytest.raises(InputError):
            read_text(path, "mend it")


def test_arrays_come_back(tmp_path):
    arrays = {
        "a": np.arange(6, dtype=np.int16).reshape(2, 3),
        "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "text": np.array("words"),
        "none": np.zeros((0, 4), dtype=bool),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    found = read_arrays(tmp_path / "a.npz", "mend it")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def npy(header, data=b""):
    text = header.encode().ljust(118 - 10) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", bytes(8)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", bytes(8)),
        npy("((((" * 20),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)
def test_an_array_that_is_not_as_its_header_says_is_one_line(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(InputError):
        read_arrays(tmp_path / "a.npz", "mend it")


def test_pickles_are_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(InputError):
        read_arrays(tmp_path / "a.npz", "mend it")


def test_an_archive_larger_than_the_limit_is_refused_from_its_directory(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(1 << 22))
    with pytest.raises(InputError, match="MiB"):
        read_arrays(tmp_path / "a.npz", "mend it", limit=1 << 20)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        check_archive("a", archive, 1 << 22)
        with pytest.raises(ValueError, match="MiB"):
            read_member(archive, "a.npy", 1 << 20)


def test_inflating_never_takes_more_than_a_block_at_a_time():
    bomb = zlib.compress(bytes(1 << 24))
    sizes = [len(block) for block in inflate(zlib.decompressobj(), bomb)]
    assert sum(sizes) == 1 << 24
    assert max(sizes) <= 1 << 20


def test_the_bytes_of_an_array_come_back():
    buffer = io.BytesIO()
    np.save(buffer, np.eye(3))
    np.testing.assert_array_equal(parse_array(buffer.getvalue()), np.eye(3))


def test_whole_numbers_of_any_length():
    """Python itself raises at 4300 digits."""
    assert whole_number("0042") == 42
    assert [whole_number(text) for text in ("", "-1", "1.5", "²", "9" * 19, "9" * 5000)] == [None] * 6
