"""``synthex data inspect``: the text says what was understood, the picture shows it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generators.ct_files import SHAPE, ct_values, ras_affine, reoriented, write_itk, write_markups
from generators.lungs import make_lungs
from PIL import Image

from synthex.core import InputError
from synthex.views.anatomies import inspect
from synthex.views.anatomy_picture import draw_anatomy


def _subject(folder: Path) -> Path:
    write_itk(folder / "ct.nii.gz", *reoriented(ct_values(), ras_affine(), "LAS"))
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:6, 2:6] = 5
    labels[6:9, 2:6, 2:6] = 51
    labels[10, 8, 6] = 116  # which version 1 of TotalSegmentator does not have
    write_itk(folder / "labels.nii.gz", labels, ras_affine())
    write_markups(folder / "points.mrk.json", {"apex": (-2.0, 30.0, 40.0)}, "RAS")
    return folder


def test_text_and_picture(tmp_path: Path) -> None:
    text = inspect(_subject(tmp_path / "a"), tmp_path / "out" / "look.png")
    for part in ("12 x 10 x 8", "2 x 3 x 4 mm", "LAS", "-1000 to 1234", "totalsegmentator (recog", "liver", "apex"):
        assert part in text, text
    line = next(line for line in text.splitlines() if "heart" in line).split()
    assert line == ["51", "heart", "48", f"{48 * 24 / 1000:.1f}"]
    with Image.open(tmp_path / "out" / "look.png") as picture:
        assert picture.format == "PNG"
        assert np.asarray(picture.convert("L")).std() > 10


def test_a_chest_is_shown_in_a_lung_window(tmp_path: Path) -> None:
    labels, values = np.zeros(SHAPE, np.uint8), ct_values()
    labels[2:9, 2:6, 2:6], labels[10, 8, 6] = 10, 116
    _subject(tmp_path / "a")
    write_itk(tmp_path / "a" / "ct.nii.gz", np.where(labels == 10, np.int16(-850), values), ras_affine())
    write_itk(tmp_path / "a" / "labels.nii.gz", labels, ras_affine())
    text = inspect(tmp_path / "a", tmp_path / "look.png")
    assert "chest task calls it" in text
    line = next(line for line in text.splitlines() if "lung_upper_lobe_left" in line).split()
    assert line[-1] == "lung_left"
    lungs, shares = make_lungs(), []
    for structures in (lungs.structures, {"heart": 1}):
        draw_anatomy(replace(lungs, structures=structures), tmp_path / "look.png", np.zeros(3))
        with Image.open(tmp_path / "look.png") as picture:
            pixels = np.asarray(picture.convert("L"))
        # The axial and coronal panels. Lung of -850 HU is a third of the way to white; in a body window it is black.
        shares.append(float(((pixels > 70) & (pixels < 105)).mean()))
    assert shares[0] > 0.05 > shares[1]


def test_bad_subjects_are_listed_and_the_first_good_one_shown(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        _subject(tmp_path / name)
    (tmp_path / "a" / "ct.nii.gz").write_bytes(b"")
    (tmp_path / "c" / "labels.nii.gz").write_bytes(b"no image")
    text = inspect(tmp_path, tmp_path / "look.png")
    assert "3 subjects" in text
    assert "ct.nii.gz: the file is empty" in " ".join(text.split())
    assert "Subject ct-02" in text
    assert text.count("BAD") == 2


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    _subject(tmp_path / "a")
    (tmp_path / "a" / "ct.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        inspect(tmp_path, tmp_path / "look.png")
    assert not (tmp_path / "look.png").exists()


def test_real_pelvis(shared_data: Path, tmp_path: Path) -> None:
    text = inspect(shared_data / "pelvis_ct", tmp_path / "look.png")
    assert "synthex_hip (no id beyond 6" in text
    assert text.count("absent") == 4
    assert "348.0" in text
    # The frontal DRR is the lower right panel: bone in colour, landmarks in yellow.
    with Image.open(tmp_path / "look.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=int)
    panel = pixels[pixels.shape[0] // 2 :, pixels.shape[1] // 2 :]
    yellow = (panel[..., 0] > 220) & (panel[..., 1] > 190) & (panel[..., 2] < 120)
    assert yellow.sum() > 100
