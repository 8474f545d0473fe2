"""``synthex register``: where the C-arm was when it took radiographs of a subject whose CT is known."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image as PILImage

from synthex.config.settings import choose
from synthex.core import Anatomy, ConfigError, InputError, UserError, atomic_path
from synthex.core.terminal import console, quiet_libraries
from synthex.data.real import PlainFolder
from synthex.data.real.plain_folder import PIXEL_MM
from synthex.registration import Body, PosedCase, write_poses
from synthex.registration.series import STARTS, Setup, bone_ids, points_of, read_subject, register_case


def main(cfg: DictConfig) -> None:
    """Register the radiographs of ``cfg.pictures`` to the CT of ``cfg.ct`` and write their poses.

    Raises:
        ConfigError: A setting is missing or cannot be.
        UserError: No radiograph could be registered.
    """
    quiet_libraries()
    choose("start", cfg.start, STARTS)
    anatomy = subject_of(cfg)
    setup = setup_of(cfg)
    reader = open_pictures(cfg, cfg.points)
    body = Body(anatomy.ct, anatomy.labels, bone_ids(anatomy, list(setup.bones)))
    finder = None
    if cfg.finder is not None:
        from synthex.runs import load

        finder = load(str(cfg.finder))
    output = Path(str(cfg.output)).expanduser()
    files = reader.named_files()
    cases: list[PosedCase] = []
    for index, case_id in enumerate(reader.case_ids()):
        try:
            sample = reader[index]
            points = points_of(sample, reader.landmarks, finder, float(cfg.min_confidence))
            case, picture = register_case(
                body, anatomy, sample, points, files[case_id], setup, picture=bool(cfg.overlays)
            )
            if picture is not None:
                with atomic_path(output / "overlays" / f"{case_id}.png") as path:
                    PILImage.fromarray(picture).save(path, format="PNG")
        except (InputError, ConfigError):
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


def setup_of(cfg: DictConfig) -> Setup:
    """What is said of how the radiographs were taken.

    Raises:
        ConfigError: ``source_side`` is no side.
    """
    choose("source_side", cfg.source_side, ("anterior", "posterior"))
    angles = {name: None if cfg[name] is None else float(cfg[name]) for name in ("lao_rao_deg", "cranial_caudal_deg")}
    return Setup(
        start=cfg.start,
        sdd_mm=float(cfg.sdd_mm),
        source_isocenter_mm=float(cfg.source_isocenter_mm),
        source_side=cfg.source_side,
        principal_point=None
        if cfg.principal_point is None
        else (float(cfg.principal_point[0]), float(cfg.principal_point[1])),
        min_similarity=float(cfg.min_similarity),
        refinement=instantiate(cfg.refinement),
        bones=tuple(cfg.bones),
        **angles,
    )


def subject_of(cfg: DictConfig) -> Anatomy:
    """The subject of ``cfg.ct``.

    Raises:
        ConfigError: It is not said.
        InputError: It cannot be read.
    """
    if cfg.ct is None:
        raise ConfigError("no CT given; say ct=<a subject's folder or a CT file>")
    return read_subject(Path(str(cfg.ct)).expanduser(), cfg.subject, label_names=cfg.label_names, series=cfg.series)


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


def _said(case: PosedCase) -> str:
    if case.camera is None:
        return f"failed: {case.problem}"
    return f"similarity {case.similarity:.3f}, margin {case.margin:.3f}, from {case.start}"
