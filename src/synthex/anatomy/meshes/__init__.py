"""Anatomy from surfaces: a folder of named bone meshes becomes a voxel subject."""

from synthex.anatomy.meshes.loading import Surface, read_surface
from synthex.anatomy.meshes.painted import PaintedMeshes
from synthex.anatomy.meshes.source import MeshFolder
from synthex.anatomy.meshes.voxelise import inside, signed_distance

__all__ = ["MeshFolder", "PaintedMeshes", "Surface", "inside", "read_surface", "signed_distance"]
