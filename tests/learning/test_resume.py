"""A run that is killed and resumed ends with the very weights of a run that is not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthex.core import ConfigError
from synthex.learning import find_resume_checkpoint

DRIVER = Path(__file__).parents[1] / "generators" / "tiny_training.py"
# An epoch has 5 steps, a run 15.
SCENARIOS = {
    "endless, EMA": {
        "workers": 0, "ema": True, "endless": True, "every_n_steps": 2,
        "kills": [
            [["backward", 7]], [["validation", 5]], [["half_written", 6]],
            [["batch_start", 1], ["batch_start", 9], ["validation", 15]],
        ],
    },
    "two workers, checkpoints at epoch ends": {
        "workers": 2, "ema": True, "endless": True, "every_n_steps": None, "kills": [[["batch_start", 8]]],
    },
    "finite, accumulated gradients": {
        "workers": 0, "ema": False, "endless": False, "every_n_steps": 1, "accumulate": 2,
        "kills": [
            [["batch_start", 4]], [["batch_start", 7]],
            # Within the first gradient after resuming: two batches make a step. Lightning runs checkpoints after
            # all other callbacks, so only the start of the second batch is after all that the first one wrote.
            [["backward", 4], ["micro_batch", 2], ["micro_batch", 2]],
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    request = json.dumps({"folder": str(folder), "scenarios": list(SCENARIOS.values())})
    done = subprocess.run(
        [sys.executable, str(DRIVER)],
        input=request,
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, dict(zip(SCENARIOS, json.loads(done.stdout), strict=True))


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_and_resumed_runs_end_bitwise_equal(results, name):
    result = results[1][name]
    assert len(result["resumed"]) == len(SCENARIOS[name]["kills"])
    assert set(result["resumed"].values()) == {result["whole"]}


def test_the_number_of_workers_changes_nothing(results):
    assert results[1]["endless, EMA"]["whole"] == results[1]["two workers, checkpoints at epoch ends"]["whole"]


def test_the_digest_is_sensitive(results):
    wholes = {result["whole"] for result in results[1].values()}
    assert len(wholes) == 2


def test_nothing_half_written_is_left_and_old_checkpoints_go(results):
    for run in results[0].glob("*/*"):
        names = sorted(path.name for path in (run / "checkpoints").iterdir())
        assert len(names) == 3
        assert names[0] == "best.ckpt"
        assert all(name.startswith("step=") for name in names[1:])


def test_the_csv_of_a_resumed_run_is_that_of_the_whole_run(results):
    timing = ("train/samples_per_s", "train/data_wait_share")
    for number in range(len(SCENARIOS)):
        tables = {}
        for run in (results[0] / str(number)).iterdir():
            header, *rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
            kept = [index for index, name in enumerate(header) if name not in timing]
            tables[run.name] = [[row[index] for index in kept] for row in [header, *rows]]
        whole = tables.pop("whole")
        assert all(table == whole for table in tables.values())


def test_a_truncated_last_checkpoint_falls_back_to_the_one_before(results, tmp_path, caplog):
    source = results[0] / "0" / "whole" / "checkpoints"
    (tmp_path / "checkpoints").mkdir()
    for path in source.glob("step=*.ckpt"):
        (tmp_path / "checkpoints" / path.name).write_bytes(path.read_bytes())
    older, newer = sorted((tmp_path / "checkpoints").iterdir())
    assert find_resume_checkpoint(tmp_path) == newer
    newer.write_bytes(newer.read_bytes()[:-200])
    assert find_resume_checkpoint(tmp_path) == older
    assert f"{newer.name}: is not a complete checkpoint" in caplog.text


def test_a_flipped_byte_is_noticed(results, tmp_path):
    source = next((results[0] / "0" / "whole" / "checkpoints").glob("step=*.ckpt"))
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / source.name).write_bytes(content)
    assert find_resume_checkpoint(tmp_path) is None


def test_another_tasks_run_is_refused_in_one_line(results):
    with pytest.raises(ConfigError, match="was trained for task 'tiny', not 'hip'") as caught:
        find_resume_checkpoint(results[0] / "0" / "whole", task="hip")
    assert "\n" not in str(caught.value)


def test_an_empty_folder_has_nothing_to_resume(tmp_path):
    assert find_resume_checkpoint(tmp_path) is None
