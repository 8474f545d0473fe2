"""Writing what the DeepFluoro file of IPCAI 2020 holds, of simulated specimens: a stand-in with known truth."""

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from synthex.core import Anatomy, Camera, ConfigError, Sample, Volume, atomic_path
from synthex.data.real.deepfluoro import BONES, SPECIMENS
from synthex.data.real.deepfluoro_detector import PARAMETERS
from synthex.data.real.hip_names import LANDMARKS, STRUCTURES

BRIGHTEST = 60000
"""Grey value of the brightest pixel: the file's are 16 bits."""

_LPS = np.diag((-1.0, -1.0, 1.0, 1.0))
_HALF_TURN = np.diag((-1.0, 1.0, -1.0, 1.0))
"""Our camera to theirs: +z to the source, +y down the rows (:mod:`synthex.data.real.deepfluoro_camera`)."""


def write_deepfluoro(path: Path, specimens: Iterable[tuple[Anatomy, Iterable[Sample]]]) -> Path:
    """Write specimens and their radiographs as the data set has them; every second picture lies upside down.

    Args:
        path: The file.
        specimens: Up to six, each with the CT that is known of it, and its radiographs, whose records hold their
            ``camera``. Landmarks of pictures are projections of the CT's.

    Raises:
        ConfigError: There are too many, cameras differ in more than their pose, or a landmark is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shared: Camera | None = None
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        for number, (anatomy, samples) in enumerate(specimens):
            if number >= len(SPECIMENS):
                raise ConfigError(f"the data set has {len(SPECIMENS)} specimens, not more")
            group = file.create_group(SPECIMENS[number])
            points = _specimen(group, anatomy)
            for index, sample in enumerate(samples):
                camera = Camera.from_record(dict(sample.record["camera"]))
                if shared is None:
                    shared = camera
                    _detector(file, camera)
                if not np.allclose(camera.intrinsics, shared.intrinsics, atol=1e-6):
                    raise ConfigError(
                        "all pictures of the data set share a detector and its distance; fix views.sdd_mm"
                    )
                _projection(
                    group.create_group(f"projections/{index:03d}"), sample, camera, points, turned=index % 2 == 1
                )
    return path


def _detector(file: h5py.File, camera: Camera) -> None:
    half = 0.5 * np.array(((0, 0, 1), (0, 0, 1), (0, 0, 0)))
    file[f"{PARAMETERS}/intrinsic"] = -(camera.intrinsics - half) @ _HALF_TURN[:3, :3]
    file[f"{PARAMETERS}/extrinsic"] = np.eye(4)
    file[f"{PARAMETERS}/num-rows"], file[f"{PARAMETERS}/num-cols"] = camera.height, camera.width
    for name in ("pixel-row-spacing", "pixel-col-spacing"):
        file[f"{PARAMETERS}/{name}"] = camera.pixel_mm


def _specimen(group: h5py.Group, anatomy: Anatomy) -> np.ndarray:
    """CT, labels and landmarks; returns these, RAS mm, L x 3."""
    missing = [name for name in LANDMARKS if name not in anatomy.landmarks]
    if missing:
        raise ConfigError(f"subject {anatomy.subject_id} has no landmark {missing[0]}; a CT of a whole pelvis has all")
    labels = np.zeros(anatomy.labels.shape, dtype=np.uint8)
    for value, name in enumerate(STRUCTURES, start=1):
        labels[anatomy.labels.data == anatomy.structures[name]] = value
        group[f"vol-seg/labels-def/{value}"] = name
    _volume(group, "vol", Volume(anatomy.ct.data, anatomy.ct.world_from_ijk))
    _volume(group, "vol-seg/image", Volume(labels, anatomy.ct.world_from_ijk))
    points = np.array([anatomy.landmarks[name] for name in LANDMARKS])
    for name, point in zip(LANDMARKS, points, strict=True):
        group[f"vol-landmarks/{name}"] = (_LPS[:3, :3] @ point)[:, None]
    return points


def _volume(group: h5py.Group, name: str, volume: Volume) -> None:
    lps_from_ijk = _LPS @ volume.world_from_ijk.matrix
    spacing = volume.spacing_mm
    group.create_dataset(f"{name}/pixels", data=np.asarray(volume.data).transpose(2, 1, 0), compression="gzip")
    group[f"{name}/spacing"], group[f"{name}/origin"] = spacing, lps_from_ijk[:3, 3]
    group[f"{name}/dir-mat"] = lps_from_ijk[:3, :3] / spacing


def _projection(group: h5py.Group, sample: Sample, camera: Camera, points: np.ndarray, *, turned: bool) -> None:
    image = np.asarray(sample.image, dtype=np.float64)
    intensity = np.exp(-(image - image.min())) if sample.domain == "log" else np.clip(image, 0, None) / image.max()
    labels = np.zeros(image.shape, dtype=np.uint8)
    for value, mask in enumerate(sample.masks, start=1):
        labels[mask] = value
    places = camera.project(points) - 0.5
    matrix = camera.camera_from_world.matrix
    if turned:  # the principal point is the middle, which stays where it is
        intensity, labels = intensity[::-1, ::-1], labels[::-1, ::-1]
        places = np.array((camera.width - 1, camera.height - 1)) - places
        matrix = np.diag((-1.0, -1.0, 1.0, 1.0)) @ matrix
    for name, pixels in (("image", np.rint(BRIGHTEST * intensity).astype(np.uint16)), ("gt-seg", labels)):
        group.create_dataset(f"{name}/pixels", data=pixels, compression="gzip")
        group[f"{name}/spacing"], group[f"{name}/origin"] = np.full(2, camera.pixel_mm), np.zeros(2)
        group[f"{name}/dir-mat"] = np.eye(2)
    for name, place in zip(LANDMARKS, places, strict=True):
        group[f"gt-landmarks/{name}"] = place[:, None]
    pose = np.linalg.inv(_HALF_TURN @ matrix @ _LPS)  # their camera, which is their world, to the volume's LPS
    for bone in BONES:
        group[f"gt-poses/cam-to-{bone}-vol"] = pose
    group["gt-poses/left-femur-good-fov"] = group["gt-poses/right-femur-good-fov"] = 1
    group["rot-180-for-up"] = int(turned)
