"""A model in the layout of a MONAI bundle: ``configs``, ``models`` and ``docs``, as MONAI's tools expect them.

The layout and the keys of ``metadata.json`` are those of the MONAI Bundle Specification
(docs.monai.io/en/latest/mb_specification.html). ``models/model.pt`` has the network's weights alone, which the
specification demands; what ``configs/inference.json`` runs is the program that
:func:`synthex.runs.export.export_program` writes, so that neither MONAI nor whoever gets the bundle needs synthex.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthex.core import atomic_path, write_json, write_text
from synthex.runs.export import described, export_program
from synthex.runs.export_graph import ExportedModel
from synthex.runs.model import Model
from synthex.runs.package import summary

MONAI_VERSION = "1.6.1"
"""That bundles are written for; later ones are expected to work."""

_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20220324.json"

INFERENCE: dict[str, Any] = {
    "imports": ["$import glob", "$import json", "$import pathlib", "$import torch"],
    "bundle_root": ".",
    "device": "cpu",
    "dataset_dir": "$@bundle_root + '/images'",
    "output": "$@bundle_root + '/landmarks.json'",
    "pixel_mm": 0.0,
    "names": "$json.loads(pathlib.Path(@bundle_root + '/configs/metadata.json').read_text())['synthex']",
    "network_def": "$torch.export.load(@bundle_root + '/models/model.pt2').module()",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {
                "_target_": "LoadImage",
                "image_only": True,
                "reader": "PILReader",
                "reverse_indexing": False,
                "converter": "$lambda image: image.convert('F')",
            }
        ],
    },
    "files": "$sorted(glob.glob(@dataset_dir + '/*.png'))",
    "dataset": {"_target_": "Dataset", "data": "@files", "transform": "@preprocessing"},
    "inferer": {"_target_": "SimpleInferer"},
    "pitch": "$torch.tensor(float(@pixel_mm), dtype=torch.float64)",
    "answers": (
        "$[dict(zip(@names['outputs'], @inferer(image.as_tensor(), @network_def, @pitch))) for image in @dataset]"
    ),
    "run": [
        "$pathlib.Path(@output).write_text(json.dumps([{name: values.tolist() for name, values in answer.items()"
        " if name != 'masks'} for answer in @answers]))"
    ],
}
"""Takes PNG with bone bright, writes landmarks; masks are in ``answers`` for whoever goes on from there."""


def export_monai(model: Model, folder: str | Path, card: str, licence: str) -> Path:
    """Write a model as a MONAI bundle.

    Args:
        model: The model; on the CPU.
        folder: The bundle, made or overwritten.
        card: Markdown: what the model is.
        licence: Its licence, in words.

    Raises:
        ConfigError: The model cannot be exported.
    """
    folder = Path(folder)
    export_program(model, folder / "models" / "model.pt2")
    with atomic_path(folder / "models" / "model.pt") as path:
        torch.save(dict(model.network.state_dict()), path)
    write_json(folder / "configs" / "metadata.json", metadata(model, card, licence))
    write_json(folder / "configs" / "inference.json", INFERENCE)
    write_text(folder / "docs" / "README.md", card)
    write_text(folder / "docs" / "license.txt", licence)
    return folder


def metadata(model: Model, card: str, licence: str) -> dict[str, Any]:
    """The bundle's ``metadata.json``; ``synthex`` in it is our own key (:func:`synthex.runs.export.described`)."""
    about = described(model, ExportedModel(model))
    landmarks, structures = about["landmarks"], about["structures"]
    outputs: dict[str, dict[str, Any]] = {}
    if landmarks:
        names = {str(index): name for index, name in enumerate(landmarks)}
        outputs["landmarks"] = _tensor("tuples", "points", len(landmarks), [2], "float32", names)
        outputs["confidence"] = _tensor("probabilities", "classes", len(landmarks), [1], "float32", names, [0, 1])
        outputs["present"] = _tensor("probabilities", "classes", len(landmarks), [1], "bool", names, [0, 1])
    if structures:
        names = {str(index): name for index, name in enumerate(structures)}
        outputs["masks"] = _tensor("image", "classes", len(structures), ["*", "*"], "bool", names, [0, 1])
    image = _tensor("image", "magnitude", 1, ["*", "*"], "float32", {"0": "radiograph, bone bright"})
    pitch = _tensor("tuples", "raw", 1, [], "float64", {"0": "mm at the detector, 0 where unknown"})
    return {
        "schema": _SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported from weights {model.version}"},
        "monai_version": MONAI_VERSION,
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": np.__version__,
        "optional_packages_version": {},
        "required_packages_version": {},
        "name": model.name,
        "task": summary(card) or model.task.name,
        "description": summary(card) or model.task.name,
        "authors": about["made_with"],
        "copyright": licence.splitlines()[0] if licence else "",
        "data_type": "radiographs",
        "intended_use": "research; not a medical device",
        "network_data_format": {"inputs": {"image": image, "pixel_mm": pitch}, "outputs": outputs},
        "synthex": about,
    }


def _tensor(
    kind: str,
    content: str,
    channels: int,
    shape: list[Any],
    dtype: str,
    names: dict[str, str],
    values: list[float] | None = None,
) -> dict[str, Any]:
    return {
        "type": kind,
        "format": content,
        "modality": "XR",
        "num_channels": channels,
        "spatial_shape": shape,
        "dtype": dtype,
        "value_range": values or [],
        "is_patch_data": False,
        "channel_def": names,
    }
