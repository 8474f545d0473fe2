"""A set of radiographs with the labels of a CT, through poses that were found and that somebody has reviewed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from synthex.core import Anatomy, InputError, Reader, Solid, UserError, atomic_path, to_log
from synthex.core.arrays import Points3
from synthex.registration.poses import PosedCase
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


def annotate(
    reader: Reader,
    poses: Mapping[str, PosedCase],
    poses_path: Path,
    anatomy: Anatomy,
    structures: Sequence[str],
    landmarks: Sequence[str],
    output: Path,
    *,
    solids: Mapping[str, Solid],
    min_path_mm: float,
    min_similarity: float,
) -> tuple[int, int]:
    """Write the set of accepted radiographs with labels, an overlay a case, and the table of decisions.

    Args:
        reader: The radiographs.
        poses: Their cameras by case.
        poses_path: Where these are from, for messages.
        anatomy: The CT, where the poses have it.
        structures: Names of those of the CT, and of ``solids``, that are wanted.
        landmarks: Names of those of the CT that are wanted.
        output: Folder of the set; what a person has written into the table there decides.
        solids: Instruments in the CT's world by name.
        min_path_mm: Shortest way of a ray through a structure that makes a pixel of its mask.
        min_similarity: Cases with less are left out, unless somebody accepted them.

    Returns:
        Radiographs of the set, and of all.

    Raises:
        InputError: The poses are of other radiographs.
        UserError: No case is left.
    """
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
            min_path_mm=min_path_mm,
        )
        with atomic_path(output / "overlays" / f"{case_id}.png") as path:
            PILImage.fromarray(labelled(to_log(sample), labels)).save(path, format="PNG")
        if said == "no" or (said != "yes" and posed.similarity < min_similarity):
            place.unlink(missing_ok=True)
            continue
        depth = float(posed.camera.depth(_middle(anatomy))[0])
        write_radiograph(place, sample, anatomy.subject_id, posed.camera.sdd_mm, depth)
        kept.append((case_id, labels))
    write_review(output / REVIEW_FILE, rows)
    if not kept:
        raise UserError(f"no case is left: see {output / REVIEW_FILE}, and min_similarity={min_similarity:g}")
    write_annotations(output / SET_FOLDER, kept, structures, landmarks)
    return len(kept), len(rows)


def _middle(anatomy: Anatomy) -> Points3:
    """The middle of the landmarks, or else of the CT, 1 x 3, RAS mm."""
    if anatomy.landmarks:
        return np.mean(list(anatomy.landmarks.values()), axis=0)[None]
    return anatomy.ct.center_world[None]
