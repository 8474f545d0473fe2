"""Searches by Optuna: what they propose, what survives, what they refuse. Trials only pretend to train."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from generators.pretend_training import SCRIPT, proposed, score, starts

from synthex.cli.main import main
from synthex.jobs.job import locked_folder

SEARCH = ("sweep=lr_augment", "hydra.sweeper.trials=4", "hydra.sweeper.direction=minimize")


def search(sweep: Path, *arguments: str, code: int = 0) -> None:
    """Search in this process."""
    assert main(["train", "--multirun", *SEARCH, f"hydra.sweep.dir={sweep}", *arguments]) == code


def killed_search(sweep: Path, *arguments: str) -> int:
    """Search in a process of its own, which a trial may kill; returns its exit code."""
    command = [sys.executable, str(SCRIPT), "train", "--multirun", *SEARCH, f"hydra.sweep.dir={sweep}", *arguments]
    return subprocess.run(command, env=os.environ, check=False, timeout=250).returncode


def states(sweep: Path) -> list[str]:
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{sweep / 'optuna.db'}")
    return [trial.state.name for trial in study.get_trials()]


def test_a_search_runs_its_trials_in_folders_of_their_own_and_says_which_is_best(pretending, capfd):
    search(pretending / "s")
    found = json.loads((pretending / "s" / "best.json").read_text())
    assert [one["trial"] for one in found["trials"]] == [0, 1, 2, 3]
    for one in found["trials"]:
        settings = one["settings"]
        assert one["value"] == score(settings["optimizer.lr"], settings["augment"])
        assert 1e-4 <= settings["optimizer.lr"] <= 1e-2
        assert starts(pretending / "s" / f"trial-{one['trial']:03d}") == 1
    assert found["value"] == min(one["value"] for one in found["trials"])
    assert len({one["settings"]["optimizer.lr"] for one in found["trials"]}) == 4
    printed = capfd.readouterr().out
    assert f"best of 4 trials: landmark_error_mm_mean_all {found['value']:.6g}" in printed
    assert f"its command: {found['command']}\n" in printed
    chosen = found["settings"]
    assert found["command"].split()[:2] == ["synthex", "train"]
    assert {f"{key}={value}" for key, value in chosen.items()} <= {*found["command"].split()}
    search(pretending / "s")  # there are four
    assert states(pretending / "s") == ["COMPLETE"] * 4
    search(pretending / "s", "hydra.sweeper.trials=5")
    assert states(pretending / "s") == ["COMPLETE"] * 5


@pytest.mark.long
def test_a_killed_search_goes_on_with_the_same_trials(pretending):
    search(pretending / "whole")
    (pretending / "kill-trial-002").write_text("1")
    assert killed_search(pretending / "cut") == -signal.SIGKILL
    assert states(pretending / "cut") == ["COMPLETE", "COMPLETE", "RUNNING"]
    assert killed_search(pretending / "cut") == 0
    assert states(pretending / "cut") == ["COMPLETE"] * 4
    assert [starts(pretending / "cut" / f"trial-{number:03d}") for number in range(4)] == [1, 1, 2, 1]
    assert proposed(pretending / "cut") == proposed(pretending / "whole")


@pytest.mark.long
def test_a_trial_that_was_not_proposed_to_the_end_is_completed(pretending):
    search(pretending / "whole")
    search(pretending / "cut", "hydra.sweeper.trials=2")
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{pretending / 'cut' / 'optuna.db'}")
    study.ask()  # killed here
    search(pretending / "cut")
    assert states(pretending / "cut") == ["COMPLETE"] * 4
    assert proposed(pretending / "cut") == proposed(pretending / "whole")


def test_a_trial_that_fails_takes_no_other_along(pretending, capfd):
    (pretending / "fail-trial-001").touch()
    search(pretending / "s", code=1)
    assert states(pretending / "s") == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    printed = capfd.readouterr()
    assert "trial 1 failed: it went wrong here" in printed.out
    assert "best of 4 trials" in printed.out
    assert f"trials without a score: 1 of the sweep in {pretending / 's'}" in printed.err


@pytest.mark.long
def test_a_trial_that_does_not_promise_much_is_pruned(pretending, capfd):
    (pretending / "poor-trial-002").touch()
    search(pretending / "s", "+hydra.sweeper.pruner_options.n_startup_trials=2")
    assert states(pretending / "s")[2] == "PRUNED"
    assert json.loads((pretending / "s" / "best.json").read_text())["trial"] != 2
    assert "trial 2: pruned after epoch 0" in capfd.readouterr().out
    search(pretending / "all", "hydra.sweeper.pruner=none")
    assert states(pretending / "all") == ["COMPLETE"] * 4


def test_a_search_whose_trials_all_fail_gives_up(pretending):
    for number in range(4):
        (pretending / f"fail-trial-{number:03d}").touch()
    search(pretending / "s", code=1)
    assert states(pretending / "s") == ["FAIL"] * 3


@pytest.mark.long
def test_a_trial_that_kills_the_search_again_and_again_has_failed(pretending):
    search(pretending / "s", "hydra.sweeper.trials=1")
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{pretending / 's' / 'optuna.db'}")
    trial = study.ask()
    trial.set_user_attr("starts", 3)
    search(pretending / "s", code=1)
    assert states(pretending / "s") == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert starts(pretending / "s" / "trial-001") == 0


@pytest.mark.slow
def test_trials_of_a_batch_run_side_by_side(pretending):
    (pretending / "kill-trial-001").write_text("1")
    parallel = ("hydra/launcher=processes", "hydra.launcher.at_once=2", "hydra.sweeper.at_once=2")
    search(pretending / "s", *parallel, code=1)
    assert states(pretending / "s") == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


@pytest.mark.long
def test_what_would_be_another_search_is_refused(pretending, capfd):
    search(pretending / "s", "hydra.sweeper.trials=1")
    for change, word in (("optimizer.lr=interval(1e-4,1)", "space"), ("seed=3", "settings")):
        search(pretending / "s", change, code=2)
        assert f"{pretending / 's'} holds a sweep with other {word}; choose" in capfd.readouterr().err
    search(pretending / "s", "hydra.sweeper.trials=2", "data.workers=0")  # does not touch what a run is


def test_two_processes_do_not_run_the_same_search(pretending, capfd):
    with locked_folder(pretending / "s"):
        search(pretending / "s", code=2)
    assert "another process runs this sweep" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("hydra.sweeper.trials=0", "give a whole number of at least 1"),
        ("hydra.sweeper.sampler=tpee", "tpe"),
        ("hydra.sweeper.sampler_options={n_startup_trial: 2}", "sampler_options"),
        ("optimizer.lr=interval(1e-2,1e-4)", "from less to more"),
        ("optimizer.lr=tag(log,interval(0,1))", "above 0"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(pretending, capfd, setting, words):
    search(pretending / "s", setting, code=2)
    error = capfd.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1


def test_nothing_to_search_is_said(pretending, capfd):
    assert main(["train", "--multirun", "hydra/sweeper=optuna", f"hydra.sweep.dir={pretending / 's'}"]) == 2
    assert "nothing to search" in capfd.readouterr().err
