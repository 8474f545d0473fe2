"""The datamodule benchmark, and the memory of simulated training data (the issue's fourth bar)."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from generators.samples import make_sample

from synthex.benchmarks.datamodule import Run
from synthex.benchmarks.memory import Memory, available, memory_of, reset_peak
from synthex.benchmarks.stages import STAGES, profile_stages
from synthex.benchmarks.volumes import MappedVolumes
from synthex.cli.benchmark_datamodule import worker_counts
from synthex.cli.main import main
from synthex.core import ConfigError
from synthex.data import LearningDataset

linux = pytest.mark.skipif(not available(), reason="this system does not tell a process's private memory")


@pytest.fixture
def benchmark(tiny, capfd, tmp_path):
    """Run the command on tiny data; returns its rows."""

    def run(*arguments):
        file = tmp_path / "rows.json"
        code = main(["benchmark", "datamodule", *tiny, "profile_samples=2", f"json={file}", *arguments])
        out, err = capfd.readouterr()
        assert code == 0, out + err
        return json.loads(file.read_text()), out

    return run


def test_the_rows_say_what_was_measured(benchmark):
    rows, text = benchmark("samples=16", "worker_counts=[0,1]", "augment=strong")
    assert [(row["workers"], row["samples"], row["batch_size"], row["size"]) for row in rows] == [
        (0, 16, 4, 64),
        (1, 16, 4, 64),
    ]
    for row in rows:
        assert row["samples_per_second"] > 0
        assert row["simulation"] == "Naive"
        assert row["augmentation"] == "strong"
        assert tuple(row["milliseconds_per_sample"]) == STAGES
        assert all(value >= 0 for value in row["milliseconds_per_sample"].values())
        if available():
            assert 0 < row["private_mib"] <= row["pss_mib"]
    assert "projection" in text


def test_counts_of_workers():
    assert worker_counts(None, 2) == (2,)
    assert worker_counts(3, 2) == (3,)
    assert worker_counts([1, 2], 0) == (1, 2)
    for wrong in ("two", [1, -1], [], [True], 1.5):
        with pytest.raises(ConfigError, match="worker_counts"):
            worker_counts(wrong, 2)


def test_data_on_disk_is_refused(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["benchmark", "datamodule", "data=on_disk", "data.train=somewhere"]) == 2
    assert "data=synthetic" in capfd.readouterr().err


def test_stages_add_up_to_what_the_work_takes():
    """Stages of known length, told apart by their ratio, for on a busy machine everything takes longer."""
    sample = make_sample(0)

    class Reader:
        structures, landmarks = (), ()

        def case_ids(self):
            return ("case",)

        def __len__(self):
            return 100

        def __getitem__(self, index):
            time.sleep(0.03)
            return sample

    def augment(sample, rng):
        time.sleep(0.01)
        return sample

    dataset = LearningDataset(Reader(), 16, augment)
    found = profile_stages(dataset, 5, 4)
    assert found["scene and targets"] == pytest.approx(3 * found["augmentation"], rel=0.4)
    assert found["scene and targets"] + found["augmentation"] > 35
    assert found["projection"] == found["image formation"] == 0


def test_growth_is_told_from_settling():
    def run(private):
        return Run(len(private), 1.0, tuple(Memory(private=value) for value in private))

    # Settling in the first quarter is no growth; a steady rise of 1 MiB a reading is.
    assert run([100, 200, 300, 400, *[500.0] * 12]).growth_mib() == 0
    assert run([float(value) for value in range(40)]).growth_mib() == pytest.approx(20)
    assert run([1.0, 2.0]).growth_mib() is None


@linux
def test_private_memory_counts_arrays_and_not_mapped_files(tmp_path):
    path = tmp_path / "mapped.npy"
    np.save(path, np.ones(60 * 2**20, dtype=np.uint8))
    # In a process of its own: this one may give the array memory that it has freed and still holds.
    code = (
        "import json, os, sys; import numpy as np; from synthex.benchmarks.memory import memory_of\n"
        "def now(): found = memory_of([os.getpid()]); seen.append((found.rss, found.private))\n"
        "seen = []; now(); mapped = np.load(sys.argv[1], mmap_mode='r'); mapped.sum(); now()\n"
        "array = np.ones(60 * 2**20, dtype=np.uint8); now(); print(json.dumps(seen))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    before, with_file, with_array = json.loads(done.stdout)
    assert with_file[0] - before[0] > 50
    assert with_file[1] - before[1] < 5
    assert with_array[1] - with_file[1] > 50
    assert memory_of([2**22 + 1]) == Memory()  # no such process


@linux
def test_the_peak_is_that_since_the_reset():
    if not reset_peak():
        pytest.skip("this process may not reset its peak")
    # In a process of its own too: here the array may lie in memory that an earlier test freed and glibc kept.
    code = (
        "import os; import numpy as np; from synthex.benchmarks.memory import memory_of, peak_mib, reset_peak\n"
        "reset_peak(); before = memory_of([os.getpid()]).rss\n"
        "array = np.ones(80 * 2**20, dtype=np.uint8); del array; print(peak_mib() - before)\n"
        "reset_peak(); print(peak_mib() - memory_of([os.getpid()]).rss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with_array, after_reset = map(float, done.stdout.split())
    assert 70 < with_array < 200
    assert after_reset < 20


def test_large_volumes_are_sparse_and_mapped(tmp_path):
    source = MappedVolumes(tmp_path, 2, (128, 96, 64), ("a", "b"), ("tip",))
    assert source.subject_ids() == ("block-00", "block-01")
    anatomy = source.load("block-01")
    assert isinstance(anatomy.ct.data, np.memmap)
    assert anatomy.absent == {"tip"}
    assert set(np.unique(anatomy.labels.data)) == {0, 1, 2}
    np.testing.assert_array_equal(np.asarray(anatomy.ct.data) == 700, np.asarray(anatomy.labels.data) > 0)
    files = [path.stat() for path in tmp_path.iterdir()]
    assert sum(file.st_size for file in files) > 2 * 3 * 128 * 96 * 64
    if hasattr(files[0], "st_blocks"):  # not on Windows
        assert sum(512 * file.st_blocks for file in files) < sum(file.st_size for file in files)


@pytest.mark.long
@linux
def test_a_few_hundred_samples_leave_no_memory_behind(benchmark):
    """A leak of one 64 x 64 float image a sample would show as 5 MiB, half of the samples being compared."""
    rows, _ = benchmark("samples=640", "worker_counts=1", "augment=none")
    assert rows[0]["growth_mib"] < 2.5


@linux
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_thousand_samples_leave_no_memory_behind(benchmark):
    """A tenth of a 64 x 64 float image a sample would show as 16 MiB."""
    rows, _ = benchmark("samples=20000", "worker_counts=2")
    assert rows[0]["growth_mib"] < 8


@linux
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("simulation", ["naive", "realistic"])
def test_twenty_large_cts_and_four_workers_stay_under_two_gigabytes(benchmark, simulation):
    rows, _ = benchmark(
        "stress.subjects=20",
        "samples=240",
        "worker_counts=4",
        "data.size=256",
        f"simulation={simulation}",
    )
    assert rows[0]["private_mib"] < 2000 / 1.048576
