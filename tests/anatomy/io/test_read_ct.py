"""Every format and orientation gives the same canonical volume; whatever is no CT is refused in one line."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from generators.ct_files import (
    PATIENT,
    SHAPE,
    SPACING,
    ct_values,
    nifti_bytes,
    ras_affine,
    reoriented,
    write_dicom_series,
    write_enhanced_dicom,
    write_itk,
)

from synthex.anatomy.io import axis_codes, read_ct, read_ct_grid
from synthex.core import Affine, InputError
from synthex.dicom import is_dicom

LEFT_HANDED, RIGHT_HANDED = ("LAS", "RPS", "RSA"), ("RAS", "LPS", "SRA", "PIR", "ILP")


def _write(folder: Path, suffix: str, codes: str = "RAS", values: np.ndarray | None = None) -> Path:
    stored, affine = reoriented(ct_values() if values is None else values, ras_affine(), codes)
    if suffix == ".nii":
        path = folder / "ct.nii"
        path.write_bytes(nifti_bytes(stored, affine))
        return path
    return write_itk(folder / f"ct{suffix}", stored, affine)


def _assert_canonical(path: Path, atol: float = 1e-4) -> None:
    volume = read_ct(path)
    assert volume.data.dtype == np.int16
    np.testing.assert_array_equal(volume.data, ct_values())
    np.testing.assert_allclose(volume.world_from_ijk.matrix, ras_affine(), atol=atol)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("codes", [*RIGHT_HANDED, *LEFT_HANDED])
def test_every_format_and_orientation_gives_the_same_volume(tmp_path: Path, suffix: str, codes: str) -> None:
    path = _write(tmp_path, suffix, codes)
    assert axis_codes(read_ct_grid(path).world_from_ijk) == codes
    _assert_canonical(path)


def test_oblique_rotation_stays_in_the_affine(tmp_path: Path) -> None:
    angle = np.deg2rad(20)
    turn = np.eye(4)
    turn[:2, :2] = ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle)))
    stored, affine = reoriented(ct_values(), turn @ ras_affine(), "LPS")
    volume = read_ct(write_itk(tmp_path / "ct.nrrd", stored, affine))
    np.testing.assert_array_equal(volume.data, ct_values())
    np.testing.assert_allclose(volume.world_from_ijk.matrix, turn @ ras_affine(), atol=1e-6)


def test_the_nifti_qform_is_used_where_the_sform_is_unset(tmp_path: Path) -> None:
    path = _write(tmp_path, ".nii.gz", "LPS")
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[254:256] = b"\0\0"  # sform_code
    content[280:328] = bytes(48)  # srow
    path.write_bytes(gzip.compress(bytes(content)))
    _assert_canonical(path)


def test_dicom_series_is_sorted_by_position_and_rescaled(tmp_path: Path) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    _assert_canonical(write_dicom_series(tmp_path / "series", stored, affine))


def test_dicom_series_scanned_head_first_downwards(tmp_path: Path) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPI")
    _assert_canonical(write_dicom_series(tmp_path / "series", stored, affine))


def test_enhanced_multi_frame_dicom(tmp_path: Path) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    _assert_canonical(write_enhanced_dicom(tmp_path / "enhanced.dcm", stored, affine))


def test_padding_below_air_becomes_air(tmp_path: Path) -> None:
    values = ct_values()
    values[-1] = -3024
    assert read_ct(_write(tmp_path, ".nii.gz", values=values)).data.min() == -1024


@pytest.mark.parametrize("background", [0, -1024])
def test_a_masked_ct_is_still_a_ct(tmp_path: Path, background: int) -> None:
    values = ct_values()
    values[values == -1000] = background
    np.testing.assert_array_equal(read_ct(_write(tmp_path, ".nii.gz", values=values)).data, values)


def _refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_ct(path)
    message = str(caught.value)
    assert "\n" not in message
    assert PATIENT not in message
    assert "SECRET" not in message
    assert str(path) in message or str(path) in str(caught.value.path.parent)
    for word in words:
        assert word in message, message


def test_values_that_are_not_hu_are_refused(tmp_path: Path) -> None:
    values = ct_values()
    _refused(_write(tmp_path, ".nrrd", values=((values + 1000) // 9).clip(0, 255).astype(np.uint8)), "8-bit")
    _refused(_write(tmp_path, ".nrrd", values=(values + 1024).astype(np.int16)), "not HU", "offset")
    _refused(_write(tmp_path, ".nrrd", values=np.clip(values, 0, 400)), "not HU")
    _refused(_write(tmp_path, ".nrrd", values=np.full(SHAPE, -1000, np.int16)), "empty")
    broken = values.astype(np.float32)
    broken[2:4, 3, 3] = np.nan
    for suffix in (".nrrd", ".mha", ".nii", ".nii.gz"):
        _refused(_write(tmp_path, suffix, values=broken), "2 voxels are NaN")


def test_colour_vector_and_four_dimensional_images_are_refused(tmp_path: Path) -> None:
    colour = SimpleITK.GetImageFromArray(np.zeros((4, 4, 4, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(colour, str(tmp_path / "rgb.nrrd"))
    _refused(tmp_path / "rgb.nrrd", "3 values per voxel")
    (tmp_path / "four.nii").write_bytes(nifti_bytes(np.zeros((4, 4, 4, 3), np.int16), ras_affine()))
    _refused(tmp_path / "four.nii", "4-D")


def test_one_slice_and_empty_volumes_are_refused(tmp_path: Path) -> None:
    _refused(_write(tmp_path, ".nii.gz", values=ct_values()[:, :, :1]), "one slice")
    (tmp_path / "none.nii").write_bytes(nifti_bytes(ct_values(), ras_affine(), dim=(12, 10, 0)))
    _refused(tmp_path / "none.nii", "empty image")
    flat = SimpleITK.GetImageFromArray(np.zeros((8, 8), np.int16))
    SimpleITK.WriteImage(flat, str(tmp_path / "flat.mha"))
    _refused(tmp_path / "flat.mha", "2-D")


@pytest.mark.parametrize("step", [0.0, -2.0, float("nan")])
def test_impossible_nifti_spacing_is_refused(tmp_path: Path, step: float) -> None:
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_bytes(ct_values(), ras_affine(), pixdim=(step, 3.0, 4.0)))
    _refused(path, "wrong or missing spacing")


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), -5.0])
def test_damaged_nifti_offsets_are_refused(tmp_path: Path, offset: float) -> None:
    content = bytearray(nifti_bytes(ct_values(), ras_affine()))
    content[108:112] = struct.pack("<f", offset)
    (tmp_path / "ct.nii").write_bytes(bytes(content))
    _refused(tmp_path / "ct.nii", "damaged header")


def test_nifti_extents_beyond_64_bits_are_refused(tmp_path: Path) -> None:
    content = bytearray(nifti_bytes(ct_values(), ras_affine()))
    content[40:56] = struct.pack("<8h", 5, *[32767] * 5, 1, 1)
    (tmp_path / "ct.nii").write_bytes(bytes(content))
    _refused(tmp_path / "ct.nii", "voxels")


@pytest.mark.parametrize("spacing", ["2 3", "2 3 nan", ""])
def test_metaimage_spacing_of_every_axis_is_needed(tmp_path: Path, spacing: str) -> None:
    path = write_itk(tmp_path / "ct.mha", ct_values(), ras_affine())
    content = path.read_bytes()
    path.write_bytes(content.replace(b"ElementSpacing = 2 3 4", f"ElementSpacing = {spacing}".encode()))
    assert path.read_bytes() != content
    _refused(path, "wrong or missing spacing")


def test_metaimage_without_orientation_is_refused(tmp_path: Path) -> None:
    path = write_itk(tmp_path / "ct.mha", ct_values(), ras_affine())
    content = path.read_bytes()
    start = content.index(b"TransformMatrix")
    path.write_bytes(content[:start] + content[content.index(b"\n", start) + 1 :])
    _refused(path, "no orientation")


@pytest.mark.parametrize("scale", [1e-4, 100.0])
def test_absurd_spacing_is_refused(tmp_path: Path, scale: float) -> None:
    spacing = tuple(scale * step for step in SPACING)
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_bytes(ct_values(), ras_affine(spacing)))
    _refused(path, "wrong or missing spacing")
    _refused(write_itk(tmp_path / "ct.mha", ct_values(), ras_affine(spacing)), "wrong or missing spacing")


def test_missing_spacing_and_orientation_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_bytes(ct_values(), ras_affine(), sform_code=0))
    _refused(path, "no orientation")
    nrrd = "NRRD0004\ntype: short\ndimension: 3\nsizes: 12 10 8\nencoding: raw\nendian: little\n{}\n"
    for extra, word in (("", "missing spacing"), ("spacings: 2 3 4\n", "no orientation")):
        path = tmp_path / "ct.nrrd"
        path.write_bytes(nrrd.format(extra).encode() + ct_values().tobytes(order="F"))
        _refused(path, word)
    meta = b"ObjectType = Image\nNDims = 3\nDimSize = 12 10 8\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    path = tmp_path / "ct.mha"
    path.write_bytes(meta + ct_values().tobytes(order="F"))
    _refused(path, "missing spacing")
    path.write_bytes(meta.replace(b"DimSize", b"ElementSpacing = 2 0 4\nDimSize") + ct_values().tobytes(order="F"))
    _refused(path, "wrong or missing spacing")


def test_sheared_and_singular_affines_are_refused(tmp_path: Path) -> None:
    sheared = ras_affine()
    sheared[1, 2] = 1.0
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_bytes(ct_values(), sheared))
    _refused(path, "sheared", "degrees")
    singular = ras_affine()
    singular[:3, 2] = singular[:3, 1]
    path.write_bytes(nifti_bytes(ct_values(), singular))
    _refused(path, "singular")
    nrrd = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 12 10 8\n"
        "space directions: (2,0,0) (0,3,0) (0,1,4)\nspace origin: (0,0,0)\nencoding: raw\nendian: little\n\n"
    )
    path = tmp_path / "ct.nrrd"
    path.write_bytes(nrrd.encode() + ct_values().tobytes(order="F"))
    _refused(path, "sheared")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_truncated_and_empty_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = _write(tmp_path, suffix)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    _refused(path)
    path.write_bytes(b"")
    _refused(path, "empty")


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.nrrd", "ct.mha"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_damaged_stretch_of_a_compressed_file_is_noticed(tmp_path: Path, name: str, share: float) -> None:
    values = ct_values((40, 40, 40))
    path = write_itk(tmp_path / name, values, ras_affine())
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(path)), str(path), True)
    np.testing.assert_array_equal(read_ct(path).data, values)
    content = bytearray(path.read_bytes())
    middle = int(share * len(content))
    content[middle : middle + 40] = bytes(byte ^ 0x55 for byte in content[middle : middle + 40])
    path.write_bytes(content)
    _refused(path, "damaged")


def test_gzip_files_of_several_members_are_read(tmp_path: Path) -> None:
    path = _write(tmp_path, ".nii.gz")
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:900]) + gzip.compress(content[900:]) + gzip.compress(b""))
    _assert_canonical(path)


def test_wrong_suffix_missing_file_and_text_are_refused(tmp_path: Path) -> None:
    _refused(tmp_path / "nothing.nii", "no such file")
    for name in ("ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha", "ct.png"):
        (tmp_path / name).write_text("not an image at all\n" * 40)
        _refused(tmp_path / name)
    renamed = tmp_path / "really_nrrd.nii.gz"
    renamed.write_bytes(_write(tmp_path, ".nrrd").read_bytes())
    _refused(renamed, "not a NIfTI")


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path, ".nii.gz")
    monkeypatch.setattr(os, "access", lambda *_: False)  # tests may run as root, whom no mode stops
    _refused(path, "no permission")


def test_incomplete_and_mixed_dicom_folders_are_refused(tmp_path: Path) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    _refused(write_dicom_series(tmp_path / "gap", stored, affine, skip=(3, 4)), "2 slices are missing")
    _refused(write_dicom_series(tmp_path / "mr", stored, affine, modality="MR"), "MR, not CT")
    mixed = write_dicom_series(tmp_path / "mixed", stored, affine)
    _refused(write_dicom_series(mixed, stored, affine, prefix="other"), "2 CT series", "data.series=1 to 2")
    double = write_dicom_series(tmp_path / "double", stored, affine, series="1.2.9")
    _refused(write_dicom_series(double, stored, affine, series="1.2.9", prefix="again"), "two slices at one position")
    tilted = affine.copy()
    tilted[1, 2] += 1.5
    _refused(write_dicom_series(tmp_path / "tilted", stored, tilted), "sheared")
    _refused(write_dicom_series(tmp_path / "single", stored[:, :, :1], affine), "one slice")
    (tmp_path / "nothing").mkdir()
    _refused(tmp_path / "nothing", "no DICOM files")


def test_a_truncated_dicom_slice_is_refused(tmp_path: Path) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    folder = write_dicom_series(tmp_path / "series", stored, affine)
    victim = sorted(folder.iterdir())[2]
    victim.write_bytes(victim.read_bytes()[:-150])
    _refused(folder)


def test_nothing_leaks_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stored, affine = reoriented(ct_values(), ras_affine(), "LPS")
    folder = write_dicom_series(tmp_path / "gap", stored, affine, skip=(3,))
    truncated = _write(tmp_path, ".nii")
    truncated.write_bytes(truncated.read_bytes()[:900])
    text = tmp_path / "text.nrrd"
    text.write_text("NRRD0004\nspace: left-posterior-superior\nspacings: 1 1 1\n")
    for path in (folder, truncated, text):
        with pytest.raises(InputError):
            read_ct(path)
    assert capfd.readouterr() == ("", "")


def test_grid_needs_no_voxels(tmp_path: Path) -> None:
    grid = read_ct_grid(_write(tmp_path, ".nii.gz", "LAS"))
    assert grid.data is None
    assert grid.shape == SHAPE
    assert isinstance(grid.world_from_ijk, Affine)


NRRD = b"NRRD0005\ntype: %s\ndimension: 3\nspace: RAS\nsizes: %s\n%sencoding: gzip\nendian: little\n\n"
DIRECTIONS = b"space directions: (1,0,0) (0,1,0) (0,0,1)\n"


@pytest.mark.parametrize(
    ("kind", "sizes", "more", "said"),
    [
        (b"a" * 5000, b"2 2 2", DIRECTIONS, "5006 characters"),
        (b"short", b"2 2 2", DIRECTIONS + b"units: " + b"a" * 2000 + b"\n", "2007 characters"),
        (b"short", b"4096 4096 4096", DIRECTIONS, "128.0 GiB"),
        (b"short", b"1024 1024 512", DIRECTIONS, "nothing can be in them"),
        (b"short", b"16 16 16", DIRECTIONS, "more voxels than its header says"),
        (b"short", b"16 16 16", DIRECTIONS + b"sizes: 9 9 9\n", "twice"),
        (b"short", b"16 16 16", DIRECTIONS + b"data file: ../elsewhere.raw\n", "another folder"),
        (b"short", b"16 16 -16", DIRECTIONS, "extents"),
        (b"block", b"16 16 16", DIRECTIONS, "type"),
    ],
)
def test_a_header_that_asks_for_too_much_is_refused_before_itk_reads_it(kind, sizes, more, said, tmp_path):
    (tmp_path / "ct.nrrd").write_bytes(NRRD % (kind, sizes, more) + gzip.compress(bytes(1 << 25), 1))
    _refused(tmp_path / "ct.nrrd", said)


def test_a_name_that_is_too_long_for_metaimage_is_refused(tmp_path: Path) -> None:
    path = write_itk(tmp_path / "ct.mha", ct_values(), ras_affine())
    path.write_bytes(path.read_bytes().replace(b"NDims", b"Name = " + b"a" * 300 + b"\nNDims"))
    _refused(path, "307 characters")


def test_nifti_that_holds_more_than_its_header_says_is_refused(tmp_path: Path) -> None:
    content = nifti_bytes(ct_values(), ras_affine())
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(content) + gzip.compress(bytes(1 << 26), 1))
    _refused(tmp_path / "ct.nii.gz", "more voxels than its header says")


def test_voxels_behind_a_loop_of_links_are_refused_in_one_line(tmp_path):
    header = "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = ct.raw\n"
    (tmp_path / "ct.mhd").write_text(header, encoding="utf-8")
    (tmp_path / "ct.raw").symlink_to("ct.raw")
    with pytest.raises(InputError) as caught:
        read_ct(tmp_path / "ct.mhd")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + "%03d.raw 1 3 1", "b/" * 3000])
def test_voxels_in_a_file_of_an_impossible_name_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    header = f"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\ndata file: {name[:480]}\n\n"
    (tmp_path / "ct.nhdr").write_text(header)
    _refused(tmp_path / "ct.nhdr", "")


@pytest.mark.parametrize("offset", ["inf 0 0", "nan 0 0", "a b c", "1 2", None])
def test_metaimage_without_a_usable_origin_is_refused(tmp_path: Path, offset: str | None) -> None:
    path = write_itk(tmp_path / "ct.mhd", ct_values(), ras_affine())
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("Offset")]
    assert len(kept) == len(lines) - 1
    where = [] if offset is None else [f"Offset = {offset}"]
    path.write_text("\n".join([*kept[:3], *where, *kept[3:]]) + "\n")
    _refused(path, "no origin")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening one would hang until somebody writes into it."""
    folder = write_dicom_series(tmp_path / "series", *reoriented(ct_values(), ras_affine(), "LPS"))
    one = sorted(folder.iterdir())[0]
    one.unlink()
    os.mkfifo(one)
    os.mkfifo(tmp_path / "ct.dcm")
    os.mkfifo(tmp_path / "ct")
    assert not is_dicom(one)
    for path in (folder, tmp_path / "ct.dcm", tmp_path / "ct"):
        with pytest.raises(InputError) as caught:
            read_ct(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("slope", "intercept"), [(-1.0, 0.0), (np.inf, 0.0), (1.0, -np.inf)])
def test_nifti_values_turned_over_or_lost_by_their_rescale_are_refused(tmp_path: Path, slope, intercept) -> None:
    content = bytearray(nifti_bytes(ct_values(), ras_affine()))
    content[112:120] = struct.pack("<2f", slope, intercept)
    (tmp_path / "ct.nii").write_bytes(bytes(content))
    _refused(tmp_path / "ct.nii", "rescaled by")


@pytest.mark.parametrize("slope", [np.nan, 0.0, 1.0])
def test_nifti_without_a_rescale_is_read_as_it_is_stored(tmp_path: Path, slope: float) -> None:
    content = bytearray(nifti_bytes(ct_values(), ras_affine()))
    content[112:120] = struct.pack("<2f", slope, slope if np.isnan(slope) else 0.0)
    (tmp_path / "ct.nii").write_bytes(bytes(content))
    assert np.array_equal(read_ct(tmp_path / "ct.nii").data, ct_values())
