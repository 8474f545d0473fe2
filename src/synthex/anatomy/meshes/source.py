"""Folders of bone surfaces as subjects."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthex.anatomy.meshes.loading import SUFFIXES, Surface, bone_files, check_subject, extent, read_surface
from synthex.anatomy.meshes.names import STRUCTURES
from synthex.anatomy.meshes.skeleton import DISC_HU, discs, label_map, render_bones, solid_bones
from synthex.anatomy.meshes.soft_tissue import BodyHabitus, Frame, body_margin_mm, soft_tissue
from synthex.anatomy.voxel_grid import Grid
from synthex.core import Anatomy, ConfigError, InputError, Volume, derive_rng
from synthex.core.arrays import Point3

_VERSION = 1
_LPS = np.array((-1.0, -1.0, 1.0))
_AIR_MARGIN_MM = 10.0
_BELOW_PELVIS_MM = 75.0


class MeshFolder:
    """Named bone surfaces with landmarks, voxelised (an :class:`~synthex.core.AnatomySource`).

    A subject is a folder with one closed surface per bone (``pelvis_left.ply``, ``vertebra_L3.stl``, …, in
    mm) and at most one ``.mrk.json`` with landmarks. Soft tissue, bone density and texture are invented,
    differently for each seed and subject.

    Args:
        root: One subject's folder, or a folder of such folders.
        spacing_mm: Edge of the cubic voxels.
        region: ``pelvis``: from the top of L3 to 75 mm below the ischia; ``all``: every bone.
        frame: ``RAS`` or ``LPS``, the frame of the surfaces; landmarks state their own.
        labelled_vertebrae: Levels that count as the structure ``vertebrae``; others are bone without label.
        seed: Seed of what is invented.
        keep_names: Use folder names as subject ids. By default they are ``mesh-01``, ``mesh-02``, … in sorted
            order, because folder names often identify the patient.

    Raises:
        ConfigError: A setting out of range.
        InputError: ``root`` is not a folder, or holds no surfaces.
    """

    def __init__(
        self,
        root: str | Path,
        spacing_mm: float = 2.0,
        region: str = "pelvis",
        frame: str = "RAS",
        labelled_vertebrae: Sequence[str] = ("L3", "L4", "L5"),
        seed: int = 0,
        keep_names: bool = False,
    ) -> None:
        if not 0.3 <= spacing_mm <= 10:
            raise ConfigError(f"spacing_mm={spacing_mm} must lie in 0.3 to 10")
        if region not in ("pelvis", "all"):
            raise ConfigError(f"region={region!r} must be pelvis or all")
        if frame not in ("RAS", "LPS"):
            raise ConfigError(f"frame={frame!r} must be RAS or LPS")
        self.spacing_mm = float(spacing_mm)
        self.region = region
        self.frame = frame
        self.labelled_vertebrae = tuple(labelled_vertebrae)
        self.seed = seed
        folders = _subject_folders(Path(root))
        width = max(2, len(str(len(folders))))
        self._folders = {
            name if keep_names else f"mesh-{index:0{width}d}": folder
            for index, (name, folder) in enumerate(folders.items(), start=1)
        }

    def named_files(self) -> dict[str, Path]:
        """The folder of every subject, for those who have to find it again."""
        return dict(self._folders)

    def subject_ids(self) -> tuple[str, ...]:
        """All subjects, in the sorted order of their folders' names."""
        return tuple(self._folders)

    def load(self, subject_id: str) -> Anatomy:
        """One subject as a CT-like volume with labels and landmarks.

        Raises:
            KeyError: Unknown subject.
            InputError: A surface that is unreadable, empty or open, an unknown bone, a wrong unit, …
        """
        surfaces, landmarks, absent = self.surfaces(subject_id)
        rng = derive_rng(self.seed, "meshes", subject_id)
        habitus = BodyHabitus.sample(rng)
        body = Frame.of(surfaces)
        grid = self.grid(surfaces, body, habitus)
        bones = solid_bones(surfaces, grid)
        mask = np.zeros(grid.shape, dtype=bool)
        for solid in bones.values():
            mask[solid.box.slices] |= solid.distance < 0
        tissue = soft_tissue(mask, body, grid, habitus, rng)
        tissue += discs(bones, grid) * (DISC_HU - tissue)
        hu = render_bones(tissue, bones, surfaces, grid, habitus.bone_density, rng)
        world_from_ijk = grid.world_from_ijk
        inside = {name: point for name, point in landmarks.items() if _contains(grid, point)}
        return Anatomy(
            subject_id=subject_id,
            ct=Volume(np.clip(np.round(hu), -1000, 3000).astype(np.int16), world_from_ijk),
            labels=Volume(label_map(bones, grid, self.labelled_vertebrae), world_from_ijk),
            structures=STRUCTURES,
            landmarks=inside,
            absent=absent | (landmarks.keys() - inside.keys()),
        )

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the files (path, size, time), the settings and the code's version."""
        folder = self._folders[subject_id]
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (*SUFFIXES, ".json"))
        # With the whole path: archives unpack with equal names and times, and sizes may agree by chance.
        stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        settings = (self.spacing_mm, self.region, self.frame, self.labelled_vertebrae, self.seed, _VERSION)
        return hashlib.blake2b(repr((subject_id, stats, settings)).encode(), digest_size=16).hexdigest()

    def surfaces(self, subject_id: str) -> tuple[dict[str, Surface], dict[str, Point3], frozenset[str]]:
        """Surfaces by bone, landmarks and absent ones of a subject, RAS mm.

        Raises:
            InputError: As :meth:`load`.
        """
        folder = self._folders[subject_id]
        landmarks, absent = _read_landmarks(folder)
        surfaces = {bone: read_surface(path) for bone, path in bone_files(folder).items()}
        if self.frame == "LPS":
            surfaces = {bone: Surface(s.vertices * _LPS, s.faces) for bone, s in surfaces.items()}
        check_subject(folder, surfaces)
        return surfaces, landmarks, absent

    def grid(self, surfaces: dict[str, Surface], body: Frame, habitus: BodyHabitus) -> Grid:
        """The grid that holds the body in x and y, and the region in z."""
        whole = extent(surfaces)
        room = body.pelvis + body_margin_mm(habitus)
        lower, upper = np.minimum(room[0], whole[0]), np.maximum(room[1], whole[1])
        if self.region == "pelvis":
            near = [s.vertices for s in surfaces.values() if np.ptp(s.vertices[:, 2]) > 0]
            top = body.pelvis[1, 2] + 0.25 * float(np.ptp(body.pelvis[:, 2]))
            if "vertebra_L3" in surfaces:
                top = float(surfaces["vertebra_L3"].vertices[:, 2].max()) + 3
            lower[2] = max(whole[0, 2], body.pelvis[0, 2] - _BELOW_PELVIS_MM)
            upper[2] = min(whole[1, 2], top)
            shown = np.concatenate([points[(points[:, 2] > lower[2]) & (points[:, 2] < upper[2])] for points in near])
            lower[:2] = np.minimum(room[0, :2], shown[:, :2].min(axis=0) - 15)
            upper[:2] = np.maximum(room[1, :2], shown[:, :2].max(axis=0) + 15)
        else:
            lower[2], upper[2] = whole[0, 2] - _AIR_MARGIN_MM, whole[1, 2] + _AIR_MARGIN_MM
        lower[:2] -= _AIR_MARGIN_MM
        upper[:2] += _AIR_MARGIN_MM
        return Grid.around(lower, upper, self.spacing_mm)


def _subject_folders(root: Path) -> dict[str, Path]:
    """Folder name to folder, sorted by name."""
    remedy = f"give a folder with bone surfaces ({', '.join(SUFFIXES)}), or a folder of such folders"
    if not root.is_dir():
        raise InputError(root, "is not a folder", remedy)

    def holds_surfaces(folder: Path) -> bool:
        return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())

    try:
        if holds_surfaces(root):
            return {root.resolve().name: root}
        folders = {path.name: path for path in sorted(root.iterdir()) if path.is_dir() and holds_surfaces(path)}
    except PermissionError as error:
        raise InputError(root, "cannot be read (permission denied)", "check the permissions") from error
    if not folders:
        raise InputError(root, "holds no bone surfaces", remedy)
    return folders


def _read_landmarks(folder: Path) -> tuple[dict[str, Point3], frozenset[str]]:
    """Landmarks (RAS mm) and absent ones of a subject; none without a file."""
    from synthex.anatomy.io import read_landmarks
    from synthex.anatomy.landmark_names import check_landmark_names

    files = sorted(folder.glob("*.mrk.json"))
    if len(files) > 1:
        raise InputError(folder, f"holds {len(files)} landmark files", "keep one .mrk.json")
    if not files:
        return {}, frozenset()
    landmarks = read_landmarks(files[0])
    check_landmark_names(files[0], landmarks.positions.keys() | landmarks.absent)
    return dict(landmarks.positions), frozenset(landmarks.absent)


def _contains(grid: Grid, point: Point3) -> bool:
    """Whether a world point lies in the grid's voxels."""
    index = (point - grid.origin_mm) / grid.spacing_mm
    return bool(((index >= -0.5) & (index <= np.array(grid.shape) - 0.5)).all())
