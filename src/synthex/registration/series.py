"""Radiographs of one subject one after the other: the whole way from a file to a pose."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.scanner_table import without_table
from synthex.core import Anatomy, Camera, ConfigError, Sample, UserError, to_log
from synthex.geometry import CArm
from synthex.registration.acquisition import Acquisition, camera_without_pose, read_acquisition, view_of
from synthex.registration.landmarks import NEED, poses_from_landmarks
from synthex.registration.pictures import comparison, projection_of
from synthex.registration.poses import PosedCase
from synthex.registration.refine import Body, FixedImage, Refinement
from synthex.registration.register import Registered, register, search_starts

STARTS = ("auto", "landmarks", "angles", "search")

Points = Mapping[str, tuple[np.ndarray, float]]
"""Places of landmarks in an image, (column, row) in pixels, and how sure they are, 0 to 1."""


@dataclass(frozen=True)
class Setup:
    """What is known of how radiographs were taken, and how their poses are looked for.

    Attributes:
        start: Where the search for a pose begins, one of :data:`STARTS`.
        sdd_mm: Source to detector, where the file does not say it.
        source_isocenter_mm: Source to the middle of the bones.
        source_side: ``posterior`` or ``anterior``.
        principal_point: (column, row) in pixels; None: the middle.
        lao_rao_deg: LAO positive; None: as the file says.
        cranial_caudal_deg: Cranial positive.
        min_similarity: Answers with less have failed.
        refinement: How poses are refined.
        bones: Names of those that get poses of their own, as ``body`` has them.
    """

    start: str = "auto"
    sdd_mm: float = 1020.0
    source_isocenter_mm: float = 650.0
    source_side: Literal["anterior", "posterior"] = "posterior"
    principal_point: tuple[float, float] | None = None
    lao_rao_deg: float | None = None
    cranial_caudal_deg: float | None = None
    min_similarity: float = 0.2
    refinement: Refinement = field(default_factory=Refinement)
    bones: tuple[str, ...] = ()


def read_subject(
    path: Path, subject: str | None = None, *, label_names: str | None = None, series: Any = None
) -> Anatomy:
    """A subject with its CT, all its labels, and landmarks that are given, or found where it has a hip.

    Args:
        path: A subject's folder, a CT file, or a folder of subjects.
        subject: Which of these; None: the first.
        label_names: Names of the labels, as of :class:`~synthex.anatomy.ct_folder.CtFolder`.
        series: Of DICOM files, likewise.

    Raises:
        InputError: It cannot be read.
    """
    source = CtFolder(path, structures="all", label_names=label_names, series=series)
    wanted = str(subject) if subject is not None else source.subject_ids()[0]
    anatomy = without_table(source.load(wanted))
    if anatomy.landmarks:
        return anatomy
    try:
        # Hip landmarks are found from the six bones of the hip's grouping.
        hip = CtFolder(path, structures="hip", label_names=label_names, series=series).load(wanted)
    except UserError:
        return anatomy
    return Anatomy(anatomy.subject_id, anatomy.ct, anatomy.labels, anatomy.structures, hip.landmarks, hip.absent)


def bone_ids(anatomy: Anatomy, bones: list[str]) -> list[list[int]]:
    """Ids of the bones that get poses of their own.

    Raises:
        ConfigError: The CT has no such label.
    """
    missing = [name for name in bones if name not in anatomy.structures]
    if missing:
        known = ", ".join(anatomy.structures) or "none"
        raise ConfigError(f"bones: the CT has no label {missing[0]!r}; it has {known}")
    return [[anatomy.structures[name]] for name in bones]


def points_of(sample: Sample, names: tuple[str, ...], finder: Any, min_confidence: float) -> Points:
    """Known places of landmarks in an image, clicked ones before a model's, and how sure they are.

    Args:
        sample: The radiograph.
        names: Of its landmarks.
        finder: A model, as of :func:`synthex.load`, that is asked where nothing is clicked; None: none.
        min_confidence: Landmarks that it is less sure of are left out.
    """
    clicked = {name: (at, 1.0) for name, at, seen in zip(names, sample.landmarks, sample.visible, strict=True) if seen}
    if clicked or finder is None:
        return clicked
    said = finder.predict(sample.image, pixel_mm=sample.pixel_mm, meaning=sample.domain).landmarks
    return {
        name: (np.array(one.xy), one.confidence)
        for name, one in said.items()
        if one.confidence >= min_confidence and np.isfinite(one.xy).all()
    }


def register_case(
    body: Body, anatomy: Anatomy, sample: Sample, points: Points, file: Path, setup: Setup, *, picture: bool = True
) -> tuple[PosedCase, np.ndarray | None]:
    """Register one radiograph.

    Args:
        body: The CT's.
        anatomy: Of the same CT.
        sample: The radiograph.
        points: Known places of landmarks in it, clicked or found.
        file: Its file, of which the tags are read.
        setup: What is known of it.
        picture: Whether there is to be one.

    Returns:
        The pose, or what failed, and a picture of the radiograph beside the projection before and after, H x W x 3.

    Raises:
        UserError: There is nothing to start from.
    """
    taken = read_acquisition(file)
    height, width = sample.image.shape
    mirrored, point = setup.source_side == "posterior", setup.principal_point
    sdd = taken.sdd_mm or setup.sdd_mm
    camera = camera_without_pose(height, width, sample.pixel_mm, sdd, mirrored=mirrored, principal_point=point)
    view = FixedImage(to_log(sample), camera)
    starts, how = _starts(body, anatomy, points, view, taken, setup)
    answer = register(body, view, starts, setup.refinement, jitters=8 if how != "search" else 0)
    if answer.similarity < setup.min_similarity:
        problem = f"similarity {answer.similarity:.2f} is less than min_similarity={setup.min_similarity:g}"
        return PosedCase(sample.case_id, None, answer.similarity, answer.margin, how, problem), None
    parts = {name: answer.found.part_cameras[number][0] for number, name in enumerate(setup.bones, 1)}
    posed = PosedCase(sample.case_id, answer.camera, answer.similarity, answer.margin, how, parts=parts)
    return posed, _picture(view, body, answer) if picture else None


def _starts(
    body: Body, anatomy: Anatomy, points: Points, view: FixedImage, taken: Acquisition, setup: Setup
) -> tuple[list[Camera], str]:
    """Candidates of a pose, and in a word what they come from."""
    arm = CArm(
        sdd_mm=view.camera.sdd_mm,
        source_isocenter_mm=min(setup.source_isocenter_mm, 0.98 * view.camera.sdd_mm),
        source_side=setup.source_side,
    )
    common = sorted(points.keys() & anatomy.landmarks.keys())
    if setup.start == "landmarks" or (setup.start == "auto" and len(common) >= NEED):
        world = np.array([anatomy.landmarks[name] for name in common]).reshape(-1, 3)
        pixels = np.array([points[name][0] for name in common]).reshape(-1, 2)
        confidence = [points[name][1] for name in common]
        poses = poses_from_landmarks(world, pixels, view.camera, confidence=confidence)
        return [hypothesis.camera for hypothesis in poses], "landmarks"
    if setup.lao_rao_deg is not None:
        taken = replace(taken, lao_rao_deg=setup.lao_rao_deg, cranial_caudal_deg=setup.cranial_caudal_deg or 0.0)
    shot = view_of(taken, body.pivots[0], arm.source_isocenter_mm)
    if setup.start == "angles" and shot is None:
        raise UserError("the file says no positioner angles; give lao_rao_deg and cranial_caudal_deg, or start=search")
    if shot is not None and setup.start != "search":
        # The angles are known, where the patient lay is not.
        found = search_starts(
            body,
            view,
            arm,
            lao_rao_deg=(float(shot.lao_rao_deg),),
            cranial_caudal_deg=(float(shot.cranial_caudal_deg),),
            source_isocenter_mm=float(shot.source_isocenter_mm),
        )
        return found, "angles"
    return search_starts(body, view, arm), "search"


def _picture(view: FixedImage, body: Body, answer: Registered) -> np.ndarray:
    """The radiograph beside the projection before and after."""
    before = projection_of(body, (answer.start,) * len(body.native))
    after = projection_of(body, tuple(cameras[0] for cameras in answer.found.part_cameras))
    return np.concatenate([comparison(view.image, projection) for projection in (before, after)])
