"""A model as one graph of tensor operations: a radiograph of any size in, answers in its own pixels out.

What :meth:`synthex.runs.Model.predict` does with NumPy and shapes that depend on values is written here a second time
so that it can be exported: images are resampled by products with two matrices, statistics are taken on a grid of fixed
size, and blank borders grow in a loop. Both agree to rounding (tested).
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from synthex.core import ConfigError
from synthex.data import normalization as rules
from synthex.data.normalization import Normalization
from synthex.nn import read_whole_heatmaps
from synthex.runs.model import FIELD_MM, Model
from synthex.tasks.masks_and_landmarks import Decoder

_SIDE = 384
"""Of the grid that statistics of ``robust`` are taken on: every n-th pixel, n = round(longer side / 256), leaves 383 at
most."""

_STEPS = 8
"""Pixels that regions grow by before it is asked whether they still grow."""


class ExportedModel(nn.Module):
    """A model's whole way from pixels to answers; call it with one radiograph and its pitch.

    Args:
        model: The model; on the CPU.

    Raises:
        ConfigError: Its task is read in a way that cannot be exported.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        decoder = model.task.decode
        if not isinstance(decoder, Decoder):
            raise ConfigError(f"task {model.task.name} reads its network in a way of its own, which is not exported")
        if decoder.correct is not None:
            raise ConfigError("the prior of this model's task cannot be exported; export it with prior=false")
        self.network = model.network
        self.size, self.side = model.size, model.input_size
        self.normalization: Normalization = model.normalization
        self.sigma_mm, self.present_above = float(decoder.sigma_mm), float(decoder.present_above)
        self.bounds: Tensor
        self.register_buffer("bounds", decoder.mask_bounds, persistent=False)
        names = model.task.vocabulary
        self.outputs = (("landmarks", "confidence", "present") if names.landmarks else ()) + (
            ("masks",) if names.structures else ()
        )

    def forward(self, image: Float[Tensor, "H W"], pixel_mm: Float[Tensor, ""]) -> tuple[Tensor, ...]:
        """The answer to one radiograph.

        Args:
            image: Its values, bone bright.
            pixel_mm: Pitch at the detector, double precision; 0 where it is not known.

        Returns:
            What :attr:`outputs` names: ``landmarks`` (L, 2), column and row in native pixels with centres at +0.5,
            ``confidence`` (L,) and ``present`` (L,), ``masks`` (S, H, W).
        """
        height = torch.scalar_tensor(image.shape[0], dtype=torch.float64)
        width = torch.scalar_tensor(image.shape[1], dtype=torch.float64)
        longer = torch.maximum(height, width)
        scale = self.size / longer
        rows = torch.round(height * scale).clamp(min=1)
        columns = torch.round(width * scale).clamp(min=1)
        row = torch.floor((self.side - rows) / 2)
        column = torch.floor((self.side - columns) / 2)
        places = torch.arange(self.side)

        down = _resampling(_cell(places, row, rows), rows, height, image.shape[0])
        across = _resampling(_cell(places, column, columns), columns, width, image.shape[1])
        prepared = down @ (_normalizers[self.normalization](image) @ across.T)
        said = self.network(prepared[None, None])

        found: dict[str, Tensor] = {}
        if "landmarks" in self.outputs:
            pitch = torch.where(pixel_mm > 0, pixel_mm, FIELD_MM / longer)
            network_mm = (pitch / (torch.maximum(rows, columns) / longer)).float().double()
            inside = _within(places, row, rows)[:, None] & _within(places, column, columns)[None, :]
            points, confidence = read_whole_heatmaps(said["heatmaps"].float(), inside, self.sigma_mm / network_mm)
            offset, scales = torch.stack((column, row)), torch.stack((columns / width, rows / height))
            native, limit = (points[0].double() - offset) / scales, torch.stack((width, height))
            held = ((native >= 0) & (native <= limit)).all(dim=1)
            sure = torch.where(held, confidence[0], 0.0)
            found["landmarks"] = torch.minimum(native.clamp(min=0), limit).float()
            found["confidence"], found["present"] = sure, sure.double() >= self.present_above
        if "masks" in self.outputs:
            probability = torch.sigmoid(said["masks"][0].float())
            up = _resampling(torch.arange(image.shape[0]), height, rows, self.side, row)
            along = _resampling(torch.arange(image.shape[1]), width, columns, self.side, column)
            found["masks"] = up @ (probability @ along.T) >= self.bounds
        return tuple(found[name] for name in self.outputs)


def _cell(places: Tensor, offset: Tensor, count: Tensor) -> Tensor:
    """Which cell of the resampled image each cell of the input takes: its own, or in the padding the nearest."""
    return torch.minimum((places - offset).clamp(min=0), count - 1)


def _within(places: Tensor, offset: Tensor, count: Tensor) -> Bool[Tensor, " N"]:
    return (places >= offset) & (places < offset + count)


def _resampling(
    cells: Tensor, count: Tensor, source: Tensor, length: int, offset: Tensor | None = None
) -> Float[Tensor, "N M"]:
    """The matrix that :func:`synthex.geometry.resample.resize` multiplies an axis with.

    Args:
        cells: Cells of the resampled axis that are asked for, (N,).
        count: Cells of that axis.
        source: Cells of the axis that is resampled.
        length: Columns M of the matrix; those that are no cells of the source get 0.
        offset: Column of the source's first cell; None: 0.
    """
    # Single precision, as PyTorch's own resampling computes its weights.
    scale = (source / count).float()
    center = scale * (cells.float() + 0.5)
    place = torch.arange(length).float() - (0.0 if offset is None else offset.float())
    distance = (place[None, :] - center[:, None] + 0.5) / scale.clamp(min=1.0)
    weight = (1 - distance.abs()).clamp(min=0)
    weight = torch.where((place >= 0) & (place < source), weight, 0.0)
    return weight / weight.sum(dim=1, keepdim=True)


def _zscore(image: Tensor) -> Tensor:
    exact = image.double()
    mean = exact.mean()
    deviation = ((exact - mean) ** 2).mean().sqrt()
    return ((exact - mean) / deviation.clamp(min=1e-6)).float()


def _minmax(image: Tensor) -> Tensor:
    low, high = image.min(), image.max()
    return (image - low) / (high - low).clamp(min=1e-6)


def _robust(image: Tensor) -> Tensor:
    height, width = image.shape
    longer = torch.maximum(torch.scalar_tensor(height), torch.scalar_tensor(width)).double()
    step = torch.round(longer / rules.GRID).clamp(min=1).long()
    places = torch.arange(_SIDE) * step
    few = image[places.clamp(max=height - 1)][:, places.clamp(max=width - 1)]
    there = (places < height)[:, None] & (places < width)[None, :]
    kept = there & ~_blank(few, there)
    low, middle, high = _quantiles(few, kept, (0.1, 0.5, 0.9))
    spread = torch.where(there, few, -math.inf).max() - torch.where(there, few, math.inf).min()
    deviation = torch.maximum((high - low) / rules.SPREAD, 1e-3 * spread.double()).clamp(min=1e-6)
    return ((image - middle.float()) / deviation.float()).clamp(-rules.LIMIT, rules.LIMIT)


_normalizers: dict[Normalization, Callable[[Tensor], Tensor]] = {
    "zscore": _zscore,
    "minmax": _minmax,
    "robust": _robust,
}


def _quantiles(values: Tensor, kept: Tensor, shares: tuple[float, ...]) -> list[Tensor]:
    """Quantiles of the values that are kept, as :func:`numpy.quantile` interpolates them, double precision."""
    ordered = torch.where(kept, values, math.inf).flatten().sort().values
    last = kept.sum() - 1
    found = []
    for share in shares:
        at = share * last.double()
        before = torch.floor(at).long()
        low = ordered[before]
        high = ordered[torch.minimum(before + 1, last)]
        part, gap = at - before, (high - low).double()
        found.append(torch.where(part < 0.5, low + gap * part, high - gap * (1 - part)))
    return found


def _blank(few: Tensor, there: Tensor) -> Tensor:
    """:func:`synthex.data.normalization.blank` of the part of a square image that is there."""
    low, high = _quantiles(few, there, (0.01, 0.99))
    gap = torch.where(high > low, high - low, 1.0)
    scaled = (few - low.float()) * (rules.LEVELS / gap).float()
    levels = scaled.clamp(0, rules.LEVELS - 1).long()
    # The border is what has a neighbour that is not there.
    around = functional.pad(there, (1, 1, 1, 1))
    enclosed = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    border = there & ~enclosed
    counts = torch.zeros(rules.LEVELS, dtype=torch.float64).scatter_add(0, levels.flatten(), border.double().flatten())
    padded = functional.pad(counts, (rules.NEAR, rules.NEAR))
    near = torch.stack([padded[k : k + rules.LEVELS] for k in range(2 * rules.NEAR + 1)]).sum(dim=0)
    todo = (near >= rules.BORDER_SHARE * border.double().sum()) & (high > low)

    def going(todo: Tensor, reached: Tensor, found: Tensor) -> Tensor:
        return todo.any()

    def grow(todo: Tensor, reached: Tensor, found: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        level = todo.int().argmax()
        alike = (((levels - level).abs() <= rules.NEAR) & there).float()
        before = torch.maximum(reached, alike * border)
        after = before
        for _ in range(_STEPS):
            beside = functional.max_pool2d(after[None, None], (1, 3), stride=1, padding=(0, 1))
            below = functional.max_pool2d(after[None, None], (3, 1), stride=1, padding=(1, 0))
            after = torch.maximum(beside, below)[0, 0] * alike
        done = (after == before).all()
        todo = todo & ~(done & (torch.arange(rules.LEVELS) == level))
        return todo, torch.where(done, 0.0, after), torch.maximum(found, after)

    nothing = torch.zeros_like(few)
    state = (todo, nothing, nothing.clone())
    if torch.compiler.is_exporting():
        state = torch.while_loop(going, grow, state)
    else:  # which would compile first
        while going(*state):
            state = grow(*state)
    found = state[-1]
    share = found.double().sum() / there.double().sum()
    return (found > 0) & (share < rules.MOST)
