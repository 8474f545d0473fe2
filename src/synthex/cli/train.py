"""``synthex train``: simulate, learn, test, report."""

import logging
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from synthex.cli.evaluate import score_and_show
from synthex.cli.rank import COMMAND
from synthex.config.adaptation import build_adaptation
from synthex.config.build import build_readers, build_task, has_split
from synthex.config.cases import cases_config, open_cases, write_predictions
from synthex.config.compose import plain, sweeping
from synthex.config.finished import done_in_sweep, forget_finished, keep_finished
from synthex.config.folder import changed_settings, enter_run, run_config
from synthex.config.settings import choose
from synthex.config.sources import from_files
from synthex.config.trained import load_config, load_model
from synthex.config.training import (
    check_network,
    rendered_on_device,
    train,
    training_device,
    with_devices,
    with_precision,
)
from synthex.config.translation import read_translator
from synthex.core import Task, targets_in, trust
from synthex.core.terminal import quiet_libraries
from synthex.exchange.names import write_names
from synthex.exchange.pictures import answered, list_files
from synthex.learning import (
    check_compiler,
    find_weights,
    silence_lightning,
)
from synthex.projection.cuda import cuda_device
from synthex.runs.adapt import Adaptation
from synthex.runs.baseline import keep_baseline
from synthex.runs.company import team_of
from synthex.runs.model import channels_of
from synthex.runs.preparing import prepare
from synthex.runs.run import BASELINE_FILE
from synthex.runs.run_lock import alone_in
from synthex.runs.subjects import keep_subjects, read_subjects
from synthex.runs.tracking import track_scores, tracked

log = logging.getLogger(__name__)


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
    channels_of(plain(cfg.closer), task)
    with alone_in(run, lambda: changed_settings(run, run_config(cfg))):
        return _train(cfg, task, adaptation, run)


def _train(cfg: DictConfig, task: Task, adaptation: Adaptation | None, run: Path) -> float | None:
    """Train and test in a folder that is this process's alone."""
    checkpoint = enter_run(run, cfg, task)
    forget_finished(run)
    readers = build_readers(cfg, task)
    write_names(cfg.names, readers.values())
    keep_subjects(run, readers, from_files=from_files(cfg), resumed=checkpoint is not None)
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
