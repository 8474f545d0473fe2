"""``synthex train``: simulate, learn, test, report."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from synthex.adaptation.translation import load_translator
from synthex.cli.evaluate import score_and_show
from synthex.cli.fit import check_network, rendered_on_device, train, training_device, with_precision
from synthex.cli.predict import (
    cases_config,
    load_config,
    load_model,
    open_cases,
    write_predictions,
)
from synthex.cli.rank import COMMAND
from synthex.cli.tracking import track_scores, tracked
from synthex.config.adaptation import build_adaptation
from synthex.config.build import build_readers, build_task, has_split, map_paths, prepare
from synthex.config.compose import plain, sweeping
from synthex.config.finished import done_in_sweep, forget_finished, keep_finished
from synthex.config.identity import identity
from synthex.config.settings import choose
from synthex.config.stored import read_stored
from synthex.config.subjects import keep_subjects, read_subjects
from synthex.config.translation import read_translator
from synthex.core import ConfigError, Reader, Task, targets_in, trust, write_text
from synthex.core.places import hidden
from synthex.core.terminal import quiet_libraries, track
from synthex.data import is_endless
from synthex.evaluation import TrivialPredictor
from synthex.exchange.names import write_names
from synthex.exchange.pictures import answered, list_files
from synthex.learning import (
    WANDB_ID_FILE,
    check_compiler,
    find_resume_checkpoint,
    find_weights,
    silence_lightning,
)
from synthex.projection.cuda import cuda_device
from synthex.runs.adapt import Adaptation
from synthex.runs.company import known_devices, team_of
from synthex.runs.run import BASELINE_FILE, CONFIG_FILE
from synthex.runs.run_lock import alone_in, listed

log = logging.getLogger(__name__)

STALE = ("metrics.csv", "summary.json", WANDB_ID_FILE)
"""Files of a run that resume=never starts without, beside its checkpoints."""

SEPARATE = ("resume", "test", "test_ct", "test_radiographs", "names")
"""Settings that say what to do with a run, not what the run is: they are not kept with it."""


@tracked()
def main(cfg: DictConfig) -> float | None:
    """Train as ``cfg`` says, then test. Returns the primary score, for sweepers."""
    quiet_libraries()
    silence_lightning()
    choose("resume", cfg.resume, ("auto", "never"))
    cfg = with_precision(with_devices(cfg))
    trust(*(str(name) for _, name in targets_in(plain(cfg))))  # the user's own, and read back from the run's folder
    if rendered_on_device(cfg):  # a missing GPU shows now, not after volumes have been prepared
        cuda_device()
    if cfg.compile:
        check_compiler(training_device(cfg))
    run = Path(cfg.paths.output_dir)
    if (done := done_in_sweep(run, cfg)) is not None:
        log.info("done before: %s, %s %s", run, done.primary, done.value)
        return done.value
    task = build_task(cfg)
    adaptation = build_adaptation(cfg)  # bad settings show before anything is made
    read_translator(cfg)  # a mistake shows before the run has a folder
    check_network(cfg, task)
    with alone_in(run, lambda: changed_settings(run, run_config(cfg))):
        return _train(cfg, task, adaptation, run)


def _train(cfg: DictConfig, task: Task, adaptation: Adaptation | None, run: Path) -> float | None:
    """Train and test in a folder that is this process's alone."""
    checkpoint = enter_run(run, cfg, task)
    forget_finished(run)
    readers = build_readers(cfg, task)
    write_names(cfg.names, readers.values())
    keep_subjects(run, cfg, readers, resumed=checkpoint is not None)
    if cfg.test and cfg.test_ct is not None:  # a bad file shows now, not after a night of training
        open_cases(test_cases(run, load_config(run), cfg.test_ct), task, cfg.paths.cache_dir)
    if cfg.test and cfg.test_radiographs is not None:
        list_files([Path(str(cfg.test_radiographs)).expanduser()])
    for reader in readers.values():
        prepare(reader)
    with team_of(plain(cfg), COMMAND, run, checkpoint, sweeping=sweeping()) as company:
        train(cfg, task, readers, run, checkpoint, company, adaptation)
    log.info("trained: weights in %s", find_weights(run))
    keep_baseline(run / BASELINE_FILE, readers["train"], int(cfg.baseline_samples))
    value = test(cfg, task, run) if cfg.test else None
    keep_finished(run, cfg, task.protocol.primary, value)
    return value


def with_devices(cfg: DictConfig) -> DictConfig:
    """The settings with the number of devices that ``auto`` means here, which another machine could not know."""
    settled = OmegaConf.merge(cfg, {"trainer": known_devices(cfg, sweeping=sweeping())})
    assert isinstance(settled, DictConfig)
    return settled


def enter_run(run: Path, cfg: DictConfig, task: Task) -> Path | None:
    """Make the run's folder, or go on in it; returns the checkpoint to resume from.

    Raises:
        ConfigError: The folder holds a run of another config.
    """
    wanted = run_config(cfg)
    checkpoint = find_resume_checkpoint(run, task.name) if cfg.resume == "auto" else None
    if cfg.resume == "auto" and (changed := changed_settings(run, wanted)):
        raise ConfigError(
            f"{run} holds a run with other settings ({listed(changed)}); "
            "choose another paths.run_dir, or resume=never to start anew in it"
        )
    if checkpoint is not None:
        log.info("going on from %s", checkpoint)
    if cfg.resume == "never":
        for path in (*(run / "checkpoints").glob("*.ckpt"), *(run / one for one in STALE)):
            path.unlink(missing_ok=True)
    if checkpoint is None:
        (run / BASELINE_FILE).unlink(missing_ok=True)
    kept = OmegaConf.create(hidden(plain(wanted), remember=True))
    write_text(run / CONFIG_FILE, OmegaConf.to_yaml(kept))
    return checkpoint


def changed_settings(run: Path, wanted: DictConfig) -> list[str]:
    """Settings in which the run in a folder, begun or finished, differs from the one that is wanted there."""
    path = run / CONFIG_FILE
    if not path.exists():
        return []
    stored = read_stored(path, "choose another paths.run_dir, or resume=never to start anew in it")
    return differences(plain(identity(stored)), plain(identity(wanted)))


def run_config(cfg: DictConfig) -> DictConfig:
    """The resolved settings that make a run what it is."""
    container: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    if container.get("translator") is not None:
        path = Path(str(container["translator"])).expanduser().resolve()
        container |= {"translator": str(path), "translator_digest": load_translator(path).digest}
    kept = {key: value for key, value in container.items() if key not in SEPARATE}
    # A run is predicted with, and scored, from other folders too.
    return OmegaConf.create(kept | {"task": map_paths(kept["task"], lambda path: str(path.resolve()))})


def differences(one: Any, other: Any, prefix: str = "") -> list[str]:
    """Dotted keys in which two plain configs differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [name for key in keys for name in differences(one.get(key), other.get(key), f"{prefix}{key}.")]
    return [] if one == other else [prefix.rstrip(".")]


def keep_baseline(path: Path, train: Reader, samples: int) -> None:
    """Keep the trivial predictor of a run's first training samples; predictions need the data no more."""
    count = samples if is_endless(train) else min(samples, len(train))
    if count == 0:
        path.unlink(missing_ok=True)
    elif not path.exists() or TrivialPredictor.load(path).samples != count:
        found = (train[index] for index in range(count))
        TrivialPredictor.fit(track(found, "averaging for the baseline", count)).save(path)


def test(cfg: DictConfig, task: Task, run: Path) -> float | None:
    """Predict the test split, and the CTs of ``test_ct``, and report; returns the primary score."""
    trained = load_config(run)
    weights = find_weights(run)
    model = load_model(trained, task, weights)
    device = "cpu" if cfg.trainer.accelerator == "cpu" else "auto"
    primary: float | None = None
    wanted: list[tuple[str | None, Path]] = [(None, run)] if has_split(trained, "test") else []
    if cfg.test_ct is not None:
        wanted.append((cfg.test_ct, run / "ct"))
    for ct, output in wanted:
        cases = test_cases(run, trained, ct)
        reader = open_cases(cases, task, cfg.paths.cache_dir)
        folder = run / "predictions" / cases.name
        write_predictions(
            folder,
            model,
            reader,
            trained,
            cases,
            run / BASELINE_FILE,
            device=device,
            batch_size=int(trained.data.batch_size),
        )
        shown = answered(run, cfg.test_radiographs, device) if ct is None and cfg.test_radiographs is not None else None
        result = score_and_show(folder, task, reader, output, radiographs=shown)
        track_scores("test" if ct is None else "ct", result)
        primary = result.summary.get(task.protocol.primary) if primary is None else primary
    return primary


def test_cases(run: Path, trained: DictConfig, ct: str | None) -> DictConfig:
    """The cases of a test after training: the run's own, or DRRs of the CTs in a folder."""
    request = {"split": "test", "ct": ct, "meshes": None, "on_disk": None, "cases": None, "label_names": None}
    return cases_config(OmegaConf.create(request), trained, read_subjects(run))
