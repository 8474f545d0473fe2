"""``synthex register``: where the C-arm was when it took radiographs of a subject whose CT is known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image as PILImage

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.scanner_table import without_table
from synthex.config.settings import choose
from synthex.core import Anatomy, Camera, ConfigError, InputError, Sample, UserError, atomic_path, to_log
from synthex.core.terminal import console, quiet_libraries
from synthex.data.real import PlainFolder
from synthex.data.real.plain_folder import PIXEL_MM
from synthex.geometry import CArm
from synthex.registration import (
    Acquisition,
    Body,
    FixedImage,
    PosedCase,
    Refinement,
    Registered,
    camera_without_pose,
    poses_from_landmarks,
    read_acquisition,
    register,
    search_starts,
    view_of,
    write_poses,
)
from synthex.registration.landmarks import NEED
from synthex.registration.pictures import comparison, projection_of

STARTS = ("auto", "landmarks", "angles", "search")


def main(cfg: DictConfig) -> None:
    """Register the radiographs of ``cfg.pictures`` to the CT of ``cfg.ct`` and write their poses.

    Raises:
        ConfigError: A setting is missing or cannot be.
        UserError: No radiograph could be registered.
    """
    quiet_libraries()
    choose("start", cfg.start, STARTS)
    anatomy = read_subject(cfg)
    settings: Refinement = instantiate(cfg.refinement)
    reader = open_pictures(cfg, cfg.points)
    body = Body(anatomy.ct, anatomy.labels, bone_ids(anatomy, list(cfg.bones)))
    finder = None
    if cfg.finder is not None:
        from synthex.runs import load

        finder = load(str(cfg.finder))
    output = Path(str(cfg.output)).expanduser()
    files = reader.named_files()
    cases: list[PosedCase] = []
    for index, case_id in enumerate(reader.case_ids()):
        try:
            case = _register(cfg, body, anatomy, reader, index, files[case_id], settings, finder, output)
        except InputError:
            raise
        except ConfigError:
            raise
        except UserError as error:
            case = PosedCase(case_id, None, problem=str(error))
        cases.append(case)
        console.print(f"{case_id}: {_said(case)}", soft_wrap=True)
    write_poses(output, cases)
    found = sum(case.camera is not None for case in cases)
    console.print(f"{found} of {len(cases)} radiographs registered: {output}", soft_wrap=True)
    if not found:
        raise UserError("no radiograph could be registered; see the reasons above")


def read_subject(cfg: DictConfig) -> Anatomy:
    """The subject of ``cfg.ct``.

    Raises:
        ConfigError: It is not said.
        InputError: It cannot be read.
    """
    if cfg.ct is None:
        raise ConfigError("no CT given; say ct=<a subject's folder or a CT file>")
    path = Path(str(cfg.ct)).expanduser()
    source = CtFolder(path, structures="all", label_names=cfg.label_names, series=cfg.series)
    wanted = str(cfg.subject) if cfg.subject is not None else source.subject_ids()[0]
    anatomy = without_table(source.load(wanted))
    if anatomy.landmarks:
        return anatomy
    try:
        # Hip landmarks are found from the six bones of the hip's grouping.
        hip = CtFolder(path, structures="hip", label_names=cfg.label_names, series=cfg.series).load(wanted)
    except UserError:
        return anatomy
    return Anatomy(anatomy.subject_id, anatomy.ct, anatomy.labels, anatomy.structures, hip.landmarks, hip.absent)


def open_pictures(cfg: DictConfig, points: str | None = None) -> PlainFolder:
    """The radiographs of ``cfg.pictures`` with points, if any.

    Raises:
        ConfigError: They are not said.
        InputError: They cannot be read.
    """
    if cfg.pictures is None:
        raise ConfigError("no radiographs given; say pictures=<a folder of DICOM files or pictures>")
    annotations = None if points is None else str(Path(str(points)).expanduser().resolve())
    pixel_mm = PIXEL_MM if cfg.pixel_mm is None else float(cfg.pixel_mm)
    return PlainFolder(str(cfg.pictures), annotations, domain=cfg.meaning, pixel_mm=pixel_mm)


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


def _register(
    cfg: DictConfig,
    body: Body,
    anatomy: Anatomy,
    reader: PlainFolder,
    index: int,
    file: Path,
    settings: Refinement,
    finder: Any,
    output: Path,
) -> PosedCase:
    sample = reader[index]
    taken = read_acquisition(file)
    view = _fixed(cfg, sample, taken)
    starts, how = _starts(cfg, body, anatomy, reader.landmarks, sample, view, taken, finder)
    answer = register(body, view, starts, settings, jitters=8 if how != "search" else 0)
    if answer.similarity < float(cfg.min_similarity):
        problem = f"similarity {answer.similarity:.2f} is less than min_similarity={cfg.min_similarity}"
        return PosedCase(sample.case_id, None, answer.similarity, answer.margin, how, problem)
    parts = {name: answer.found.part_cameras[number][0] for number, name in enumerate(cfg.bones, 1)}
    if cfg.overlays:
        _draw(output / "overlays", sample.case_id, view, body, answer)
    return PosedCase(sample.case_id, answer.camera, answer.similarity, answer.margin, how, parts=parts)


def _fixed(cfg: DictConfig, sample: Sample, taken: Acquisition) -> FixedImage:
    height, width = sample.image.shape
    sdd = taken.sdd_mm or float(cfg.sdd_mm)
    choose("source_side", cfg.source_side, ("anterior", "posterior"))
    point = None if cfg.principal_point is None else (float(cfg.principal_point[0]), float(cfg.principal_point[1]))
    mirrored = cfg.source_side == "posterior"
    camera = camera_without_pose(height, width, sample.pixel_mm, sdd, mirrored=mirrored, principal_point=point)
    return FixedImage(to_log(sample), camera)


def _starts(
    cfg: DictConfig,
    body: Body,
    anatomy: Anatomy,
    names: tuple[str, ...],
    sample: Sample,
    view: FixedImage,
    taken: Acquisition,
    finder: Any,
) -> tuple[list[Camera], str]:
    """Candidates of a pose, and in a word what they come from."""
    arm = CArm(
        sdd_mm=view.camera.sdd_mm,
        source_isocenter_mm=min(float(cfg.source_isocenter_mm), 0.98 * view.camera.sdd_mm),
        source_side=cfg.source_side,
    )
    points, weights = _points(cfg, names, sample, finder)
    common = sorted(points.keys() & anatomy.landmarks.keys())
    if cfg.start == "landmarks" or (cfg.start == "auto" and len(common) >= NEED):
        world = np.array([anatomy.landmarks[name] for name in common]).reshape(-1, 3)
        pixels = np.array([points[name] for name in common]).reshape(-1, 2)
        confidence = [weights[name] for name in common]
        poses = poses_from_landmarks(world, pixels, view.camera, confidence=confidence)
        return [hypothesis.camera for hypothesis in poses], "landmarks"
    if cfg.lao_rao_deg is not None:
        taken = Acquisition(
            taken.sdd_mm, taken.source_patient_mm, float(cfg.lao_rao_deg), float(cfg.cranial_caudal_deg or 0)
        )
    shot = view_of(taken, body.pivots[0], arm.source_isocenter_mm)
    if cfg.start == "angles" and shot is None:
        raise UserError("the file says no positioner angles; give lao_rao_deg and cranial_caudal_deg, or start=search")
    if shot is not None and cfg.start != "search":
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


def _points(
    cfg: DictConfig, names: tuple[str, ...], sample: Sample, finder: Any
) -> tuple[Mapping[str, np.ndarray], Mapping[str, float]]:
    """Known places of landmarks in the image, clicked ones before a model's, and how sure they are."""
    clicked = {name: at for name, at, seen in zip(names, sample.landmarks, sample.visible, strict=True) if seen}
    if clicked or finder is None:
        return clicked, dict.fromkeys(clicked, 1.0)
    said = finder.predict(sample.image, pixel_mm=sample.pixel_mm, meaning=sample.domain).landmarks
    sure = {
        name: one
        for name, one in said.items()
        if one.confidence >= float(cfg.min_confidence) and np.isfinite(one.xy).all()
    }
    return {name: np.array(one.xy) for name, one in sure.items()}, {n: one.confidence for n, one in sure.items()}


def _draw(folder: Path, case_id: str, view: FixedImage, body: Body, answer: Registered) -> None:
    """The radiograph beside the projection before and after."""
    before = projection_of(body, (answer.start,) * len(body.native))
    after = projection_of(body, tuple(cameras[0] for cameras in answer.found.part_cameras))
    rows = np.concatenate([comparison(view.image, projection) for projection in (before, after)])
    with atomic_path(folder / f"{case_id}.png") as path:
        PILImage.fromarray(rows).save(path, format="PNG")


def _said(case: PosedCase) -> str:
    if case.camera is None:
        return f"failed: {case.problem}"
    return f"similarity {case.similarity:.3f}, margin {case.margin:.3f}, from {case.start}"
