"""The projector on a CUDA device: voxels stay there, a batch of views is one launch, results are torch tensors."""

import contextlib
import functools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from synthex.core import Camera, ConfigError, MissingExtraError, Volume
from synthex.projection.hu_table import FIRST_HU, HuTable
from synthex.projection.projector import _check
from synthex.projection.rays import IndexRays

MAX_VOXELS = 2**31
"""The kernel indexes voxels with 32 bits."""
MAX_VIEWS = 65535
"""Blocks along the third axis of a launch (CUDA C++ Programming Guide, compute capabilities)."""


@dataclass(frozen=True, eq=False)
class DeviceProjection:
    """Line integrals of a batch of views, on the device; see :class:`~synthex.projection.Projection`.

    The tensors offer ``__cuda_array_interface__``, so that CuPy and Numba read them in place.

    Attributes:
        water_path_mm: B x H x W.
        label_path_mm: B x S x H x W.
        quantity_mm: B x M x H x W.
    """

    water_path_mm: Float32[Tensor, "B H W"]
    label_path_mm: Float32[Tensor, "B S H W"]
    quantity_mm: Float32[Tensor, "B M H W"]

    def to_host(self) -> Float32[np.ndarray, "B C H W"]:
        """Water, labels and quantities one after the other, in one copy, once the device has finished them."""
        return torch.cat((self.water_path_mm[:, None], self.label_path_mm, self.quantity_mm), dim=1).cpu().numpy()


class DeviceVolumes:
    """Voxels kept on devices, the least recently used dropped first.

    A volume is known by its array: as long as the array lives it is uploaded once, whatever the number of
    calls, and its voxels must not change. Safe to use from several threads and streams.

    Args:
        limit_bytes: Memory for voxels on each device; a single larger volume is still used, but alone. None is
            a quarter of the device's memory (our choice: networks need the rest).
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        self.limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, data: np.ndarray, device: torch.device) -> Tensor:
        """The voxels of ``data`` on ``device``, flat, C order; int16 voxels are at least -1000."""
        key = (str(device), id(data))
        with self._lock:
            # Arrays that are gone, so that a new one of the same id is not taken for them.
            for gone in [key for key, kept in self._kept.items() if kept.source() is None]:
                del self._kept[gone]
            kept = self._kept.get(key)
            if kept is None:
                self._make_room(device, data.nbytes)
                kept = self._kept[key] = _Kept(weakref.ref(data), *_upload(data, device))
            self._kept.move_to_end(key)
        if kept.uploaded is not None:
            stream = torch.cuda.current_stream(device)
            stream.wait_event(kept.uploaded)
            # Dropped here, the memory is not given to others before this stream is done with it.
            kept.voxels.record_stream(stream)
        return kept.voxels

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()

    def _make_room(self, device: torch.device, wanted: int) -> None:
        """Drop the least recently used until ``wanted`` bytes fit."""
        limit = self.limit_bytes
        if limit is None:
            limit = torch.cuda.get_device_properties(device).total_memory // 4 if device.type == "cuda" else 2**30
        here = [key for key in self._kept if key[0] == str(device)]
        used = wanted + sum(self._kept[key].voxels.nbytes for key in here)
        for key in here:
            if used <= limit:
                return
            used -= self._kept.pop(key).voxels.nbytes


@dataclass(frozen=True, eq=False)
class _Kept:
    source: weakref.ref[np.ndarray]
    voxels: Tensor
    uploaded: torch.cuda.Event | None


VOLUMES = DeviceVolumes()
"""What :func:`project_cuda` keeps unless it is told otherwise."""


def cuda_device(device: torch.device | str | int | None = None) -> torch.device:
    """The device to project on, checked: None is PyTorch's current one.

    With Numba's CUDA simulator (``NUMBA_ENABLE_CUDASIM=1``, for tests without a GPU) it is always the CPU.

    Raises:
        ConfigError: It is not a CUDA device, or PyTorch finds none.
        MissingExtraError: Numba cannot drive it.
    """
    from numba import config, cuda

    if config.ENABLE_CUDASIM:  # type: ignore[attr-defined]  # set from the environment
        return torch.device("cpu")
    wanted = torch.device("cuda" if device is None else device)
    if wanted.type != "cuda":
        raise ConfigError(f"device={wanted}: the CUDA projector needs a CUDA device; on a CPU use backend='numba'")
    if not torch.cuda.is_available():
        raise ConfigError(
            "the CUDA projector finds no CUDA device (torch.cuda.is_available() is False); use backend='numba' "
            "(data.render=worker), or a machine with an NVIDIA GPU and a CUDA build of PyTorch"
        )
    index = torch.cuda.current_device() if wanted.index is None else wanted.index
    if index >= torch.cuda.device_count():
        raise ConfigError(f"device={wanted}: there are only {torch.cuda.device_count()} CUDA devices, from cuda:0 on")
    if not cuda.is_available():
        raise MissingExtraError("Numba cannot use this CUDA device; install its CUDA part: pip install 'synthex[cuda]'")
    return torch.device("cuda", index)


def project_cuda(
    ct: Volume,
    labels: Volume | None,
    label_ids: Sequence[int],
    cameras: Sequence[Camera],
    *,
    table: HuTable | Sequence[HuTable] | None = None,
    device: torch.device | str | int | None = None,
    volumes: DeviceVolumes | None = None,
) -> DeviceProjection:
    """Project one CT for a batch of cameras on a CUDA device, as :func:`synthex.projection.project` does.

    The launch goes to PyTorch's current stream and returns at once; voxels are uploaded the first time only, and
    nothing is copied back. Batches over several CTs are one call each: launches do not wait for one another.

    Args:
        ct: Hounsfield units, int16; any affine.
        labels: Structure ids, uint8, on the grid of ``ct``; None when ``label_ids`` is empty.
        label_ids: Labels wanted, in the order of the channels of the result; 0 is what has no label.
        cameras: One view each; all of the same rows and columns.
        table: Quantities per HU to integrate beside water: one for all views, or one each (of the same shape).
        device: See :func:`cuda_device`.
        volumes: Where voxels are kept; None is :data:`VOLUMES`.

    Raises:
        ConfigError: There is no such CUDA device.
        MissingExtraError: Numba cannot drive it.
        ValueError: As :func:`synthex.projection.project`; no camera, cameras of different sizes, tables of
            different shapes, or a volume of 2**31 voxels or more.
    """
    ids = [int(label) for label in label_ids]
    _check(ct, labels, ids)
    if ct.data.size >= MAX_VOXELS:
        raise ValueError(f"the CUDA projector takes fewer than 2**31 voxels, got {ct.shape}")
    sizes = {(camera.height, camera.width) for camera in cameras}
    if len(sizes) != 1:
        raise ValueError(f"the views of a batch need one size, got {sorted(sizes) or 'no camera'}")
    ((height, width),) = sizes
    if len(cameras) > MAX_VIEWS:
        raise ValueError(f"the CUDA projector takes batches of up to {MAX_VIEWS} views, got {len(cameras)}")
    tables = _stack(table, len(cameras))
    where = cuda_device(device)
    with torch.cuda.device(where) if where.type == "cuda" else contextlib.nullcontext():
        keep = VOLUMES if volumes is None else volumes
        hu = keep.get(ct.data, where)
        label_voxels = torch.zeros(1, dtype=torch.uint8, device=where)
        if labels is not None and ids:
            label_voxels = keep.get(labels.data, where)
        slots = np.full(257, len(ids), dtype=np.int32)
        slots[ids] = np.arange(len(ids))
        small = [_small(part, where) for part in (slots, tables, _views(cameras, ct))]
        water = torch.empty((len(cameras), height, width), device=where)
        paths = torch.zeros((len(cameras), len(ids), height, width), device=where)
        sums = torch.empty((len(cameras), tables.shape[2], height, width), device=where)
        _launch(tables.shape[2], len(ids), ct.shape, (hu, label_voxels, *small), (water, paths, sums))
    return DeviceProjection(water, paths, sums)


def _upload(data: np.ndarray, device: torch.device) -> tuple[Tensor, torch.cuda.Event | None]:
    """Flat voxels on the device, and the event after which they may be read there."""
    # Always a copy, so that what is clamped is ours; torch also wants writable memory, which maps are not.
    voxels = torch.from_numpy(np.array(data, order="C", subok=False).reshape(-1)).to(device)
    if voxels.dtype == torch.int16:
        voxels.clamp_(min=FIRST_HU)
    if device.type != "cuda":
        return voxels, None
    uploaded = torch.cuda.Event()
    uploaded.record(torch.cuda.current_stream(device))
    return voxels, uploaded


def _small(array: np.ndarray, device: torch.device) -> Tensor:
    """A small array on the device; the host does not wait, as it would without page-locked memory."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _stack(table: HuTable | Sequence[HuTable] | None, views: int) -> np.ndarray:
    """Tables as (1 or views) x N x M float32."""
    if table is None:
        return np.zeros((1, 2, 0), dtype=np.float32)
    tables = [table] if isinstance(table, HuTable) else list(table)
    if not isinstance(table, HuTable) and len(tables) != views:
        raise ValueError(f"{views} views need one table or as many, got {len(tables)}")
    shapes = {one.values.shape for one in tables}
    if len(shapes) != 1:
        raise ValueError(f"the tables of a batch need one shape, got {sorted(shapes)}")
    return np.stack([one.values for one in tables])


def _views(cameras: Sequence[Camera], ct: Volume) -> np.ndarray:
    """The rays of each camera in the kernel's order, B x VIEW_VALUES float64."""
    rays = (IndexRays.of(camera, ct.world_from_ijk) for camera in cameras)
    return np.stack(
        [
            np.concatenate((one.source, one.index_from_pixel.ravel(), one.world_from_pixel.ravel(), (one.max_depth,)))
            for one in rays
        ]
    )


@functools.lru_cache(maxsize=64)
def _numba_stream(device: int, pointer: int) -> Any:
    """Numba's name for a stream of PyTorch's; always the same, for Numba keeps the settings of launches by it."""
    from numba import cuda

    return cuda.external_stream(pointer) if pointer else 0


def _launch(
    quantities: int,
    wanted: int,
    shape: tuple[int, int, int],
    inputs: tuple[Tensor, ...],
    results: tuple[Tensor, Tensor, Tensor],
) -> None:
    """Start the kernel on PyTorch's current stream; one thread a pixel and view."""
    # Imported here: loading Numba takes most of a second, which importing the package should not cost.
    from numba import cuda

    from synthex.projection.cuda_kernel import BLOCK, kernel

    views, height, width = results[0].shape
    grid = (-(-width // BLOCK[0]), -(-height // BLOCK[1]), views)
    # An array without elements has no address; the kernel leaves what stands in for it alone.
    tensors = [part if part.numel() else part.new_zeros((1,) * part.ndim) for part in (*inputs, *results)]
    if results[0].is_cuda:
        device = results[0].device
        stream = _numba_stream(device.index, torch.cuda.current_stream(device).cuda_stream)
        arrays = [cuda.as_cuda_array(tensor, sync=False) for tensor in tensors]
    else:
        stream, arrays = 0, [tensor.numpy() for tensor in tensors]
    counts = (np.int32(count) for count in (*shape, wanted))
    kernel(quantities)[grid, BLOCK, stream](*arrays[: len(inputs)], *counts, *arrays[len(inputs) :])
