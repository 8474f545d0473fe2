"""A phantom written to disk as a user's CT: NIfTI, label map and landmarks."""

import functools
import shutil
from pathlib import Path

import numpy as np
from generators.ct_files import write_itk

from synthex.anatomy.phantom import PelvisPhantoms
from synthex.core import Anatomy


@functools.cache
def phantom(index: int = 500, spacing_mm: float = 6.0) -> Anatomy:
    """A coarse pelvis, built once."""
    source = PelvisPhantoms(1, spacing_mm=spacing_mm, first=index)
    return source.load(source.subject_ids()[0])


def write_ct_subject(folder: Path, index: int = 500) -> Path:
    """``ct.nii.gz``, ``labels.nii.gz`` in our numbering and ``landmarks.csv`` in one folder."""
    anatomy = phantom(index)
    affine = anatomy.ct.world_from_ijk.matrix
    write_itk(folder / "ct.nii.gz", np.asarray(anatomy.ct.data), affine)
    write_itk(folder / "labels.nii.gz", np.asarray(anatomy.labels.data), affine)
    rows = [f"{name},{x:.4f},{y:.4f},{z:.4f}" for name, (x, y, z) in anatomy.landmarks.items()]
    (folder / "landmarks.csv").write_text("\n".join(["name,x,y,z", *rows]) + "\n", encoding="utf-8")
    return folder


def write_ct_folder(root: Path, subjects: int) -> Path:
    """A folder of subjects: one phantom moved along the head-foot axis is enough for each to be another file."""
    first = write_ct_subject(root / "patient-0")
    for number in range(1, subjects):
        shutil.copytree(first, root / f"patient-{number}")
    return root
