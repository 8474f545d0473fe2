"""``synthex annotate``: labels of a CT on real radiographs, through poses that were found."""

from pathlib import Path

from omegaconf import DictConfig

from synthex.cli.register import open_pictures, subject_of
from synthex.config.compose import plain
from synthex.core import ConfigError
from synthex.core.terminal import console, quiet_libraries
from synthex.instruments import load_solid
from synthex.registration import read_poses
from synthex.registration.annotate import SET_FOLDER, annotate
from synthex.registration.transfer import REVIEW_FILE


def main(cfg: DictConfig) -> None:
    """Write the set of accepted radiographs with the CT's labels, an overlay a case, and the table of decisions.

    Raises:
        ConfigError: A setting is missing or cannot be.
        UserError: No case is left.
    """
    quiet_libraries()
    if cfg.poses is None:
        raise ConfigError("no poses given; say which: synthex annotate outputs/registered pictures=FOLDER ct=CT")
    poses_path = Path(str(cfg.poses)).expanduser()
    poses = read_poses(poses_path)
    anatomy = subject_of(cfg)
    solids = {str(name): load_solid(str(path), "steel_316l", str(name)) for name, path in cfg.instruments.items()}
    structures = _chosen("structures", plain(cfg.structures), [*anatomy.structures, *solids])
    landmarks = _chosen("landmarks", plain(cfg.landmarks), list(anatomy.landmarks))
    reader = open_pictures(cfg)
    output = Path(str(cfg.output)).expanduser()
    kept, count = annotate(
        reader,
        poses,
        poses_path,
        anatomy,
        structures,
        landmarks,
        output,
        solids=solids,
        min_path_mm=float(cfg.min_path_mm),
        min_similarity=float(cfg.min_similarity),
    )
    console.print(f"{kept} of {count} radiographs with labels: {output / SET_FOLDER}", soft_wrap=True)
    console.print(f"look at overlays/, write yes or no into {REVIEW_FILE}, and call again", soft_wrap=True)


def _chosen(what: str, wanted: list[str] | None, known: list[str]) -> list[str]:
    chosen = known if wanted is None else [str(name) for name in wanted]
    missing = [name for name in chosen if name not in known]
    if missing:
        raise ConfigError(f"{what}: the CT has no {missing[0]!r}; it has {', '.join(known) or 'none'}")
    return chosen
