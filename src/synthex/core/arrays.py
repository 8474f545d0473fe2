"""Shape and dtype aliases shared by every package.

Letters: ``I J K`` voxels along the volume's axes, ``H W`` image rows and columns, ``S`` structures,
``L`` landmarks, ``N`` points or solids, ``M`` materials or other quantities, ``B`` batch. World points are
RAS millimetres; image points are (column, row) pixels with pixel centres at +0.5.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Num, UInt8

Matrix4 = Float[np.ndarray, "4 4"]
Matrix3 = Float[np.ndarray, "3 3"]
Point3 = Float[np.ndarray, "3"]
Points3 = Float[np.ndarray, "N 3"]
Points2 = Float[np.ndarray, "N 2"]
Image = Float32[np.ndarray, "H W"]
PixelFlags = Bool[np.ndarray, "H W"]
MaskStack = Bool[np.ndarray, "S H W"]
LevelStack = UInt8[np.ndarray, "S H W"]
PathStack = Float32[np.ndarray, "S H W"]
SolidStack = Float32[np.ndarray, "N H W"]
QuantityStack = Float32[np.ndarray, "M H W"]
Landmarks2 = Float[np.ndarray, "L 2"]
MaskFlags = Bool[np.ndarray, "masks"]
Flags = Bool[np.ndarray, "L"]
VoxelArray = Num[np.ndarray, "I J K"]
HuArray = Int16[np.ndarray, "I J K"]
LabelArray = UInt8[np.ndarray, "I J K"]

__all__ = [
    "Flags",
    "HuArray",
    "Image",
    "LabelArray",
    "Landmarks2",
    "LevelStack",
    "MaskStack",
    "Matrix3",
    "Matrix4",
    "PathStack",
    "PixelFlags",
    "Point3",
    "Points2",
    "Points3",
    "QuantityStack",
    "SolidStack",
    "VoxelArray",
]
