"""``synthex data inspect`` of real radiographs in the layouts of all readers."""

from pathlib import Path

import pytest
from generators.plain_files import SECRETS, write_plain_folder
from generators.real_archives import (
    write_covid_cxr,
    write_deepfluoro,
    write_hip_folders,
    write_hip_pair,
    write_qata,
)
from PIL import Image as PILImage

ARCHIVES = {
    "CovidCxr": (write_covid_cxr, "4 of 3 subjects", "lung_right"),
    "QataCov19": (write_qata, "4 of 2 subjects", "lesion"),
    "HipStudy": (write_hip_pair, "6 of 3 subjects", "ASIS-r"),
    "HipFolders": (write_hip_folders, "2 of 1 subjects", "femur_left"),
    "DeepFluoro": (lambda root: write_deepfluoro(root / "file.h5"), "4 of 2 subjects", "hip_left"),
    "PlainFolder": (write_plain_folder, "4 of 3 subjects", "top"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_layout_is_recognised(name, synthex, tmp_path):
    write, images, said = ARCHIVES[name]
    text = synthex("data", "inspect", str(write(tmp_path / "archive")), "output=seen.png")
    assert f"{name}: " in text
    assert images in text
    assert said in text
    assert "BAD" not in text
    assert not any(secret in text for secret in SECRETS)
    assert PILImage.open("seen.png").width > 300


def test_cases_that_cannot_be_read_are_named(synthex, tmp_path):
    root = write_covid_cxr(tmp_path / "archive")
    (root / "images" / "d001.png").write_bytes(b"no")
    text = synthex("data", "inspect", str(root), "output=seen.png")
    assert "3 of 3 subjects" in text
    assert "BAD: d001.png: is not a readable picture" in text
    for path in (root / "images").iterdir():
        path.write_bytes(b"no")
    assert "d000.png: is not a readable picture" in synthex("data", "inspect", str(root), "output=x.png", code=2)
    assert not Path("x.png").exists()


def test_the_preprocessed_file(synthex, tmp_path):
    path = write_hip_pair(tmp_path / "archive", combined=True)
    assert "HipStudy: real.h5" in synthex("data", "inspect", str(path), "output=seen.png")
