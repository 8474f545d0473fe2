"""``synthex data inspect`` on images in the study's tool folders."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from generators.tool_archive import write_tool_archive, write_tool_part
from PIL import Image

from synthex.core import InputError
from synthex.views.tool_folders import inspect_tool_folders


def test_counts_of_every_folder_and_a_picture(tmp_path):
    archive = write_tool_archive(tmp_path / "archive", folds=2, side=100)
    text = inspect_tool_folders(archive, tmp_path / "look.png")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "15 images in 8 folders" in lines
    assert "real/Fold2/test 3 100 x 102 2 / 1 / 0 2 / 0 / 1" in lines
    assert "sim/train_data 2 100 x 102 2 / 0 / 0 1 / 0 / 1" in lines
    for part in ("ld1: base, ld2: tip", "log (bone bright)", "0.5804 mm", "fold1, fold2, sim-train, sim-valid"):
        assert part in text
    # 91 columns and half a row apart in every case.
    assert f"median {np.hypot(91, 0.5) * 0.5804:.1f} mm" in text
    with Image.open(tmp_path / "look.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=int)
    yellow = (pixels[..., 0] > 220) & (pixels[..., 1] > 190) & (pixels[..., 2] < 120)
    blue = (pixels[..., 2] > 180) & (pixels[..., 0] < 120)
    assert yellow.sum() > 200
    assert blue.sum() > 200


def test_bad_folders_are_named_and_the_others_shown(tmp_path):
    archive = write_tool_archive(tmp_path / "archive", folds=2)
    (archive / "real" / "Fold1" / "test" / "seg" / "00000.tiff").write_bytes(b"")
    shutil.rmtree(archive / "real" / "Fold2" / "valid" / "lands")
    text = inspect_tool_folders(archive, tmp_path / "look.png")
    assert re.search(r"BAD: real/Fold1/test, seg/00000\.tiff: is not a readable picture", text)
    assert re.search(r"BAD: real/Fold2/valid, valid/lands: is missing", text)
    assert "13 images in 8 folders" in text


def test_where_every_case_that_would_be_drawn_is_bad_another_is(tmp_path):
    folder = write_tool_part(tmp_path / "images", 9)
    for index in np.linspace(0, 8, 6, dtype=int):
        (folder / "proj" / f"{index:05d}.tiff").write_bytes(b"")
    assert "3 images in 1 folders" in inspect_tool_folders(folder, tmp_path / "look.png")
    assert (tmp_path / "look.png").exists()


def test_nothing_readable_is_an_error(tmp_path):
    folder = write_tool_part(tmp_path / "images", 1)
    (folder / "proj" / "00000.tiff").write_bytes(b"")
    with pytest.raises(InputError, match=r"00000\.tiff: is not a readable picture"):
        inspect_tool_folders(folder, tmp_path / "look.png")
    assert not (tmp_path / "look.png").exists()


def test_the_command_knows_the_folders(synthex, tmp_path):
    folder = write_tool_part(tmp_path / "images", 2)
    text = synthex("data inspect", str(folder), "output=look.png")
    assert "2 images in 1 folders" in text
    assert Path("look.png").exists()
