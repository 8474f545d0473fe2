"""Large CTs that cost nothing to make: sparse files, memory-mapped as prepared subjects are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthex.core import Affine, Anatomy, Volume

SPACING_MM = 0.8
BONE_HU = 700


class MappedVolumes:
    """Subjects of water with a block of bone a structure; a :class:`synthex.core.AnatomySource`.

    The files are sparse, so that 20 subjects of 512 x 512 x 400 voxels take megabytes of disk, but a process that
    reads them maps (and the page cache holds) 315 MB each, as with real CTs.

    Args:
        folder: Where the files are written, once.
        subjects: How many.
        shape: Voxels along i, j, k.
        structures: Names of the labels, numbered from 1.
        landmarks: Names that are declared absent.
    """

    def __init__(
        self, folder: Path, subjects: int, shape: Sequence[int], structures: Sequence[str], landmarks: Sequence[str]
    ) -> None:
        self.folder, self.subjects, self.shape = folder, subjects, tuple(int(count) for count in shape)
        self.structures, self.landmarks = tuple(structures), frozenset(landmarks)
        for subject in self.subject_ids():
            self._write(subject)

    def subject_ids(self) -> tuple[str, ...]:
        """All subjects."""
        return tuple(f"block-{number:02d}" for number in range(self.subjects))

    def fingerprint(self, subject_id: str) -> str:
        """Tells shapes apart."""
        return f"{subject_id} {self.shape}"

    def load(self, subject_id: str) -> Anatomy:
        """Read-only memory maps of one subject."""
        ct, labels = (np.load(path, mmap_mode="r") for path in self._paths(subject_id))
        origin = -SPACING_MM / 2 * np.array(self.shape)
        world_from_ijk = Affine.from_parts(np.eye(3) * SPACING_MM, origin)
        ids = {name: number for number, name in enumerate(self.structures, start=1)}
        return Anatomy(
            subject_id, Volume(ct, world_from_ijk), Volume(labels, world_from_ijk), ids, {}, absent=self.landmarks
        )

    def _paths(self, subject_id: str) -> tuple[Path, Path]:
        return self.folder / f"{subject_id}-ct.npy", self.folder / f"{subject_id}-labels.npy"

    def _write(self, subject_id: str) -> None:
        ct, labels = (
            np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=self.shape)
            for path, dtype in zip(self._paths(subject_id), (np.int16, np.uint8), strict=True)
        )
        count = len(self.structures)
        for number in range(count):
            # Blocks beside each other in the middle, a sixth of the volume high and deep.
            low = [number * self.shape[0] // count, *(5 * n // 12 for n in self.shape[1:])]
            high = [low[0] + max(1, self.shape[0] // (2 * count)), *(7 * n // 12 for n in self.shape[1:])]
            block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            ct[block], labels[block] = BONE_HU, number + 1
        ct.flush()
        labels.flush()
