"""A trained model that answers: loaded from a run, a checkpoint or a package, asked about radiographs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthex.core import ConfigError, Domain, InputError, Task, Vocabulary
from synthex.data import collate, mirrored_order, preprocess
from synthex.data.preprocess import Normalization
from synthex.data.real import RadiographFile, known_meaning, read_radiographs
from synthex.nn import CoarseToFine, MirrorAveraged, PoseAveraged
from synthex.nn.closer import FACTOR
from synthex.runs.answer import Answer, landmarks_of
from synthex.runs.package import find_model

FIELD_MM = 350.0
"""Longer side at the detector of a radiograph that does not say its pitch: between a C-arm's field (230 to 300 mm) and
a film of the pelvis (430 mm). It decides only how wide a peak of a heatmap is expected to be. Our choice."""


@dataclass(frozen=True, eq=False)
class Model:
    """A network and all that is needed to ask it.

    Attributes:
        task: What it is for: names, decoding.
        network: Takes (B, 1, N, N) images, in evaluation mode.
        size: Pixels of the resampled image along its longer side.
        normalization: See :func:`synthex.data.preprocess.preprocess`.
        input_size: Side of the network input.
        name: Of the run or package.
        version: Digest of its weights, short.
    """

    task: Task
    network: torch.nn.Module
    size: int
    normalization: Normalization
    input_size: int
    name: str
    version: str

    @property
    def way(self) -> str:
        """How it is asked, beside its weights: over which images it averages, and whether a prior corrects it."""
        part: torch.nn.Module | None = self.network
        parts = []
        while part is not None:
            parts.append(type(part).__name__)
            part = getattr(part, "network", None)
        return " ".join((*parts, "prior" if getattr(self.task.decode, "correct", None) else "alone"))

    def predict(
        self, radiograph: np.ndarray | str | Path, *, pixel_mm: float | None = None, meaning: str | None = None
    ) -> Answer:
        """The answer to one radiograph.

        Args:
            radiograph: H x W values, or the path of a file with one radiograph.
            pixel_mm: Pitch at the detector, mm, where the file does not say it; None: unknown.
            meaning: What the values mean, ``log`` (bone bright), ``intensity`` (linear, bone dark) or ``inverted``
                (bone dark); None: as a DICOM file says, else bone bright.

        Raises:
            InputError: The file cannot be read or holds several radiographs.
            ConfigError: ``meaning`` is none of these, or the array is no grey image.
        """
        if isinstance(radiograph, np.ndarray):
            return self.answer(_from_array(radiograph, meaning), pixel_mm)
        path = Path(radiograph).expanduser()
        found = self.predict_all(path, pixel_mm=pixel_mm, meaning=meaning)
        first = next(found)
        if next(found, None) is not None:
            raise InputError(path, "holds several radiographs", "use predict_all, which answers each of them")
        return first

    def predict_all(
        self, path: str | Path, *, pixel_mm: float | None = None, meaning: str | None = None
    ) -> Iterator[Answer]:
        """Answers to all radiographs of a file (frames, pages), or of the files below a folder, one at a time.

        Raises:
            InputError: A file cannot be read, or there is none.
        """
        for found in read_radiographs(path, meaning):
            yield self.answer(found, pixel_mm)

    def answer(self, found: RadiographFile, pixel_mm: float | None = None) -> Answer:
        """The answer to a radiograph that has been read (:func:`synthex.data.real.read_radiographs`)."""
        height, width = found.image.shape
        pitch = found.pixel_mm or pixel_mm
        sample = found.sample(pitch or FIELD_MM / max(height, width))
        tensors, where = preprocess(sample, self.size, self.normalization, self.input_size)
        batch = collate([tensors | {"case_id": sample.case_id, "native": where}])
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            outputs = self.network(batch["image"].to(device))
        (said,) = self.task.decode({name: value.float().cpu() for name, value in outputs.items()}, batch)
        names = self.task.vocabulary
        return Answer(
            landmarks=landmarks_of(names.landmarks, said.landmarks, said.confidence, said.present),
            masks=dict(zip(names.structures, said.masks, strict=True)),
            image=found.image,
            pixel_mm=pitch,
            file=None if found.path == _ARRAY else found.path,
            frame=found.frame,
        )


def load(
    source: str | Path,
    device: str = "cpu",
    *,
    prior: bool | None = None,
    mirrored: bool | None = None,
    posed: bool | None = None,
) -> Model:
    """The model of a run's folder, of a checkpoint in one, of a package, or of the zoo by its name.

    Nothing in the files is executed; they name only code that is trusted (:mod:`synthex.core.trusted`).

    Args:
        source: The folder, the file or the name.
        device: As PyTorch names it.
        prior: Whether answers are held against what is known of all landmarks together; None: as the model says.
        mirrored: Whether answers are averaged over the mirror image; None: as the model says.
        posed: Whether answers are averaged over small turns and scales; None: as the model says.

    Raises:
        InputError: There is no such model, or it is damaged.
        ConfigError: ``prior`` is given for a task that has none.
    """
    files = find_model(source)
    if prior is not None:
        files = replace(files, config=with_prior(files.config, prior))
    task = files.task()
    network = averaged(
        files.network(task),
        task.vocabulary,
        mirrored=files.mirror_averaged if mirrored is None else mirrored,
        posed=files.pose_averaged if posed is None else posed,
    )
    data = files.data
    model = Model(
        task=task,
        network=network,
        size=int(data["size"]),
        normalization=data["normalization"],
        input_size=int(data.get("input_size") or data["size"]),
        name=files.name,
        version=files.version,
    )
    model = looking_closer(model, files.closer)
    return replace(model, network=model.network.to(torch.device(device)).eval())


def looking_closer(model: Model, landmarks: Any) -> Model:
    """The model with a second look at these landmarks (:class:`synthex.nn.CoarseToFine`); as it is if there are none.

    Raises:
        ConfigError: Its task has no such landmark.
    """
    channels = channels_of(landmarks, model.task)
    if not channels:
        return model
    network = CoarseToFine(model.network, channels).eval()
    return replace(model, network=network, size=FACTOR * model.size, input_size=FACTOR * model.input_size)


def channels_of(landmarks: Any, task: Task) -> list[int]:
    """Numbers of a task's landmarks, for ``closer``, which may come from a file.

    Raises:
        ConfigError: It has no such landmark.
    """
    known = task.vocabulary.landmarks
    listed = isinstance(landmarks, list | tuple)
    if not listed or len({*map(str, landmarks)}) < len(landmarks) or any(name not in known for name in landmarks):
        choice = f"of {', '.join(known)}" if known else "and this task has none"
        raise ConfigError(f"closer={landmarks}: give a list of landmarks of the task, each once, {choice}")
    return [known.index(name) for name in landmarks]


def with_prior(config: Mapping[str, Any], prior: bool) -> dict[str, Any]:
    """A model's settings with ``task.prior``.

    Raises:
        ConfigError: Its task has none.
    """
    if "prior" not in config["task"] and config["task"].get("_target_") != "synthex.tasks.hip_landmarks.build":
        raise ConfigError(f"prior={str(prior).lower()}: this model's task has no prior; leave it out")
    return {**config, "task": {**config["task"], "prior": prior}}


def with_read_out(config: Mapping[str, Any], rule: str) -> dict[str, Any]:
    """A model's settings with ``task.read_out``.

    Raises:
        ConfigError: Its task is read in one way only.
    """
    if config["task"].get("_target_") not in READ_IN_TWO_WAYS:
        raise ConfigError(f"read_out={rule}: this model's task is read in one way; leave it out")
    return {**config, "task": {**config["task"], "read_out": rule}}


READ_IN_TWO_WAYS = ("synthex.tasks.hip_landmarks.build", "synthex.tasks.tool_detection.build")


def averaged(network: torch.nn.Module, names: Vocabulary, *, mirrored: bool, posed: bool) -> torch.nn.Module:
    """The network in evaluation mode, asked about the mirror image too, and about small turns and scales of both.

    See :class:`synthex.nn.MirrorAveraged` and :class:`synthex.nn.PoseAveraged`.
    """
    if mirrored:
        network = MirrorAveraged(
            network,
            mirrored_order(names.structures, names.structure_pairs),
            mirrored_order(names.landmarks, names.landmark_pairs),
        )
    return (PoseAveraged(network) if posed else network).eval()


_ARRAY = Path()


def _from_array(image: np.ndarray, meaning: str | None) -> RadiographFile:
    if image.ndim != 2 or min(image.shape) < 2 or not (np.issubdtype(image.dtype, np.number) or image.dtype == bool):
        raise ConfigError(f"a radiograph is an array of rows and columns of numbers, got {image.dtype} {image.shape}")
    values = image.astype(np.float32)
    if not np.isfinite(values).all():
        raise ConfigError("the radiograph has values that are not finite")
    chosen = known_meaning(meaning)
    if chosen == "inverted":
        values = np.float32(values.min() + values.max()) - values
    domain: Domain = "intensity" if chosen == "intensity" else "log"
    return RadiographFile(_ARRAY, 0, values, domain, None)
