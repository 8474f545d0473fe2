"""A model in other forms: one ONNX file, or one program of ``torch.export``, that holds the whole way to the answer.

Both take a radiograph of any size and its pixel pitch, and give landmarks and masks in its own pixels
(:mod:`synthex.runs.export_graph`).
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

import synthex
from synthex.core import ConfigError, atomic_path
from synthex.runs.export_graph import ExportedModel
from synthex.runs.model import Model

ONNX, PROGRAM = ".onnx", ".pt2"

METADATA = "synthex"
"""Key that what a file does not say of itself is kept under, as JSON; see :func:`described`."""

INPUTS = ("image", "pixel_mm")

_EXAMPLE = (96, 80)
"""Rows and columns of the image that the graph is recorded with; any differing numbers do."""
_LONGEST = 65535


def described(model: Model, graph: ExportedModel) -> dict[str, Any]:
    """What whoever runs an exported model has to know: names in the order of its outputs, where it came from."""
    names = model.task.vocabulary
    return {
        "name": model.name,
        "version": model.version,
        "task": model.task.name,
        "inputs": list(INPUTS),
        "outputs": list(graph.outputs),
        "landmarks": list(names.landmarks),
        "structures": list(names.structures),
        "image": "float32, rows x columns, bone bright",
        "pixel_mm": "float64, mm at the detector; 0 where unknown",
        "made_with": f"synthex {synthex.__version__}",
    }


def export_onnx(model: Model, path: str | Path) -> Path:
    """Write a model as one ONNX file.

    Args:
        model: The model; on the CPU.
        path: The file, ``….onnx``. Its metadata has :func:`described` as JSON under ``synthex``.

    Raises:
        ConfigError: The model cannot be exported, the file has another ending, or a package is missing.
    """
    path = _ending(path, ONNX)
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise ConfigError(f"format=onnx needs the package {package}: pip install 'synthex[onnx]'")
    graph, program = _record(model)
    with _quiet():
        made: Any = torch.onnx.export(
            program,
            dynamo=True,
            input_names=list(INPUTS),
            output_names=list(graph.outputs),
            opset_version=20,
            verbose=False,
        )
    made.model.producer_name, made.model.producer_version = "synthex", synthex.__version__
    made.model.metadata_props[METADATA] = json.dumps(described(model, graph))
    with atomic_path(path) as temporary:
        made.save(temporary, external_data=False)
    return path


def export_program(model: Model, path: str | Path) -> Path:
    """Write a model as a program of ``torch.export``, which :func:`torch.export.load` opens without synthex.

    Args:
        model: The model; on the CPU.
        path: The file, ``….pt2``. It has :func:`described` as JSON in the extra file ``synthex``.

    Raises:
        ConfigError: The model cannot be exported, or the file has another ending.
    """
    path = _ending(path, PROGRAM)
    graph, program = _record(model)
    with _quiet(), atomic_path(path) as temporary:
        torch.export.save(program, temporary, extra_files={METADATA: json.dumps(described(model, graph))})
    return path


def _record(model: Model) -> tuple[ExportedModel, torch.export.ExportedProgram]:
    graph = ExportedModel(model).eval()
    sides = [torch.export.Dim(name, min=2, max=_LONGEST) for name in ("height", "width")]
    example = (torch.rand(_EXAMPLE), torch.tensor(0.0, dtype=torch.float64))
    with _quiet(), torch.no_grad():
        program = torch.export.export(
            graph, example, dynamic_shapes={"image": dict(enumerate(sides)), "pixel_mm": None}, strict=False
        )
    return graph, program


def _ending(path: str | Path, ending: str) -> Path:
    path = Path(path)
    if path.suffix != ending:
        raise ConfigError(f"output={path.name}: this format is one file; give a name that ends in {ending}")
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """What the exporters say of their own insides is no news to whoever exports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
