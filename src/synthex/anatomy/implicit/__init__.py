"""Bodies as implicit surfaces on a voxel grid: what the procedural phantoms are made of."""

from synthex.anatomy.implicit.blocks import Block, keep_clear, sample_block
from synthex.anatomy.implicit.solids import Solid, SolidBuilder
from synthex.anatomy.implicit.texture import NOISE_STEP_MM, Texture

__all__ = ["NOISE_STEP_MM", "Block", "Solid", "SolidBuilder", "Texture", "keep_clear", "sample_block"]
