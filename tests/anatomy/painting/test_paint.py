"""What the painter lays down, where it can be known beforehand."""

import numpy as np
import pytest

from synthex.anatomy.painting import bone_kernel
from synthex.anatomy.painting.noise_kernel import SIZE, noise, noise_table


def _ball(cortex_mm: float, spacing: float = 1.0) -> np.ndarray:
    """HU over water of a ball of 20 mm radius with a shell of 1000 HU and nothing inside."""
    axis = np.arange(-26, 26.5, spacing)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    distance = (np.sqrt(x**2 + y**2 + z**2) - 20).astype(np.float32)
    out = np.zeros(distance.shape, np.float32)
    labels = np.zeros(distance.shape, np.uint8)
    flat = np.zeros((SIZE, SIZE, SIZE), np.float32)
    far = np.full(distance.shape, 99.0, np.float32)
    bone_kernel.paint_bone(
        out, labels, distance, distance, far, np.zeros(3, np.int64), axis[:1].repeat(3), spacing, 1,
        bone_kernel.OTHER, cortex_mm, 1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, np.zeros((5, 3)), 0.0, flat,
    )  # fmt: skip
    assert labels.sum() * spacing**3 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.02)
    return out


@pytest.mark.parametrize("thickness", [1.0, 2.0, 4.0])
def test_a_shell_weighs_what_its_thickness_says(thickness: float) -> None:
    """Also where it is thinner than a voxel. Compact HU rise by a tenth up to 3 mm of thickness."""
    volume = 4 / 3 * np.pi * (20**3 - (20 - thickness) ** 3)
    density = 1000 * (0.9 + 0.1 * min(1.0, thickness / 3))
    assert _ball(thickness).sum() == pytest.approx(volume * density, rel=0.03)


def test_noise_joins_at_its_ends_and_has_unit_variance() -> None:
    table = noise_table(np.random.default_rng(0))
    assert table.std() == pytest.approx(1.0, abs=0.02)
    for u, v, w in ((0.3, 5.2, 9.9), (63.5, 0.1, 31.0)):
        assert noise(table, u, v, w) == pytest.approx(noise(table, u + SIZE, v - SIZE, w + 3 * SIZE), abs=1e-4)
