"""Every shipped source of anatomies keeps the AnatomySource contract."""

import pickle

import numpy as np
import pytest
from generators.ct_subjects import write_ct_folder
from generators.meshes import write_toy_pelvis

from synthex.anatomy.cache import PreparedAnatomies
from synthex.anatomy.chest_phantom import ChestPhantoms
from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.meshes import MeshFolder
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.anatomy.variants import VariedAnatomies
from synthex.core import AnatomySource
from synthex.data import AnatomySubset

KINDS = ("phantoms", "chests", "ct", "meshes", "variants", "prepared", "subset")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_ct_folder(folder / "cts", 2)
    write_toy_pelvis(folder / "bones")
    return folder


def make(kind, files, changed=False):
    """A source, and the same with one parameter changed that changes what it loads."""
    if kind == "phantoms":
        return PelvisPhantoms(2, seed=int(changed), spacing_mm=8.0)
    if kind == "chests":
        return ChestPhantoms(2, seed=int(changed), spacing_mm=8.0)
    if kind == "ct":
        return CtFolder(files / "cts", structures="all" if changed else "hip")
    if kind == "meshes":
        return MeshFolder(files / "bones", spacing_mm=8.0, seed=int(changed))
    inner = make("ct", files)
    if kind == "variants":
        return VariedAnatomies(inner, variants=2, seed=int(changed), keep_original=False)
    if kind == "prepared":
        return PreparedAnatomies(inner, files / "cache", 9.0 if changed else 8.0)
    return AnatomySubset(make("ct", files, changed), inner.subject_ids()[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind, files):
    source, again = make(kind, files), make(kind, files)
    assert isinstance(source, AnatomySource)
    ids = source.subject_ids()
    assert ids
    assert len(set(ids)) == len(ids)
    assert ids == source.subject_ids() == again.subject_ids()
    name = ids[-1]
    prints = [source.fingerprint(subject) for subject in ids]
    assert prints == [again.fingerprint(subject) for subject in ids]
    assert len(set(prints)) == len(ids)
    one, other = source.load(name), pickle.loads(pickle.dumps(again)).load(name)
    assert one.subject_id == other.subject_id == name
    assert np.array_equal(one.ct.data, other.ct.data)
    assert np.array_equal(one.labels.data, other.labels.data)
    assert np.array_equal(one.ct.world_from_ijk.matrix, other.ct.world_from_ijk.matrix)
    assert one.landmarks.keys() == other.landmarks.keys()
    assert all(np.array_equal(point, other.landmarks[key]) for key, point in one.landmarks.items())
    assert dict(one.structures) == dict(other.structures)
    assert one.absent == other.absent
    assert source.fingerprint(name) == prints[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_parameter_changes_the_fingerprint(kind, files):
    name = make(kind, files).subject_ids()[-1]
    assert make(kind, files).fingerprint(name) != make(kind, files, changed=True).fingerprint(name)


@pytest.mark.parametrize(("kind", "file"), [("ct", "cts/patient-1/ct.nii.gz"), ("meshes", "bones/sacrum.ply")])
def test_a_changed_file_changes_the_fingerprint(kind, file, files):
    name = make(kind, files).subject_ids()[-1]
    before = make(kind, files).fingerprint(name)
    original = (files / file).read_bytes()
    (files / file).write_bytes(original + b"\n")
    assert make(kind, files).fingerprint(name) != before
    (files / file).write_bytes(original)
