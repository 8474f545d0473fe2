"""Folders of bone surfaces as people who are painted."""

from pathlib import Path

import numpy as np

from synthex.anatomy.meshes.loading import SUFFIXES
from synthex.anatomy.meshes.names import STRUCTURES, structure_id
from synthex.anatomy.meshes.skeleton import solid_bones
from synthex.anatomy.meshes.soft_tissue import BodyHabitus, Frame, soft_shapes
from synthex.anatomy.meshes.source import MeshFolder
from synthex.anatomy.painting.body import Body, Bone
from synthex.anatomy.painting.bony_points import find_joints, find_landmarks
from synthex.anatomy.painting.paint import MAX_GROWN_MM
from synthex.anatomy.painting.soft_shapes import bone_mask, discs_and_cartilage, skin_distance
from synthex.anatomy.painting.source import PaintedPeople
from synthex.anatomy.voxel_grid import Grid
from synthex.core import derive_rng

VERSION = 1
"""Part of every fingerprint: raise it when the same surfaces would give other shapes."""

_NAMES = {number: name for name, number in STRUCTURES.items()}


class PaintedMeshes(PaintedPeople):
    """People of a :class:`~synthex.anatomy.meshes.MeshFolder`, painted as label maps are.

    Without a landmark file, the hip landmarks are found on the bones. Ids are ``mesh-01~00``, ``mesh-01~01``, ….

    Args:
        meshes: The folder.
        paintings: How often each person is painted.
        seed: Seed of the paintings.
        fractures: Share of paintings with a fracture.

    Raises:
        ConfigError: A setting out of range.
    """

    version = VERSION

    def __init__(self, meshes: MeshFolder, paintings: int = 6, seed: int = 0, fractures: float | int = 0.0) -> None:
        super().__init__(meshes.named_files(), paintings, meshes.spacing_mm, seed, fractures)
        self.meshes = meshes

    def files(self, person: str) -> list[Path]:
        """Surfaces and landmarks."""
        return sorted(path for path in self.folders[person].iterdir() if path.suffix.lower() in (*SUFFIXES, ".json"))

    def fingerprint(self, subject_id: str) -> str:
        """Changes with the settings of the folder too."""
        return f"{super().fingerprint(subject_id)}-{self.meshes.fingerprint(self._person(subject_id))}"

    def shapes(self, person: str) -> Body:
        """Bones with joint gaps, and soft tissue of a build that follows from the person's id.

        Raises:
            InputError: As :meth:`MeshFolder.load`.
        """
        surfaces, landmarks, absent = self.meshes.surfaces(person)
        rng = derive_rng(self.meshes.seed, "meshes", person)
        habitus = BodyHabitus.sample(rng)
        frame = Frame.of(surfaces)
        grid = _wider(self.meshes.grid(surfaces, frame, habitus), MAX_GROWN_MM)
        bones = {}
        for name, solid in solid_bones(surfaces, grid).items():
            structure = _NAMES.get(structure_id(name, self.meshes.labelled_vertebrae), "")
            side = next((side for side in ("left", "right") if name.endswith(side)), "")
            bones[name] = Bone(name.split("_")[0], structure, solid.box, solid.distance, side)
        if not landmarks and not absent:
            landmarks, absent = find_landmarks(self.folders[person], bones, grid)
        skin, muscle, cavity = soft_shapes(bone_mask(bones, grid), frame, grid, habitus, rng)
        # Muscle ends where the cavity begins.
        share = np.clip(0.5 - muscle / 4.0, 0, 1) * np.clip(0.5 + cavity / 4.0, 0, 1)
        return Body(
            grid=grid,
            bones=bones,
            skin=skin_distance(skin < 0, grid),
            muscle=share.astype(np.float32),
            cavity=cavity.astype(np.float32),
            organs=np.zeros(grid.shape, np.uint8),
            organ_names=(),
            discs=discs_and_cartilage(bones, grid),
            joints=find_joints(bones, landmarks, grid),
            landmarks=landmarks,
            absent=absent,
        )


def _wider(grid: Grid, room_mm: float) -> Grid:
    """A grid with more room at the sides, in front and behind."""
    more = int(np.ceil(room_mm / grid.spacing_mm))
    i, j, k = grid.shape
    shift = grid.spacing_mm * np.array((more, more, 0))
    return Grid(grid.origin_mm - shift, grid.spacing_mm, (i + 2 * more, j + 2 * more, k))
