"""The vocabulary: value types, errors, seeds and files that every other package speaks in."""

from synthex.core.anatomy import Anatomy, Scene, Volume
from synthex.core.camera import Camera
from synthex.core.cells import safe_cell, text_of_cell
from synthex.core.errors import ConfigError, InputError, MissingExtraError, UserError
from synthex.core.files import atomic_path, check_name, inside, write_json, write_text
from synthex.core.kernel_cache import follow
from synthex.core.nearest import nearest
from synthex.core.optional import optional_import
from synthex.core.protocols import (
    AnatomySource,
    Augmentation,
    DistanceGate,
    EvalProtocol,
    Reader,
    Rendering,
    Simulator,
    Targets,
    Task,
    Vocabulary,
)
from synthex.core.relabelled import Relabelled
from synthex.core.sample import Domain, Prediction, Radiograph, Sample, to_log
from synthex.core.seeds import derive_rng, derive_seed
from synthex.core.solid import Solid
from synthex.core.transforms import Affine, Rigid
from synthex.core.trusted import check_stored, check_target, installed_conf, targets_in, trust, trust_file

__all__ = [
    "Affine",
    "Anatomy",
    "AnatomySource",
    "Augmentation",
    "Camera",
    "ConfigError",
    "DistanceGate",
    "Domain",
    "EvalProtocol",
    "InputError",
    "MissingExtraError",
    "Prediction",
    "Radiograph",
    "Reader",
    "Relabelled",
    "Rendering",
    "Rigid",
    "Sample",
    "Scene",
    "Simulator",
    "Solid",
    "Targets",
    "Task",
    "UserError",
    "Vocabulary",
    "Volume",
    "atomic_path",
    "check_name",
    "check_stored",
    "check_target",
    "derive_rng",
    "derive_seed",
    "follow",
    "inside",
    "installed_conf",
    "nearest",
    "optional_import",
    "safe_cell",
    "targets_in",
    "text_of_cell",
    "to_log",
    "trust",
    "trust_file",
    "write_json",
    "write_text",
]
