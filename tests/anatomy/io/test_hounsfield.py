"""Volumes whose offset was applied twice or never are no CTs, and the message says which."""

import numpy as np
import pytest
from generators.ct_files import ras_affine, write_itk

from synthex.anatomy.io import read_ct
from synthex.core import InputError


def body(seed: int = 0) -> np.ndarray:
    """HU of a thigh in air: skin and fat, muscle, a bone, noise."""
    i, j, _ = np.mgrid[:40, :40, :12]
    radius = np.hypot(i - 19.5, j - 19.5)
    values = np.select([radius < 3, radius < 5, radius < 13, radius < 16], [200, 1600, 50, -100], -1000)
    return values + np.random.default_rng(seed).integers(-24, 25, values.shape)


def padded(values: np.ndarray, padding: int) -> np.ndarray:
    i, j, _ = np.indices(values.shape)
    return np.where(np.hypot(i - 19.5, j - 19.5) > 20, padding, values)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (body(), ""),
        (padded(body(), -2048), ""),
        (padded(body(), -3024), ""),
        (np.where(body() < -800, 0, body()), ""),  # masked
        (body() - 24, ""),
        (body() - 1024, "applied twice"),
        (padded(body() - 1024, -2048), "applied twice"),
        (padded(body() - 1024, -4000), "applied twice"),
        (np.maximum(body() - 1024, -1024), "applied twice"),
        (body() + 1024, "not HU"),
        (padded(body() + 1024, -2000), "never applied"),
        (padded(body() + 1024, -2048), "never applied"),
        (padded(body() + 1000, -1000), "never applied"),
        (body() / 1000, "not HU"),
        (0.02 * (1 + body() / 1000), "not HU|empty"),
    ],
)
def test_where_soft_tissue_lies(tmp_path, values, kind, suffix, said):
    path = write_itk(tmp_path / f"ct{suffix}", values.astype(kind), ras_affine())
    if not said:
        wanted = np.clip(values.astype(kind), -1024, None)
        assert np.array_equal(read_ct(path).data, wanted)
        return
    with pytest.raises(InputError, match=said) as caught:
        read_ct(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.slow
def test_real_cts_and_what_they_become(shared_data):
    import SimpleITK

    from synthex.anatomy.io.ct import _doubt

    for path in (*sorted((shared_data / "anatomy" / "ct").rglob("*.nii.gz")), shared_data / "pelvis_ct" / "ct.nii.gz"):
        values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).astype(np.float32)
        assert not _doubt(values), path
        if "bones" not in path.name:
            assert "twice" in _doubt(values - 1024), path
            assert "never" in _doubt(values + 1024), path
