"""``synthex annotate``: labels of a CT on real radiographs, through poses that were found."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from PIL import Image as PILImage

from synthex.cli.register import open_pictures, read_subject
from synthex.config.compose import plain
from synthex.core import Anatomy, ConfigError, InputError, UserError, atomic_path, to_log
from synthex.core.arrays import Points3
from synthex.core.terminal import console, quiet_libraries
from synthex.instruments import load_solid
from synthex.registration import read_poses
from synthex.registration.transfer import (
    REVIEW_FILE,
    Transferred,
    labelled,
    read_review,
    transfer,
    write_annotations,
    write_radiograph,
    write_review,
)

SET_FOLDER = "set"
"""The radiographs alone: readers take every picture below a folder for one, overlays too."""

_SAME = "give the radiographs that were registered"


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
    anatomy = read_subject(cfg)
    solids = {str(name): load_solid(str(path), "steel_316l", str(name)) for name, path in cfg.instruments.items()}
    structures = _chosen("structures", plain(cfg.structures), [*anatomy.structures, *solids])
    landmarks = _chosen("landmarks", plain(cfg.landmarks), list(anatomy.landmarks))
    reader = open_pictures(cfg)
    output = Path(str(cfg.output)).expanduser()
    review = read_review(output / REVIEW_FILE)
    kept: list[tuple[str, Transferred]] = []
    rows: list[tuple[str, float, float, str, str]] = []
    for index, case_id in enumerate(reader.case_ids()):
        posed = poses.get(case_id)
        if posed is None:
            raise InputError(poses_path, f"has no pose of {case_id}", _SAME)
        said, remark = review.get(case_id, ("", ""))
        rows.append((case_id, posed.similarity, posed.margin, said, remark or posed.problem))
        place = output / SET_FOLDER / "images" / f"{case_id}.dcm"
        if posed.camera is None:
            continue
        sample = reader[index]
        if sample.image.shape != (posed.camera.height, posed.camera.width):
            raise InputError(poses_path, f"is of an image of another size than {case_id}", _SAME)
        labels = transfer(
            anatomy,
            structures,
            landmarks,
            posed.camera,
            parts=posed.parts,
            solids=solids,
            min_path_mm=float(cfg.min_path_mm),
        )
        with atomic_path(output / "overlays" / f"{case_id}.png") as path:
            PILImage.fromarray(labelled(to_log(sample), labels)).save(path, format="PNG")
        if said == "no" or (said != "yes" and posed.similarity < float(cfg.min_similarity)):
            place.unlink(missing_ok=True)
            continue
        depth = float(posed.camera.depth(_middle(anatomy))[0])
        write_radiograph(place, sample, anatomy.subject_id, posed.camera.sdd_mm, depth)
        kept.append((case_id, labels))
    write_review(output / REVIEW_FILE, rows)
    if not kept:
        raise UserError(f"no case is left: see {output / REVIEW_FILE}, and min_similarity={cfg.min_similarity}")
    write_annotations(output / SET_FOLDER, kept, structures, landmarks)
    console.print(f"{len(kept)} of {len(rows)} radiographs with labels: {output / SET_FOLDER}", soft_wrap=True)
    console.print(f"look at overlays/, write yes or no into {REVIEW_FILE}, and call again", soft_wrap=True)


def _chosen(what: str, wanted: list[str] | None, known: list[str]) -> list[str]:
    chosen = known if wanted is None else [str(name) for name in wanted]
    missing = [name for name in chosen if name not in known]
    if missing:
        raise ConfigError(f"{what}: the CT has no {missing[0]!r}; it has {', '.join(known) or 'none'}")
    return chosen


def _middle(anatomy: Anatomy) -> Points3:
    """The middle of the landmarks, or else of the CT, 1 x 3, RAS mm."""
    if anatomy.landmarks:
        return np.mean(list(anatomy.landmarks.values()), axis=0)[None]
    return anatomy.ct.center_world[None]
