"""Bodies that are brought into the anatomy: instruments and implants, as closed surfaces."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

FaceArray = Int[np.ndarray, "F 3"]
VertexArray = Float[np.ndarray, "V 3"]


@dataclass(frozen=True, eq=False)
class Solid:
    """A closed surface filled with one material, which displaces whatever it lies in.

    Attributes:
        name: What it is (``guide_wire``); names its mask.
        vertices_world: V x 3, RAS mm.
        faces: F x 3 indices of vertices; closed, either orientation throughout.
        material: A name that :func:`synthex.physics.get_material` knows (``titanium``, ``steel_316l``).
        density_g_cm3: None for the material's own.
    """

    name: str
    vertices_world: VertexArray
    faces: FaceArray
    material: str
    density_g_cm3: float | None = None

    def __post_init__(self) -> None:
        vertices = np.array(self.vertices_world, dtype=np.float64)
        faces = np.array(self.faces, dtype=np.int64)
        if not np.isfinite(vertices).all():
            raise ValueError(f"solid {self.name} has vertices that are not finite")
        if len(faces) and not (faces.min() >= 0 and faces.max() < len(vertices)):
            raise ValueError(f"solid {self.name} has faces of vertices that do not exist")
        if self.density_g_cm3 is not None and not self.density_g_cm3 > 0:
            raise ValueError(f"solid {self.name} needs a positive density, got {self.density_g_cm3}")
        vertices.setflags(write=False)
        faces.setflags(write=False)
        object.__setattr__(self, "vertices_world", vertices)
        object.__setattr__(self, "faces", faces)
