"""The tiny training shared by several processes; run as a script: a JSON list of runs in, what they saw out.

All processes are forks of this one, so that the slow imports are paid once.
"""

import contextlib
import csv
import functools
import json
import logging
import os
import sys
import time
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from generators import tiny_training as tiny
from torch import nn

from synthex.learning import Company, EndTogether, Rank, SupervisedModule, find_resume_checkpoint
from synthex.learning.callbacks import ResumableCheckpoint, WeightAverage
from synthex.learning.ranks import leave
from synthex.nn import DiceHeatmapLoss


class WithoutBatchStatistics(tiny.TinyNetwork):
    """The tiny network with what does not depend on who shares a batch."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.GroupNorm(2, 6), nn.ReLU())


def train(run: Path, scenario: dict, rank: Rank, store) -> None:
    """One process's part; it leaves the indices that it trained on and validated."""
    torch.manual_seed(3)
    module = SupervisedModule(
        WithoutBatchStatistics(),
        DiceHeatmapLoss(sigma_px=1.5),
        tiny.decode,
        tiny.score,
        optimizer=functools.partial(torch.optim.SGD, lr=0.05, momentum=0.9),
        validation_images=scenario["batch_size"] if rank.world > 1 else None,
        extra={"task": "tiny"},
    )
    seen = {"train": [], "val": []}
    step, validate = module.training_step, module.validation_step

    def training_step(batch, batch_idx):
        seen["train"].append(batch["index"].tolist())
        return step(batch, batch_idx)

    def validation_step(batch, batch_idx):
        if not batch.get("padding"):
            seen["val"].append(batch["index"].tolist())
        validate(batch, batch_idx)

    module.training_step, module.validation_step = training_step, validation_step
    data = tiny.make_data(scenario.get("workers", 0), scenario["endless"], batch_size=scenario["batch_size"])
    callbacks = [ResumableCheckpoint(run), WeightAverage(decay=0.9)]
    options = {}
    if rank.world > 1:
        os.environ.update(rank.environment())
        callbacks.append(EndTogether())
        options = {"strategy": "ddp", "devices": rank.world, "use_distributed_sampler": False}
    trainer = tiny.make_trainer(run, callbacks, max_epochs=scenario["epochs"], **options)
    if rank.world > 1:
        Company(rank, store).join(trainer.strategy.root_device)
    trainer.fit(module, data, ckpt_path=find_resume_checkpoint(run), weights_only=True)
    leave()
    (run / f"seen-{scenario['name']}-{rank.number}.json").write_text(json.dumps(seen))
    if rank.number == 0:
        torch.save(module.network.state_dict(), run / f"{scenario['name']}.pt")


def together(run: Path, scenario: dict) -> None:
    """All processes of a run."""
    run.mkdir(parents=True, exist_ok=True)
    world = scenario["world"]
    if world == 1:
        in_fork(lambda: train(run, scenario, Rank(1), None))
        return
    # The store is opened by the first process; the others need its port.
    port = run / "port"
    port.unlink(missing_ok=True)

    def first():
        store = Rank(world).meet()
        (run / "port.new").write_text(str(store.port))
        (run / "port.new").rename(port)
        train(run, scenario, Rank(world, port=store.port), store)

    def other(local):
        while not port.exists():
            time.sleep(0.02)
        rank = replace(Rank(world, local=local), port=int(port.read_text()))
        train(run, scenario, rank, rank.meet())

    in_fork(first, *(functools.partial(other, local) for local in range(1, world)))


def in_fork(*works) -> None:
    """Do all of them at the same time, each in a process of its own."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        raise RuntimeError(f"processes ended with {codes}")


def rows(run: Path) -> list[dict[str, float]]:
    """What was logged."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    request = json.load(sys.stdin)
    results = []
    for scenario in request["runs"]:
        run = Path(request["folder"]) / scenario["folder"]
        with contextlib.redirect_stdout(sys.stderr):
            together(run, scenario)
        ranks = range(scenario["world"])
        seen = [json.loads((run / f"seen-{scenario['name']}-{rank}.json").read_text()) for rank in ranks]
        results.append({"seen": seen, "rows": rows(run)})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
