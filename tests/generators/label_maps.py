"""A tiny person as a label map: phantom bones at 4 mm, pairs under one label, and a skin."""

import json
from pathlib import Path

import numpy as np

from synthex.anatomy.io.images import simpleitk
from synthex.anatomy.phantom import PelvisPhantoms

IDS = {"1": "pelvis", "2": "femur", "3": "sacrum", "4": "spine", "5": "gluteus_maximus_muscle"}


def write_label_map(folder: Path, seed: int = 0, body: bool = True, spacing_mm: float = 4.0) -> Path:
    """``labels.nii.gz`` (ids of :data:`IDS`), ``body.nii.gz`` and the names beside the folder."""
    sitk = simpleitk()
    folder.mkdir(parents=True)
    source = PelvisPhantoms(count=1, seed=seed, spacing_mm=spacing_mm)
    anatomy = source.load(source.subject_ids()[0])
    merged = np.array((0, 1, 1, 4, 3, 2, 2), np.uint8)[anatomy.labels.data]
    hu = anatomy.ct.data
    merged[(merged == 0) & (hu > 40) & (hu < 70)] = 5
    files = {"labels": merged} | ({"body": (hu > -300).astype(np.uint8)} if body else {})
    for name, voxels in files.items():
        image = sitk.GetImageFromArray(np.ascontiguousarray(voxels[::-1, ::-1].T))  # LPS
        spacing = [spacing_mm] * 3
        image.SetSpacing(spacing)
        last = anatomy.ct.world_from_ijk.apply(np.array([[*(np.array(hu.shape[:2]) - 1), 0]], dtype=float))[0]
        image.SetOrigin((-last[0], -last[1], last[2]))
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    (folder.parent / f"{folder.name.split('_')[0]}_ids.json").write_text(json.dumps(IDS))
    return folder
