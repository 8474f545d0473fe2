"""``synthex predict``: radiographs of which nothing is known, a folder that is watched, or cases of a reader.

Each imports what it needs: an answer to a picture does not wait for simulators and statistics.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from synthex.core import ConfigError
from synthex.core.terminal import console, quiet_libraries

if TYPE_CHECKING:
    from synthex.exchange.folder import AnswerFolder


def main(cfg: DictConfig) -> None:
    """Predict what ``cfg`` names with the run ``cfg.run``.

    Raises:
        UserError: As the command that does it.
    """
    if cfg.run is None:
        raise ConfigError("no run given; say which: synthex predict outputs/quickstart")
    quiet_libraries()
    if cfg.watch is not None:
        from synthex.exchange.watch import watch

        watch(
            _path(cfg.watch), lambda: open_answers(cfg), None if cfg.watch_idle_s is None else float(cfg.watch_idle_s)
        )
    elif cfg.pictures is not None:
        from synthex.exchange.pictures import answer_pictures

        written = {name: None if cfg[name] is None else _path(cfg[name]) for name in ("truth", "json", "coco", "names")}
        answer_pictures(
            [_path(path) for path in cfg.pictures],
            lambda: open_answers(cfg),
            annotations=written["truth"],
            to_json=written["json"],
            to_coco=written["coco"],
            to_names=written["names"],
        )
    else:
        from synthex.cli import predict_cases

        predict_cases.main(cfg)


def open_answers(cfg: DictConfig) -> "AnswerFolder":
    """The model of ``cfg.run``, and where its answers go.

    Raises:
        UserError: There is no such model, or DICOM objects are asked for and cannot be made.
    """
    from synthex.exchange.folder import AnswerFolder, Wanted
    from synthex.runs import load

    device = "cpu" if cfg.device == "auto" else str(cfg.device)
    dicom = cfg.dicom if cfg.dicom is not None else importlib.util.find_spec("highdicom") is not None
    if cfg.dicom is None and not dicom:
        console.print("no DICOM objects are made: pip install 'synthex[dicom]'")
    model = load(str(cfg.run), device, prior=cfg.prior, mirrored=cfg.mirror_averaged, posed=cfg.pose_averaged)
    return AnswerFolder(
        root=_path(cfg.output or "outputs/answers"),
        model=model,
        wanted=Wanted(overlays=bool(cfg.overlays), dicom=bool(dicom), markups=bool(cfg.markups)),
        pixel_mm=None if cfg.pixel_mm is None else float(cfg.pixel_mm),
        meaning=cfg.meaning,
        settings=model.way,
    )


def _path(setting: Any) -> Path:
    return Path(str(setting)).expanduser()
