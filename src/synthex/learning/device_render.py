"""Projections on the training device for the workers of a data loader.

A worker makes its samples as ever (scene, view, image formation, augmentation, preprocessing); only the line
integrals, most of the work, come from the training process: the simulator's projector sends what is to be projected
through a pipe, a thread there projects whatever has come in from all workers, one launch a volume, and answers. The
definition of a sample is thereby the same, and training waits no more than for any other data loader: the thread does
little but wait (for pipes and the device, without the GIL), and workers keep batches ready ahead of time.
"""

import copy
import dataclasses
import mmap
import multiprocessing
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch.utils.data import get_worker_info

from synthex.core import Affine, Camera, ConfigError, Solid, Volume
from synthex.data import SyntheticReader
from synthex.projection import HuTable, Projection, project
from synthex.projection.cuda import DeviceVolumes, cuda_device, project_cuda
from synthex.projection.solids import displace, trace_solids

Channels = Float32[np.ndarray, "C H W"]
"""Water, label paths and quantities of one view, in this order."""

PATIENCE_S = 1.0
"""How often a waiting worker looks whether the training process is still there."""


@dataclass(frozen=True)
class VoxelFile:
    """Where the voxels of a memory map are, so that another process can map them too."""

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: str
    fortran: bool

    @classmethod
    def of(cls, data: np.ndarray) -> "VoxelFile | None":
        """The file of a whole read-only memory map; None for any other array."""
        # Views of a map keep its file name and offset, which are not theirs: they have an array for a base.
        if not isinstance(data, np.memmap) or not isinstance(data.base, mmap.mmap) or data.mode != "r":
            return None
        fortran = bool(data.flags.f_contiguous and not data.flags.c_contiguous)
        return cls(str(data.filename), int(data.offset), data.shape, data.dtype.str, fortran)

    def open(self) -> np.ndarray:
        """Map the voxels."""
        order = "F" if self.fortran else "C"
        return np.memmap(self.path, np.dtype(self.dtype), "r", self.offset, self.shape, order)  # type: ignore[call-overload]


@dataclass(frozen=True, eq=False)
class ProjectionRequest:
    """What a worker wants projected.

    Attributes:
        ct: The CT's voxels.
        labels: The labels' voxels; None where no label is wanted.
        world_from_ijk: Of both.
        label_ids: Labels wanted.
        camera: The view.
        table: Quantities per HU, or None.
    """

    ct: VoxelFile
    labels: VoxelFile | None
    world_from_ijk: Affine
    label_ids: tuple[int, ...]
    camera: Camera
    table: HuTable | None

    @property
    def answer_shape(self) -> tuple[int, int, int]:
        """Channels (water, labels, quantities), rows and columns of the answer."""
        quantities = 0 if self.table is None else self.table.quantities
        return 1 + len(self.label_ids) + quantities, self.camera.height, self.camera.width


class DeviceRenderer:
    """Requests to projections on a CUDA device, in a stream of its own.

    Args:
        device: See :func:`synthex.projection.cuda.cuda_device`.
        limit_bytes: See :class:`synthex.projection.cuda.DeviceVolumes`.

    Raises:
        UserError: There is no such CUDA device, or Numba cannot drive it.
    """

    def __init__(self, device: torch.device | str | None = None, limit_bytes: int | None = None) -> None:
        self.device = cuda_device(device)
        self._volumes = DeviceVolumes(limit_bytes)
        self._files: dict[VoxelFile, np.ndarray] = {}
        # Of high priority: a projection is short, and training has the next batches already.
        self._stream = torch.cuda.Stream(self.device, priority=-1) if self.device.type == "cuda" else None

    def __call__(self, requests: Sequence[ProjectionRequest]) -> list[Channels]:
        """Answers in the order of the requests; those on one volume are projected in one launch."""
        together: defaultdict[Any, list[int]] = defaultdict(list)
        for number, request in enumerate(requests):
            rows = None if request.table is None else request.table.values.shape
            size = (request.camera.height, request.camera.width)
            together[request.ct, request.labels, request.label_ids, size, rows].append(number)
        answers: dict[int, Channels] = {}
        with torch.cuda.stream(self._stream):
            # All launches first, so that the device works while the first results are copied.
            launched = [
                (numbers, self._launch([requests[number] for number in numbers])) for numbers in together.values()
            ]
            for numbers, projection in launched:
                answers |= zip(numbers, projection.to_host(), strict=True)
        return [answers[number] for number in range(len(requests))]

    def _launch(self, requests: list[ProjectionRequest]) -> Any:
        first = requests[0]
        ct = Volume(self._open(first.ct), first.world_from_ijk)
        labels = None if first.labels is None else Volume(self._open(first.labels), first.world_from_ijk)
        tables = [request.table for request in requests if request.table is not None]
        cameras = [request.camera for request in requests]
        return project_cuda(
            ct, labels, first.label_ids, cameras, table=tables or None, device=self.device, volumes=self._volumes
        )

    def _open(self, file: VoxelFile) -> np.ndarray:
        # Kept for good, since the device's copy is known by the array; a map takes address space alone.
        if file not in self._files:
            self._files[file] = file.open()
        return self._files[file]


class ProjectionServer:
    """Projects in the training process what workers ask for; a context manager.

    Args:
        workers: Processes of the loader that asks.
        render: Requests, whatever has come in together, to their projections.

    Raises:
        ConfigError: There are no workers to serve.
    """

    def __init__(self, workers: int, render: Callable[[Sequence[ProjectionRequest]], list[Channels]]) -> None:
        if workers < 1:
            raise ConfigError("data.render=device needs loader processes to serve; set data.workers to 1 or more")
        pipes = [multiprocessing.Pipe() for _ in range(workers)]
        self._render, self._ours = render, [ours for ours, _ in pipes]
        self._closed = multiprocessing.Event()
        self._wake, self._woken = multiprocessing.Pipe()
        self._thread = threading.Thread(target=self._serve, name="projections", daemon=True)
        self.projector = WorkerProjector([theirs for _, theirs in pipes], self._closed)
        self.served = 0

    def __enter__(self) -> "ProjectionServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._wake.send(None)
        # Not for good: it may be writing to a worker that is no more.
        self._thread.join(PATIENCE_S)

    def _serve(self) -> None:
        while True:
            ready = wait([self._woken, *self._ours])
            if self._woken in ready:
                return
            asked = [(pipe, pipe.recv()) for pipe in self._ours if pipe in ready]
            try:
                answers = self._render([request for _, (_, request) in asked])
            except Exception as error:  # whatever it is, those who wait must be told, and will raise it
                for pipe, (ticket, _) in asked:
                    pipe.send((ticket, f"{type(error).__name__}: {error}"))
                continue
            for (pipe, (ticket, _)), channels in zip(asked, answers, strict=True):
                # Bare bytes after the ticket: pickled, they would take several times as long.
                pipe.send((ticket, None))
                pipe.send_bytes(np.ascontiguousarray(channels).reshape(-1).data)
            self.served += len(asked)


class WorkerProjector:
    """Stands in for :func:`synthex.projection.project` in the workers of a loader; projects there what it must.

    Not sent to the training process are volumes that are no memory maps (a task may have changed them), which the
    worker projects itself. Solids are the worker's too: what they displace is taken out of the answer. Outside of
    workers (previews, a dataset looked at in the training process) everything is projected on the spot.
    """

    def __init__(self, pipes: list[Connection], closed: Any) -> None:
        self._pipes, self._closed = pipes, closed
        self._tickets = 0

    def __call__(
        self,
        ct: Volume,
        labels: Volume | None,
        label_ids: Sequence[int],
        camera: Camera,
        *,
        table: HuTable | None = None,
        solids: Sequence[Solid] = (),
        threads: int | None = None,
    ) -> Projection:
        """As :func:`synthex.projection.project` with its default backend.

        Raises:
            RuntimeError: The training process is gone, has ended the service, or could not project.
        """
        worker = get_worker_info()
        ct_file = VoxelFile.of(ct.data)
        label_file = VoxelFile.of(labels.data) if labels is not None and label_ids else None
        if worker is None or ct_file is None or (label_file is None and len(label_ids) > 0):
            return project(ct, labels, label_ids, camera, table=table, solids=solids, threads=threads)
        ids = tuple(int(label) for label in label_ids)
        request = ProjectionRequest(ct_file, label_file, ct.world_from_ijk, ids, camera, table)
        channels = self._ask(self._pipes[worker.id], request)
        water, label_path, quantity = channels[0], channels[1 : 1 + len(ids)], channels[1 + len(ids) :]
        solid_path = np.zeros((0, camera.height, camera.width), dtype=np.float32)
        if solids:
            rays = trace_solids(solids, camera)
            water, quantity = displace(water, quantity, rays, ct, camera, table)
            solid_path = rays.path_mm
        return Projection(water, label_path, quantity, solid_path)

    def _ask(self, pipe: Connection, request: ProjectionRequest) -> Channels:
        # A worker that was ended early may have left an answer unread for the next of its number.
        self._tickets += 1
        ticket = (multiprocessing.current_process().pid, self._tickets)
        pipe.send((ticket, request))
        parent = multiprocessing.parent_process()
        while True:
            while not pipe.poll(PATIENCE_S):
                if self._closed.is_set() or (parent is not None and not parent.is_alive()):
                    raise RuntimeError("the training process no longer projects for its loader")
            found, problem = pipe.recv()
            if found == ticket and problem is not None:
                raise RuntimeError(f"the training process could not project: {problem}")
            if found == ticket:
                channels = np.empty(request.answer_shape, dtype=np.float32)
                pipe.recv_bytes_into(channels.reshape(-1).data)
                return channels
            if problem is None:
                pipe.recv_bytes()


def with_projector(reader: SyntheticReader, projector: Callable[..., Projection]) -> SyntheticReader:
    """A reader whose simulator projects with ``projector`` and is the same otherwise.

    Raises:
        ConfigError: The simulator projects by itself.
    """
    simulator: Any = reader.simulator
    if not dataclasses.is_dataclass(simulator) or not hasattr(simulator, "projector"):
        raise ConfigError(
            f"data.render=device: {type(simulator).__name__} does its own projections; use data.render=worker"
        )
    changed = copy.copy(reader)
    changed.simulator = dataclasses.replace(simulator, projector=projector)  # type: ignore[assignment, type-var]
    return changed
