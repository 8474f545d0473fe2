"""A sheet of cortex around spongiosa: what a ray sees of it does not depend on the grid."""

import numpy as np
import pytest

from synthex.anatomy.implicit import bone_kernel

CORTEX_MM, CORTICAL_HU, SPONGY_HU = 1.2, 1400.0, 0.0


def excess(spacing, half_mm, normal, offset_mm):
    """Mean HU x mm of bone per mm2 of a sheet through the middle of a 48 mm cube of water."""
    count = int(48 / spacing)
    axis = (np.arange(count) - (count - 1) / 2) * spacing
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    normal = np.asarray(normal) / np.linalg.norm(normal)
    values = (np.abs(points @ normal - offset_mm) - half_mm).astype(np.float32)
    ct, labels = np.zeros(values.shape, np.float32), np.zeros(values.shape, np.uint8)
    corner = np.full(3, axis[0])
    bone_kernel.paint_bone(
        ct, labels, values, np.zeros(3, np.int64), corner, spacing, 3, CORTEX_MM,
        np.zeros((0, bone_kernel.ACCENT_ROW)), np.zeros(9), SPONGY_HU, 0.0, CORTICAL_HU,
        np.zeros((3, 4, 4, 4), np.float32), corner, 50.0,
    )  # fmt: skip
    inner = ct[:, count // 4 : -(count // 4), count // 4 : -(count // 4)]
    # Along i the sheet is seen at the slope of its normal.
    return float(inner.sum() * spacing / (inner.shape[1] * inner.shape[2]) * normal[0])


@pytest.mark.parametrize("normal", [(1.0, 0.0, 0.0), (0.9, 0.4, -0.2)])
@pytest.mark.parametrize("half_mm", [2.0, 3.0, 6.0])
def test_a_line_integral_through_cortex_is_that_of_the_sheet(normal, half_mm):
    exact = 2 * CORTEX_MM * CORTICAL_HU
    offsets = (0.0, 0.37, 0.8)
    fine, coarse = (np.array([excess(s, half_mm, normal, o) for o in offsets]) for s in (1.0, 2.0))
    assert np.abs(fine / exact - 1).max() < 0.04
    assert np.abs(coarse / fine - 1).max() < 0.06


def test_accents_thicken_the_cortex_only_near_their_line():
    row = np.zeros(bone_kernel.ACCENT_ROW)
    row[4:8] = 20.0, 0.0, 0.0, 5.0
    assert bone_kernel._accent(row, 10.0, 0.0, 0.0) == pytest.approx(1.0)
    assert bone_kernel._accent(row, 10.0, 5.0, 0.0) == pytest.approx(np.exp(-1))
    assert bone_kernel._accent(row, 10.0, 0.0, 20.0) == 0.0
