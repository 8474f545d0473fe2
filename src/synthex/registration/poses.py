"""The file of poses that ``synthex register`` writes, a camera a case and how it was found, and other formats."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthex.core import Camera, InputError, Rigid, write_json
from synthex.core.arrays import Matrix4
from synthex.core.documents import read_json, read_text

SCHEMA = 1
POSES_FILE, CAMERAS_FILE = "poses.json", "cameras.json"
_AGAIN = "write it again with `synthex register`"
_LPS_FROM_RAS = np.diag((-1.0, -1.0, 1.0, 1.0))


@dataclass(frozen=True, eq=False)
class PosedCase:
    """What is known about one radiograph.

    Attributes:
        case_id: As :class:`synthex.data.real.PlainFolder` names it.
        camera: None where none was found.
        similarity: Local correlation of the image's and the projection's gradients, at most 1.
        margin: By which the best other answer is worse.
        start: Where the search began: ``landmarks``, ``angles`` or ``search``.
        problem: Why there is no camera, in a line; empty.
        parts: Cameras of bones with poses of their own, by name.
    """

    case_id: str
    camera: Camera | None
    similarity: float = 0.0
    margin: float = 0.0
    start: str = ""
    problem: str = ""
    parts: dict[str, Camera] = field(default_factory=dict)


def write_poses(folder: Path, cases: list[PosedCase]) -> None:
    """Write all that is known of the cases, and the list of their cameras that ``views.file`` replays."""
    listed = [
        {
            "case": case.case_id,
            "camera": None if case.camera is None else case.camera.to_record(),
            "similarity": case.similarity,
            "margin": case.margin,
            "start": case.start,
            "problem": case.problem,
            "parts": {name: camera.to_record() for name, camera in case.parts.items()},
        }
        for case in cases
    ]
    write_json(folder / POSES_FILE, {"synthex_poses": SCHEMA, "cases": listed})
    write_json(folder / CAMERAS_FILE, [case.camera.to_record() for case in cases if case.camera is not None])


def read_poses(path: Path) -> dict[str, PosedCase]:
    """The cases of a file of :func:`write_poses`, or of the folder that holds it, by id.

    Raises:
        InputError: It cannot be read.
    """
    path = path / POSES_FILE if path.is_dir() else path
    if not path.is_file():
        raise InputError(path, "there is no such file", "give the folder that `synthex register` wrote")
    document = read_json(path, _AGAIN)
    if not isinstance(document, dict) or document.get("synthex_poses") != SCHEMA:
        raise InputError(path, "is no file of poses of this version", _AGAIN)
    try:
        return {entry["case"]: _case(entry) for entry in document["cases"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, f"has a case that cannot be used ({type(error).__name__})", _AGAIN) from error


def _case(entry: dict[str, Any]) -> PosedCase:
    if not isinstance(entry["case"], str):
        raise TypeError("case")
    return PosedCase(
        entry["case"],
        None if entry["camera"] is None else Camera.from_record(entry["camera"]),
        float(entry["similarity"]),
        float(entry["margin"]),
        str(entry["start"]),
        str(entry["problem"]),
        {str(name): Camera.from_record(camera) for name, camera in entry["parts"].items()},
    )


def itk_transform(camera: Camera) -> str:
    """The pose as a text of an ITK transform file, from the CT's LPS to the camera's axes.

    ITK's physical space is LPS (x to the left, y to the back); the camera's axes are ours.
    """
    matrix = camera.camera_from_world.matrix @ np.linalg.inv(_LPS_FROM_RAS)
    numbers = " ".join(f"{value:.17g}" for value in (*matrix[:3, :3].ravel(), *matrix[:3, 3]))
    return (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n"
    )


def pose_of_itk(path: Path) -> Rigid:
    """``camera_from_world`` of a file of :func:`itk_transform`, or of any rigid transform that ITK writes so.

    Raises:
        InputError: It is no such file, or no rotation and translation.
    """
    remedy = "save a rigid transform as text (.tfm)"
    lines = dict(
        line.split(":", 1) for line in read_text(path, remedy).splitlines() if ":" in line and not line.startswith("#")
    )
    try:
        values = np.array(lines["Parameters"].split(), dtype=float)
        centre = np.array(lines.get("FixedParameters", "0 0 0").split()[:3], dtype=float)
        if values.shape != (12,) or centre.shape != (3,):
            raise ValueError("12 parameters and a centre of 3 are needed")
        linear = values[:9].reshape(3, 3)
        matrix: Matrix4 = np.eye(4)
        matrix[:3, :3] = linear
        # ITK turns about its centre: y = M (x - c) + c + t.
        matrix[:3, 3] = values[9:] + centre - linear @ centre
        return Rigid(matrix @ _LPS_FROM_RAS)
    except (KeyError, ValueError) as error:
        raise InputError(path, f"is no rigid ITK transform ({error})", remedy) from error
