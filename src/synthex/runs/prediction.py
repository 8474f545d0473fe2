"""A model applied to the cases of a reader, as a prediction set."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from synthex.core import ConfigError, Prediction, Reader, Task
from synthex.core.terminal import track
from synthex.data import LearningDataset, collate
from synthex.evaluation import TrivialPredictor, write_prediction_set
from synthex.learning import limit_worker_threads
from synthex.runs.model import Model
from synthex.runs.run import BASELINE_FOLDER

DEVICES = ("auto", "cpu", "cuda")


def predict(
    model: Model,
    reader: Reader,
    output: str | Path,
    *,
    provenance: Mapping[str, str] | None = None,
    baseline: Path | None = None,
    device: str = "auto",
    batch_size: int = 16,
    workers: int = 0,
    probabilities: bool | None = None,
) -> Path:
    """Predict every case of ``reader`` and write the set, and beside it the trivial predictor's if there is one.

    Args:
        model: What answers.
        reader: The cases; their truth is not looked at.
        output: Folder of the set.
        provenance: What is kept with it, beside the model's name and the digest of its weights.
        baseline: File of a :class:`synthex.evaluation.TrivialPredictor`, where it exists.
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_size: Images at once.
        workers: Processes that read images; not more than there are cores.
        probabilities: Whether the probability of each pixel is kept; None leaves it to the task.

    Returns:
        The folder.

    Raises:
        ConfigError: Probabilities are asked for, and the task's predictions have none.
    """
    output, task = Path(output).expanduser(), model.task
    kept = task.protocol.probabilities if probabilities is None else probabilities
    dataset = LearningDataset(reader, model.size, normalization=model.normalization, input_size=model.input_size)
    shapes: dict[str, tuple[int, int]] = {}

    def watched() -> Iterator[Prediction]:
        for found in predictions(model.network, task, dataset, device, batch_size, min(workers, os.cpu_count() or 1)):
            height, width = found.masks.shape[1:]
            shapes[found.case_id] = (height, width)
            if kept and found.probabilities is None:
                raise ConfigError(f"probabilities=true: the task {task.name} gives none")
            yield found

    said = {"weights_sha256": model.version, "run": model.name} if provenance is None else dict(provenance)
    answers = track(watched(), "predicting", len(reader))
    write_prediction_set(output, answers, task.protocol, said, probabilities=kept)
    if baseline is not None and baseline.exists():
        trivial = TrivialPredictor.load(baseline)
        blind = (trivial.answer(case_id, *shape) for case_id, shape in shapes.items())
        write_prediction_set(output / BASELINE_FOLDER, blind, task.protocol, {"baseline": "mean position, mean mask"})
    return output


def predictions(
    network: torch.nn.Module, task: Task, dataset: LearningDataset, device: str, batch_size: int, workers: int
) -> Iterator[Prediction]:
    """Predictions of a dataset, in order."""
    if device not in DEVICES:
        raise ConfigError(f"device={device}: choose one of {', '.join(DEVICES)}")
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else torch.device(device)
    network = network.to(where)
    loader: DataLoader[Any] = DataLoader(
        dataset, batch_size, num_workers=workers, collate_fn=collate, worker_init_fn=limit_worker_threads
    )
    for batch in loader:
        with torch.inference_mode():
            outputs = network(batch["image"].to(where))
        yield from task.decode({name: value.float().cpu() for name, value in outputs.items()}, batch)
