"""``synthex study status NAME``: what has become of every job."""

from collections import Counter

from omegaconf import DictConfig

from synthex.cli.studies import chosen_jobs
from synthex.core.terminal import console
from synthex.jobs import DONE_FILE, Job, State


def main(cfg: DictConfig) -> None:
    """Print how many jobs are in which state, and each that is neither done nor waiting."""
    chosen = chosen_jobs(cfg)
    states = [(job, job.state()) for job in chosen.of_jobs()]
    counts = Counter(state for _, state in states)
    listed = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    console.print(f"{chosen.study.name}, size {chosen.size}: {len(states)} jobs: {listed or 'none'}", soft_wrap=True)
    for job, state in states:
        if state not in (State.DONE, State.WAITING):
            console.print(f"{state.value:<9}{job.label}{_detail(job, state)}", soft_wrap=True, markup=False)
    mine = {job.folder for job, _ in states}
    others = [path for path in (chosen.folder / "jobs").glob("*") if path not in mine]
    if others:
        finished = sum((path / DONE_FILE).exists() for path in others)
        console.print(
            f"{len(others)} more folders ({finished} finished) are of other sizes, settings or code; "
            "any_code=true takes those of other code",
            soft_wrap=True,
        )


def _detail(job: Job, state: State) -> str:
    if state is State.FAILED:
        return f": {job.failure()}"
    steps = job.steps_done()
    return f": {', '.join(steps)} done" if steps else ""
