"""Prepared volumes: the right values, mapped not read, never half an entry, and a fast second start."""

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from generators.anatomies import Balls
from generators.ct_files import SHAPE, ct_values, ras_affine, write_itk

from synthex.anatomy import cache
from synthex.anatomy.cache import PreparedAnatomies
from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.resampling import resample_labels, resample_linear
from synthex.core import Affine, AnatomySource, ConfigError, InputError, Volume


def _prepare_in_child(folder: Path) -> None:
    PreparedAnatomies(Balls(2), folder, 12.0).prepare()


def test_native_entries_are_the_source_memory_mapped(tmp_path: Path) -> None:
    source = Balls(1)
    prepared = PreparedAnatomies(source, tmp_path)
    assert isinstance(prepared, AnatomySource)
    mine, theirs = prepared.load("ball-000"), source.load("ball-000")
    assert isinstance(mine.ct.data, np.memmap)
    assert isinstance(mine.labels.data, np.memmap)
    assert not mine.ct.data.flags.writeable
    np.testing.assert_array_equal(mine.ct.data, theirs.ct.data)
    np.testing.assert_array_equal(mine.labels.data, theirs.labels.data)
    np.testing.assert_array_equal(mine.ct.world_from_ijk.matrix, theirs.ct.world_from_ijk.matrix)
    assert mine.structures == theirs.structures
    for name, point in theirs.landmarks.items():
        np.testing.assert_array_equal(mine.landmarks[name], point)


def test_entry_layout(tmp_path: Path) -> None:
    prepared = PreparedAnatomies(Balls(1), tmp_path, 12.0)
    prepared.prepare()
    (entry,) = tmp_path.iterdir()
    assert entry.name == prepared.fingerprint("ball-000")
    assert sorted(file.name for file in entry.iterdir()) == ["ct.npy", "labels.npy", "meta.json"]
    assert np.load(entry / "ct.npy").dtype == np.int16


def test_linear_ramp_is_resampled_exactly() -> None:
    turn = np.array(((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0)))
    affine = Affine.from_parts(turn * (1.5, 3.0, 2.0), (5, -7, 11))
    shape = (40, 20, 30)
    i, j, k = np.meshgrid(*map(np.arange, shape), indexing="ij")
    ramp = (2 * i * 1.5 + 3 * j * 3.0 - 4 * k * 2.0).astype(np.float32)
    fine = resample_linear(Volume(ramp, affine), 1.0)
    assert fine.shape == (60, 60, 60)
    np.testing.assert_allclose(fine.spacing_mm, 1.0)
    np.testing.assert_allclose(fine.center_world, affine.apply((np.array(shape)[None] - 1) / 2)[0])
    index = np.argwhere(np.ones(fine.shape, dtype=bool)).astype(float)
    old = affine.inverse().apply(fine.world_from_ijk.apply(index))
    inner = ((old >= 0) & (old <= np.array(shape) - 1)).all(axis=1)
    truth = old @ (2 * 1.5, 3 * 3.0, -4 * 2.0)
    assert inner.mean() > 0.85
    np.testing.assert_allclose(fine.data.reshape(-1)[inner], truth[inner], atol=1e-3)


def test_coarsening_keeps_the_mean_of_noise_and_lowers_its_spread() -> None:
    noise = np.random.default_rng(0).normal(40, 100, (60, 60, 60)).astype(np.int16)
    coarse = resample_linear(Volume(noise, Affine.identity()), 3.0)
    assert coarse.shape == (20, 20, 20)
    assert coarse.data.dtype == np.int16
    assert abs(float(coarse.data.mean()) - float(noise.mean())) < 1.5
    # A Gaussian of sigma s leaves 1 / (2 s sqrt(pi)) of the variance per axis; s = sqrt(8) / 2.355 here.
    expected = 100 * (1 / (2 * np.sqrt(8) / 2.355 * np.sqrt(np.pi))) ** 1.5
    assert float(coarse.data.std()) == pytest.approx(expected, rel=0.05)


def test_labels_keep_their_ids_and_volume() -> None:
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[5:20, 8:24, 6:21] = 200
    coarse = resample_labels(Volume(labels, Affine.from_parts(np.eye(3) * 2, (0, 0, 0))), 3.0)
    assert np.unique(coarse.data).tolist() == [0, 200]
    assert (coarse.data > 0).sum() * 27 == pytest.approx((labels > 0).sum() * 8, rel=0.1)


def test_coarser_labels_do_not_move_against_the_ct() -> None:
    first = np.argwhere(np.ones((2, 2, 2), dtype=bool))
    shifts = []
    for start in first:
        labels = np.zeros((40, 36, 32), np.uint8)
        # Two labels with background between them, of odd and of even sizes.
        i, j, k = start + 6
        labels[i : i + 9, j : j + 12, k : k + 11] = 3
        labels[i + 14 : i + 24, j : j + 13, k + 1 : k + 10] = 7
        fine = Volume(labels, Affine.identity())
        coarse = resample_labels(fine, 2.0)
        for number in (3, 7):
            before, after = (
                volume.world_from_ijk.apply(np.argwhere(volume.data == number).astype(float)).mean(axis=0)
                for volume in (fine, coarse)
            )
            shifts.append(after - before)
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05
    assert np.abs(shifts).max() <= 0.5 + 1e-9


def test_coarser_labels_are_those_of_the_largest_occupancy() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, (6, 5, 4)).astype(np.uint8).repeat(5, axis=0).repeat(4, axis=1).repeat(3, axis=2)
    affine = Affine.from_parts(np.diag((0.8, 1.0, 3.0)), (0, 0, 0))
    occupancy = np.stack(
        [resample_linear(Volume((labels == number).astype(np.float32), affine), 1.7).data for number in range(4)]
    )
    ranked = np.sort(occupancy, axis=0)
    clear = ranked[-1] - ranked[-2] > 1e-3
    assert clear.mean() > 0.9
    found = resample_labels(Volume(labels, affine), 1.7).data
    np.testing.assert_array_equal(found[clear], occupancy.argmax(axis=0)[clear])


def test_labels_stay_on_the_grid_of_the_ct(tmp_path: Path) -> None:
    anatomy = PreparedAnatomies(Balls(1), tmp_path, 5.0).load("ball-000")
    native = Balls(1).load("ball-000")
    assert anatomy.ct.same_grid(anatomy.labels)
    for number in native.structures.values():
        centers = [
            volume.world_from_ijk.apply(np.argwhere(volume.data == number).astype(float)).mean(axis=0)
            for volume in (anatomy.labels, native.labels)
        ]
        assert np.linalg.norm(centers[0] - centers[1]) < 1.0


def test_damaged_entries_are_built_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = Balls(1)
    first = PreparedAnatomies(source, tmp_path, 12.0).load("ball-000").ct.data.copy()
    entry = tmp_path / PreparedAnatomies(source, tmp_path, 12.0).fingerprint("ball-000")
    rng = np.random.default_rng(0)
    for damage in ("truncate", "missing", "json", "stub", "foreign", *["bit"] * 12):
        match damage:
            case "bit":  # anywhere in any of its files
                file = sorted(entry.iterdir())[rng.integers(3)]
                content = bytearray(file.read_bytes())
                content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
                file.write_bytes(content)
            case "foreign":  # whole, but of another subject
                other = PreparedAnatomies(Balls(2, spacing_mm=7.0), tmp_path / "other", 12.0)
                other.load("ball-001")
                shutil.rmtree(entry)
                (tmp_path / "other" / other.fingerprint("ball-001")).rename(entry)
                (tmp_path / "other").rmdir()
            case "truncate":
                (entry / "ct.npy").write_bytes((entry / "ct.npy").read_bytes()[:-50])
            case "missing":
                (entry / "labels.npy").unlink()
            case "json":
                (entry / "meta.json").write_text("{")
            case "stub":
                (entry / "meta.json").write_text(json.dumps({"bytes": {}}))
        caplog.clear()
        again = PreparedAnatomies(source, tmp_path, 12.0).load("ball-000")
        np.testing.assert_array_equal(again.ct.data, first)
        assert "made again" in caplog.text
        assert [path.name for path in tmp_path.iterdir()] == [entry.name]


def test_a_process_and_those_it_sends_the_cache_to_compare_the_bytes_once(tmp_path: Path, monkeypatch) -> None:
    PreparedAnatomies(Balls(1), tmp_path, 12.0).prepare()
    read: list[Path] = []
    digest = cache._file_digest
    monkeypatch.setattr(cache, "_file_digest", lambda path: (read.append(path), digest(path))[1])
    prepared = PreparedAnatomies(Balls(1), tmp_path, 12.0)
    prepared.load("ball-000")
    assert len(read) == 2
    prepared.load("ball-000")
    pickle.loads(pickle.dumps(prepared)).load("ball-000")
    assert len(read) == 2
    (file,) = tmp_path.glob("*/ct.npy")
    os.utime(file, (0, 0))
    pickle.loads(pickle.dumps(prepared)).load("ball-000")
    assert len(read) > 2


def test_other_fingerprint_or_spacing_is_another_entry(tmp_path: Path) -> None:
    keys = {
        PreparedAnatomies(Balls(2, spacing_mm=native), tmp_path, spacing).fingerprint(f"ball-00{i}")
        for native in (8.0, 7.0)
        for spacing in (None, 1.0, 2.0)
        for i in (0, 1)
    }
    assert len(keys) == 12


def test_a_warm_cache_never_loads_the_source(tmp_path: Path) -> None:
    PreparedAnatomies(Balls(2), tmp_path, 12.0).prepare()

    class Sealed(Balls):
        def load(self, subject_id: str) -> None:
            raise AssertionError(subject_id)

    assert PreparedAnatomies(Sealed(2), tmp_path, 12.0).load("ball-001").subject_id == "ball-001"


def test_several_processes_prepare_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_prepare_in_child, args=(tmp_path,)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    prepared = PreparedAnatomies(Balls(2), tmp_path, 12.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(prepared.fingerprint, prepared.subject_ids()))
    np.testing.assert_array_equal(
        prepared.load("ball-001").ct.data, resample_linear(Balls(2).load("ball-001").ct, 12.0).data
    )


def test_prepare_reports_progress_and_pools(tmp_path: Path) -> None:
    seen = []
    PreparedAnatomies(Balls(3), tmp_path, 12.0).prepare(progress=lambda *args: seen.append(args), workers=2)
    assert [args[:2] for args in seen] == [(1, 3), (2, 3), (3, 3)]
    assert len(list(tmp_path.iterdir())) == 3


def test_errors_come_back_from_the_pool(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_itk(tmp_path / "cts" / f"{name}.nii.gz", ct_values(), ras_affine())
    broken = np.full(SHAPE, np.nan, np.float32)
    write_itk(tmp_path / "cts" / "b.nii.gz", broken, ras_affine())
    with pytest.raises(InputError, match=r"b\.nii\.gz.*NaN"):
        PreparedAnatomies(CtFolder(tmp_path / "cts"), tmp_path / "cache").prepare(workers=2)


def test_pickles_carry_no_voxels(tmp_path: Path) -> None:
    prepared = PreparedAnatomies(Balls(1), tmp_path)
    prepared.load("ball-000")
    content = pickle.dumps(prepared)
    assert len(content) < 2000
    assert pickle.loads(content).load("ball-000").subject_id == "ball-000"


def test_bad_settings_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="spacing_mm=0"):
        PreparedAnatomies(Balls(1), tmp_path, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        PreparedAnatomies(Balls(1), tmp_path / "file").load("ball-000")


def test_a_script_without_a_guard_prepares_in_several_processes(tmp_path: Path) -> None:
    for name in ("p", "q"):
        write_itk(tmp_path / "in" / name / "ct.nii.gz", ct_values(), ras_affine())
    script = tmp_path / "script.py"
    script.write_text(
        "from synthex.anatomy.ct_folder import CtFolder\nfrom synthex.anatomy.cache import PreparedAnatomies\n"
        f"cts = PreparedAnatomies(CtFolder({str(tmp_path / 'in')!r}), {str(tmp_path / 'cache')!r}, 2.5)\n"
        "cts.prepare(workers=2)\nprint(len(list(cts.cache_dir.iterdir())), __file__)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.stdout.split() == ["2", str(script)], done.stderr


def test_a_cached_start_imports_neither_simpleitk_nor_scipy(tmp_path: Path) -> None:
    write_itk(tmp_path / "p" / "ct.nii.gz", ct_values(), ras_affine())
    script = (
        "import sys; from synthex.anatomy.ct_folder import CtFolder; "
        "from synthex.anatomy.cache import PreparedAnatomies;"
        f"a = PreparedAnatomies(CtFolder({str(tmp_path / 'p')!r}), {str(tmp_path / 'cache')!r}, 2.5).load('ct-01');"
        "print(a.ct.shape, 'SimpleITK' in sys.modules, 'scipy' in sys.modules)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(2)
    ]
    assert runs[0].stdout.strip() == "(10, 12, 13) True True"
    assert runs[1].stdout.strip() == "(10, 12, 13) False False"
