"""Samples to batches: splits by subject, synthetic and on-disk readers, the one preprocess function."""

from synthex.core import to_log
from synthex.data.compose import Fold, Mix, Subset, Take, deal_folds, is_endless, simulated, with_simulated
from synthex.data.dataset import LearningDataset, collate
from synthex.data.export import REQUEST_FILE, Staging, write_folder, write_hdf5
from synthex.data.mirror import mirror, mirrored_order
from synthex.data.mix import AnatomyMix, choose_subject
from synthex.data.normalization import normalize
from synthex.data.on_disk import FolderReader, Hdf5Reader, open_export
from synthex.data.preprocess import PixelMap, fit, preprocess
from synthex.data.replay import InOrder, Replayable
from synthex.data.shards import Parts, Shard, find_shards, finish_shard, open_shards, shard_request
from synthex.data.splits import SPLITS, AnatomySubset, round_robin, split_subjects
from synthex.data.synthetic import ENDLESS, SyntheticReader
from synthex.geometry.resample import resize

__all__ = [
    "ENDLESS",
    "REQUEST_FILE",
    "SPLITS",
    "AnatomyMix",
    "AnatomySubset",
    "Fold",
    "FolderReader",
    "Hdf5Reader",
    "InOrder",
    "LearningDataset",
    "Mix",
    "Parts",
    "PixelMap",
    "Replayable",
    "Shard",
    "Staging",
    "Subset",
    "SyntheticReader",
    "Take",
    "choose_subject",
    "collate",
    "deal_folds",
    "find_shards",
    "finish_shard",
    "fit",
    "is_endless",
    "mirror",
    "mirrored_order",
    "normalize",
    "open_export",
    "open_shards",
    "preprocess",
    "resize",
    "round_robin",
    "shard_request",
    "simulated",
    "split_subjects",
    "to_log",
    "with_simulated",
    "write_folder",
    "write_hdf5",
]
