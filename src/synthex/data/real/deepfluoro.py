"""The DeepFluoro data set of IPCAI 2020 in full resolution, as a :class:`synthex.core.Reader`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from synthex.core import Camera, ConfigError, Domain, InputError, Sample
from synthex.core.arrays import Image, Landmarks2, Points3
from synthex.core.limits import MAX_PIXELS
from synthex.data.real.deepfluoro_camera import camera_of, upright_camera
from synthex.data.real.deepfluoro_detector import ASPECT, PARAMETERS, WHERE, read_detector
from synthex.data.real.deepfluoro_specimens import DeepFluoroSpecimens
from synthex.data.real.files import as_image, as_labels, known_domain
from synthex.data.real.hdf5 import node, numbers, open_h5
from synthex.data.real.hip_names import (
    BORDER,
    LANDMARKS,
    STRUCTURES,
    check_fold,
    left_out,
    names_or,
    points_in,
)
from synthex.data.real.pictures import DAMAGE, told

SPECIMENS = ("17-1882", "18-1109", "18-0725", "18-2799", "18-2800", "17-1905")
"""Numbers 1 to 6 of the study's folds, in this order."""

BONES = ("pelvis", "left-femur", "right-femur")
RESIDUAL_PX = 20.0
"""Distance of projected from stored landmarks beyond which a file contradicts itself, in its pixels: 4 mm on the
detector, less than a wrong axis or frame makes. Our choice."""


@dataclass(frozen=True)
class _Case:
    case_id: str
    number: str
    specimen: str
    projection: str


class DeepFluoro:
    """Intra-operative radiographs of cadaver hips, with labels, landmarks and the poses of three bones.

    Images are as they are stored (raw intensity, bone dark) unless said otherwise: the border of 50 pixels where the
    collimator lies is cut on every side, a picture with ``rot-180-for-up`` is turned, minus the logarithm is taken,
    and it is reduced by averaging blocks of pixels. Labels of a reduced picture are those that cover half of a block.

    Landmarks are found by name, never by their order, which is alphabetical in the file; they are (column, row) with
    pixel centres at integers and get half a pixel on reading. Points outside the picture are absent. The world of
    :meth:`camera` is RAS in mm, the file's is LPS (:mod:`synthex.data.real.deepfluoro_camera`).

    **Licence.** CC BY-NC 4.0: not for commercial use. Where to obtain it: the DOI 10.7281/T1/IFSXNV.

    Args:
        root: The file ``ipcai_2020_full_res_data.h5``, or its folder.
        fold: Number of the specimen that is left out (1 to 6 in the study's order), or None.
        split: ``all`` without a fold, else ``train`` or ``test``.
        downsampling: Factor by which pictures are reduced; the study's 4x is 4.
        border: Pixels cut on every side, of the full picture.
        upright: Turn pictures that the file says are upside down.
        domain: ``log`` (bone bright) or ``intensity`` (as stored, bone dark).
        landmarks: Those wanted, in their order; None: those of the hip task.
        residual_px: Distance, in pixels of the file, that landmarks may have from the projections of their 3-D places
            through the file's own poses; None does not look.

    Raises:
        InputError: The file is missing or cannot be used.
        ConfigError: An argument cannot be used.
    """

    structures: tuple[str, ...] = STRUCTURES

    def __init__(
        self,
        root: str | Path,
        fold: int | None = None,
        split: str = "all",
        downsampling: int = 4,
        border: int = BORDER,
        upright: bool = True,
        domain: str = "log",
        landmarks: Sequence[str] | None = None,
        residual_px: float | int | None = RESIDUAL_PX,
    ) -> None:
        check_fold(fold, split)
        if isinstance(downsampling, bool) or downsampling < 1 or border < 0:
            raise ConfigError(f"downsampling={downsampling}, border={border}: give a factor from 1 and pixels from 0")
        if residual_px is not None and not residual_px > 0:
            raise ConfigError(f"residual_px={residual_px}: give pixels above 0, or null")
        self._domain: Domain = known_domain(domain)
        self.landmarks = names_or(landmarks, LANDMARKS, "landmarks")
        self._factor, self._border, self._upright, self._residual_px = downsampling, border, upright, residual_px
        path = Path(root).expanduser()
        self._path = path / "ipcai_2020_full_res_data.h5" if path.is_dir() else path
        self._file: h5py.File | None = None
        with open_h5(self._path, WHERE) as file:
            self.detector = read_detector(file, self._path)
            if min(self.detector.height, self.detector.width) - 2 * border < downsampling:
                raise ConfigError(f"border={border}, downsampling={downsampling}: nothing is left of the picture")
            try:
                specimens = sorted(key for key in file if key != PARAMETERS)
                groups = {name: sorted(_group(file, f"{name}/projections", self._path)) for name in specimens}
            except DAMAGE as error:
                raise InputError(self._path, f"cannot be read ({told(error)})", WHERE) from error
        if not specimens:
            raise InputError(self._path, "holds no specimen", WHERE)
        unknown = [name for name in specimens if name not in SPECIMENS]
        if unknown:
            raise InputError(self._path, f"has a specimen that the data set has not: {unknown[0][:40]!r}", WHERE)
        numbered = {f"{SPECIMENS.index(name) + 1:02d}": name for name in specimens}
        chosen = left_out(sorted(numbered), fold, split, self._path)
        self._cases = tuple(
            _Case(f"{number}-{projection}", number, numbered[number], projection)
            for number in chosen
            for projection in groups[numbered[number]]
        )

    def case_ids(self) -> tuple[str, ...]:
        """All cases, specimen by specimen in the study's order."""
        return tuple(case.case_id for case in self._cases)

    def __len__(self) -> int:
        return len(self._cases)

    def __getstate__(self) -> dict[str, Any]:
        # Open HDF5 files do not survive being sent to a worker; each process opens its own.
        return self.__dict__ | {"_file": None}

    def __getitem__(self, index: int) -> Sample:
        case, file = self._cases[index], self._opened()
        place = f"{case.specimen}/projections/{case.projection}"
        whole = (self.detector.height, self.detector.width)
        image = as_image(self._path, self._pixels(file, f"{place}/image/pixels"), f"{place}/image")
        if image.shape != whole:
            problem = (
                f"{place}/image has {image.shape[0]} x {image.shape[1]} pixels, the detector {whole[0]} x {whole[1]}"
            )
            raise InputError(self._path, problem, WHERE)
        self._check_spacing(file, f"{place}/image")
        labels = as_labels(
            self._path, self._pixels(file, f"{place}/gt-seg/pixels"), whole, len(STRUCTURES) + 1, f"{place}/gt-seg"
        )
        points = self._landmarks(file, place)
        turned = self._turned(file, place)
        if self._residual_px is not None:
            self._check_poses(case, points)
        masks = labels[None] == np.arange(1, len(STRUCTURES) + 1)[:, None, None]
        image = self._upright_pixels(image, turned).astype(np.float32)
        masks = self._upright_pixels(masks, turned) >= 0.5
        points, visible = points_in(
            self._upright_points(points, turned), (image.shape[0], image.shape[1]), self._path, f"case {case.case_id}"
        )
        return Sample(
            case_id=case.case_id,
            subject_id=case.number,
            image=self._as_domain(image, place),
            domain=self._domain,
            masks=masks,
            landmarks=points,
            visible=visible,
            annotated=np.ones(len(points), dtype=bool),
            pixel_mm=self.detector.pixel_mm * self._factor,
            record={"turned": turned, "border_px": self._border, "downsampling": self._factor},
        )

    def camera(self, index: int, bone: str = "pelvis") -> Camera:
        """The camera of the picture that a sample holds, in RAS mm of a bone's volume.

        Args:
            index: Of the case.
            bone: ``pelvis``, ``left-femur`` or ``right-femur``: each has its own pose.

        Raises:
            InputError: The pose is damaged.
            ConfigError: There is no such bone.
        """
        case, file = self._cases[index], self._opened()
        turned = self._turned(file, f"{case.specimen}/projections/{case.projection}")
        return upright_camera(self._whole_camera(case, bone), self._border, turned, self._factor)

    def cameras(self) -> tuple[Camera, ...]:
        """The pelvis' camera of every case (:class:`~synthex.data.Replayable`).

        Raises:
            InputError: A pose is damaged.
        """
        return tuple(self.camera(index) for index in range(len(self)))

    def subjects(self) -> tuple[str, ...]:
        """The specimen of every case, by its number in the study."""
        return tuple(case.number for case in self._cases)

    def anatomies(self) -> DeepFluoroSpecimens:
        """CTs of the specimens, in the world of :meth:`cameras`."""
        return DeepFluoroSpecimens(self._path, {case.number: case.specimen for case in self._cases}, self.landmarks)

    def landmarks_ras(self, index: int) -> Points3:
        """Landmarks of a case's specimen in RAS mm, L x 3 in the order of :attr:`landmarks`.

        Raises:
            InputError: One is missing or damaged.
        """
        return self._landmarks_3d(self._cases[index].specimen)

    def _landmarks_3d(self, specimen: str) -> np.ndarray:
        file = self._opened()
        stored = [self._vector(file, f"{specimen}/vol-landmarks/{name}", 3) for name in self.landmarks]
        return np.array(stored).reshape(-1, 3) * (-1.0, -1.0, 1.0)

    def _opened(self) -> h5py.File:
        if self._file is None:
            self._file = open_h5(self._path, WHERE)
        return self._file

    def _pixels(self, file: h5py.File, key: str) -> np.ndarray:
        found = node(file, key, self._path, WHERE)
        if found.dtype.kind not in "iuf" or len(found.shape) != 2 or found.size > MAX_PIXELS:
            raise InputError(self._path, f"{key} is no grey image", WHERE)
        try:
            return np.asarray(found[()])
        except DAMAGE as error:
            raise InputError(self._path, f"{key} cannot be read ({told(error)})", WHERE) from error

    def _vector(self, file: h5py.File, key: str, count: int) -> np.ndarray:
        values = numbers(file, key, None, self._path, WHERE)
        if values.shape != (count,):
            raise InputError(self._path, f"{key} has {len(values)} numbers, not {count}", WHERE)
        return values

    def _check_spacing(self, file: h5py.File, place: str) -> None:
        spacing = self._vector(file, f"{place}/spacing", 2)
        if np.abs(spacing / self.detector.pixel_mm - 1).max() > ASPECT:
            problem = (
                f"{place}/spacing is {spacing[0]:g} x {spacing[1]:g} mm, the detector's {self.detector.pixel_mm:g}"
            )
            raise InputError(self._path, problem, WHERE)

    def _turned(self, file: h5py.File, place: str) -> bool:
        flag = self._vector(file, f"{place}/rot-180-for-up", 1)[0]
        if flag not in (0, 1):
            raise InputError(self._path, f"{place}/rot-180-for-up is {flag:g}, not 0 or 1", WHERE)
        return bool(flag) and self._upright

    def _landmarks(self, file: h5py.File, place: str) -> Landmarks2:
        """L x 2 (column, row) of the whole picture, pixel centres at +0.5."""
        stored = [self._vector(file, f"{place}/gt-landmarks/{name}", 2) for name in self.landmarks]
        return np.array(stored).reshape(-1, 2) + 0.5

    def _whole_camera(self, case: _Case, bone: str) -> Camera:
        if bone not in BONES:
            raise ConfigError(f"bone={bone}: choose one of {', '.join(BONES)}")
        key = f"{case.specimen}/projections/{case.projection}/gt-poses/cam-to-{bone}-vol"
        pose, detector = numbers(self._opened(), key, (4, 4), self._path, WHERE), self.detector
        try:
            return camera_of(
                detector.intrinsic, detector.extrinsic, pose, detector.height, detector.width, detector.pixel_mm
            )
        except ValueError as error:
            raise InputError(self._path, f"{key}: {told(error)}", WHERE) from error

    def _check_poses(self, case: _Case, points: Landmarks2) -> None:
        """Hold the landmarks against the file's own poses: an axis or a frame that is wrong shows here.

        Femoral head centres belong to two bones; the nearer projection counts.
        """
        places = self._landmarks_3d(case.specimen)
        for name, place, point in zip(self.landmarks, places, points, strict=True):
            bones = ["pelvis"]
            if name.startswith("FH-"):
                bones.append("left-femur" if name.endswith("-l") else "right-femur")
            projected = [self._whole_camera(case, bone).project(place[None])[0] for bone in bones]
            off = min(float(np.hypot(*(found - point))) for found in projected)
            if not off <= (self._residual_px or np.inf):
                problem = f"case {case.case_id}: {name} lies {off:.0f} pixels from where its poses project it"
                remedy = "restore the file, or give real.residual_px=null to read it as it is"
                raise InputError(self._path, problem, remedy)

    def _upright_points(self, points: Landmarks2, turned: bool) -> Landmarks2:
        """Points of the whole picture in that of the sample."""
        cut = points - self._border
        if turned:
            cut = (self.detector.width - 2 * self._border, self.detector.height - 2 * self._border) - cut
        return cut / self._factor

    def _upright_pixels(self, pixels: np.ndarray, turned: bool) -> np.ndarray:
        """The last two axes cut, turned and reduced as the sample is."""
        height, width = pixels.shape[-2:]
        cut = pixels[..., self._border : height - self._border, self._border : width - self._border]
        return blocks(cut[..., ::-1, ::-1] if turned else cut, self._factor)

    def _as_domain(self, image: Image, place: str) -> Image:
        """Minus the logarithm of the share of the brightest pixel (Beer-Lambert), or the image as it is."""
        if image.min() < 0 or image.max() <= 0:
            raise InputError(self._path, f"{place}/image holds values that are no intensities", WHERE)
        if self._domain == "intensity":
            return image
        # Pixels that counted nothing get the value of the darkest that counted something.
        darkest = image[image > 0].min()
        logs: Image = -np.log(np.maximum(image, darkest) / image.max(), dtype=np.float32)
        return np.maximum(logs, np.float32(0))


def blocks(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of the last two axes; what is left over at their ends is cut."""
    *front, height, width = pixels.shape
    rows, columns = height // factor, width // factor
    whole = pixels[..., : rows * factor, : columns * factor]
    return whole.reshape(*front, rows, factor, columns, factor).mean(axis=(-3, -1), dtype=np.float64)


def _group(file: h5py.File, key: str, path: Path) -> h5py.Group:
    found = file.get(key)
    if not isinstance(found, h5py.Group):
        raise InputError(path, f"has no {key}", WHERE)
    return found
