"""Seeded damage to every archive: an error of one line, or the samples of the undamaged one; nothing else."""

import re
import shutil
import time

import numpy as np
import pytest
from generators.damage import damage
from generators.plain_files import SECRETS, write_plain_folder
from generators.real_archives import (
    write_covid_cxr,
    write_deepfluoro,
    write_hip_folders,
    write_hip_pair,
    write_qata,
)
from generators.tool_archive import write_tool_part

from synthex.core import ConfigError, InputError
from synthex.data.real import CovidCxr, DeepFluoro, HipFolders, HipStudy, PlainFolder, QataCov19, ToolFolders

VARIANTS, MORE_VARIANTS = 45, 200
"""Seeds of every run, and of the slow one."""

READERS = {
    "covid_cxr": (write_covid_cxr, CovidCxr),
    "covid_cxr_folds": (write_covid_cxr, lambda root: CovidCxr(root, fold=0, split="train")),
    "qata": (lambda root: write_qata(root) / "QaTa-COV19", QataCov19),
    "hip_study": (write_hip_pair, HipStudy),
    "hip_preprocessed": (lambda root: write_hip_pair(root, combined=True), HipStudy),
    "hip_folders": (lambda root: write_hip_folders(root) / "valid_data", HipFolders),
    "deepfluoro": (lambda root: write_deepfluoro(root / "file.h5", specimens=(0,)), DeepFluoro),
    "tool_folders": (lambda root: write_tool_part(root / "test", 3), ToolFolders),
    "plain_csv": (write_plain_folder, lambda root: PlainFolder(root, "annotations.csv")),
    "plain_coco": (write_plain_folder, lambda root: PlainFolder(root, "coco.json")),
}


def read(opened, root):
    """Every case, or the error's text."""
    try:
        reader = opened(root)
    except (InputError, ConfigError) as error:
        return str(error), {}
    samples = {}
    message = ""
    for index, case in enumerate(reader.case_ids()):
        try:
            samples[case] = reader[index]
        except (InputError, ConfigError) as error:
            message = str(error)
    return message, samples


def same(one, other):
    """Whether two samples are one; numbers of type float16 or int are not made by any damage."""
    return (
        one.image.shape == other.image.shape
        and np.array_equal(one.image, other.image)
        and np.array_equal(one.masks, other.masks)
        and np.array_equal(one.landmarks, other.landmarks, equal_nan=True)
        and np.array_equal(one.annotated, other.annotated)
        and (one.subject_id, one.pixel_mm, one.domain, one.magnification)
        == (other.subject_id, other.pixel_mm, other.domain, other.magnification)
        and dict(one.record) == dict(other.record)
    )


@pytest.mark.parametrize("name", READERS)
def test_damaged_archives_are_refused_or_read_right(name, tmp_path):
    refused_or_right(name, tmp_path, range(VARIANTS))


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_two_hundred_damaged_variants(name, tmp_path):
    refused_or_right(name, tmp_path, range(VARIANTS, MORE_VARIANTS))


def refused_or_right(name, tmp_path, seeds):
    """Damage an archive once a seed; what can be read afterwards is what was there."""
    write, opened = READERS[name]
    whole = write(tmp_path / "whole")
    message, wanted = read(opened, whole)
    assert not message
    refused = 0
    for seed in seeds:
        copy = tmp_path / "copy" / whole.name
        shutil.rmtree(copy.parent, ignore_errors=True)
        copy.parent.mkdir()
        shutil.copytree(whole, copy) if whole.is_dir() else shutil.copy(whole, copy)
        how = f"seed {seed}, {damage(copy, np.random.default_rng(seed))}"
        start = time.monotonic()
        message, samples = read(opened, copy)
        assert time.monotonic() - start < 5, how
        assert "\n" not in message, how
        if name.startswith("plain"):
            quoted = re.sub(r"\S*/smith-[12].dcm", "", message)  # the file at fault is named, nothing that it holds
            assert not any(secret in quoted for secret in SECRETS), how
        if not message:
            # Nothing may be lost without a word.
            assert sorted(samples) == sorted(wanted), how
        for case, sample in samples.items():
            assert same(sample, wanted[case]), f"{how}: {case} is another"
        refused += bool(message)
    assert refused > len(seeds) // 4
