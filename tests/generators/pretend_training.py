"""``synthex train`` without any training, for tests of sweeps: a score at once, or whatever a job is told to do.

Run as a script it is the command line, with this in the place of the training. What a job does follows from its
settings alone, or from files in the folder that the environment variable ``PRETEND`` names: ``kill-NAME`` kills the
process that runs the job whose folder is NAME, ``fail-NAME`` raises in it, ``wait-NAME`` holds it until the file is
gone, ``poor-NAME`` has it learn nothing. A number in a ``kill`` file says how often; it is counted down.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from synthex.cli import app
from synthex.config.finished import keep_finished
from synthex.core import write_json
from synthex.sweeps import commands

SCRIPT = Path(__file__).resolve()


def main(cfg: DictConfig) -> float | None:
    """Note the start, do as told, and return a score that is best, 0, at lr = 1e-3 with augment=strong."""
    run = Path(cfg.paths.output_dir)
    with (run / "starts.txt").open("a") as file:
        file.write(f"{os.getpid()} {float(cfg.optimizer.lr)!r}\n")
    told = Path(os.environ.get("PRETEND", run))
    kill = told / f"kill-{run.name}"
    if kill.exists():
        left = int(kill.read_text() or 1) - 1
        kill.write_text(str(left)) if left else kill.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    while (told / f"wait-{run.name}").exists():
        time.sleep(0.05)
    if (told / f"fail-{run.name}").exists():
        raise RuntimeError("it went wrong here")
    value = score(float(cfg.optimizer.lr), str(cfg.augment.get("_target_")))
    if cfg.callbacks.get("pruning") is not None:
        loss = 1e9 if (told / f"poor-{run.name}").exists() else value
        instantiate(cfg.callbacks.pruning).hopeless(loss, 0)
    write_json(run / "summary.json", {"landmark_error_mm_mean_all": value})
    keep_finished(run, cfg, "landmark_error_mm_mean", value)
    return value


def score(lr: float, augment: str) -> float:
    """Of a pretended training."""
    return abs(math.log10(lr) + 3) + (0 if "strong" in augment else 1)


def starts(run: Path) -> int:
    """How often a job was started."""
    return len((run / "starts.txt").read_text().splitlines()) if (run / "starts.txt").exists() else 0


def proposed(sweep: Path) -> dict[int, dict]:
    """Number of a trial to its settings, from ``best.json``."""
    return {one["trial"]: one["settings"] for one in json.loads((sweep / "best.json").read_text())["trials"]}


def pretend() -> None:
    """Put this in the place of `synthex train`, here and in the processes that a launcher starts."""
    app.MODULES["train"] = "generators.pretend_training"
    commands.MAIN = "generators.pretend_main"


if __name__ == "__main__":
    sys.path.insert(0, str(SCRIPT.parents[1]))
    from synthex.cli.main import main as synthex

    pretend()
    sys.exit(synthex(sys.argv[1:]))
