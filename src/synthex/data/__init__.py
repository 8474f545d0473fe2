"""Samples to batches: splits by subject, synthetic and on-disk readers, the one preprocess function."""

from synthex.core import to_log
from synthex.data.dataset import LearningDataset, collate
from synthex.data.export import REQUEST_FILE, Staging, write_folder, write_hdf5
from synthex.data.folds import (
    Fold,
    folds_from_csv,
    folds_from_json,
    folds_to_csv,
    folds_to_json,
    given_folds,
    k_folds,
    leave_one_out,
    with_validation,
)
from synthex.data.mirror import mirror, mirrored_order
from synthex.data.mix import Mix, choose_subject
from synthex.data.normalization import normalize
from synthex.data.on_disk import FolderReader, Hdf5Reader, open_export
from synthex.data.preprocess import PixelMap, fit, preprocess
from synthex.data.shards import Parts, Shard, find_shards, finish_shard, open_shards, shard_request
from synthex.data.some_cases import SomeCases
from synthex.data.splits import SPLITS, Subset, round_robin, split_subjects
from synthex.data.synthetic import ENDLESS, SyntheticReader
from synthex.geometry.resample import resize

__all__ = [
    "ENDLESS",
    "REQUEST_FILE",
    "SPLITS",
    "Fold",
    "FolderReader",
    "Hdf5Reader",
    "LearningDataset",
    "Mix",
    "Parts",
    "PixelMap",
    "Shard",
    "SomeCases",
    "Staging",
    "Subset",
    "SyntheticReader",
    "choose_subject",
    "collate",
    "find_shards",
    "finish_shard",
    "fit",
    "folds_from_csv",
    "folds_from_json",
    "folds_to_csv",
    "folds_to_json",
    "given_folds",
    "k_folds",
    "leave_one_out",
    "mirror",
    "mirrored_order",
    "normalize",
    "open_export",
    "open_shards",
    "preprocess",
    "resize",
    "round_robin",
    "shard_request",
    "split_subjects",
    "to_log",
    "with_validation",
    "write_folder",
    "write_hdf5",
]
