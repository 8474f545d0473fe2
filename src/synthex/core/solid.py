"""Bodies that are brought into the anatomy: instruments and implants, as closed surfaces."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from synthex.core.transforms import Affine

FaceArray = Int[np.ndarray, "F 3"]
VertexArray = Float[np.ndarray, "V 3"]


@dataclass(frozen=True, eq=False)
class Solid:
    """A closed surface filled with one material, which displaces whatever it lies in.

    Inside is where the surface winds around (winding number other than 0): parts of one solid that overlap are
    one body, and a hollow is a surface turned against the outer one.

    Attributes:
        name: What it is (``guide_wire``); names its mask.
        vertices_world: V x 3, RAS mm.
        faces: F x 3 indices of vertices; closed, either orientation throughout.
        material: A name that :func:`synthex.physics.get_material` knows (``titanium``, ``steel_316l``).
        density_g_cm3: None for the material's own.

    Raises:
        ValueError: Vertices that are not finite, faces of vertices that do not exist, no faces, a surface with
            holes or with triangles that disagree about the outside, a density that is not positive.
    """

    name: str
    vertices_world: VertexArray
    faces: FaceArray
    material: str
    density_g_cm3: float | int | None = None

    def __post_init__(self) -> None:
        vertices = np.array(self.vertices_world, dtype=np.float64)
        faces = np.array(self.faces, dtype=np.int64)
        if not np.isfinite(vertices).all():
            raise ValueError(f"solid {self.name} has vertices that are not finite")
        if not len(faces):
            raise ValueError(f"solid {self.name} has no faces")
        if not (faces.min() >= 0 and faces.max() < len(vertices)):
            raise ValueError(f"solid {self.name} has faces of vertices that do not exist")
        if self.density_g_cm3 is not None and not self.density_g_cm3 > 0:
            raise ValueError(f"solid {self.name} needs a positive density, got {self.density_g_cm3}")
        _check_closed(self.name, faces, len(vertices))
        vertices.setflags(write=False)
        faces.setflags(write=False)
        object.__setattr__(self, "vertices_world", vertices)
        object.__setattr__(self, "faces", faces)

    def moved(self, world_from_solid: Affine) -> "Solid":
        """The same body elsewhere; its vertices are mapped as points."""
        return replace(self, vertices_world=world_from_solid.apply(self.vertices_world))


def _check_closed(name: str, faces: FaceArray, vertices: int) -> None:
    """Every edge is walked as often one way as the other: then the surface has no border and one orientation."""
    start = faces.reshape(-1)
    end = faces[:, (1, 2, 0)].reshape(-1)
    forth = np.sort(start * vertices + end)
    back = np.sort(end * vertices + start)
    if np.array_equal(forth, back):
        return
    _, uses = np.unique(np.minimum(start, end) * vertices + np.maximum(start, end), return_counts=True)
    borders = int((uses % 2 != 0).sum())
    if borders:
        raise ValueError(
            f"solid {name} is not closed: {borders} edges with triangles missing; "
            "fill its holes (and merge vertices that share a position)"
        )
    raise ValueError(f"solid {name} has triangles that disagree about which side is outside; make them consistent")
