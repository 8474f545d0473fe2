"""Refining poses on images: Gauss-Newton steps on the difference of locally normalised images.

The projector gives an image and its derivatives by the pose in one pass, so that a step of Levenberg and Marquardt on
all parameters costs little more than an image, and some ten steps at each of three resolutions are enough.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from synthex.anatomy.resampling import resample_linear
from synthex.core import Camera, ConfigError, Rigid, Volume
from synthex.core.arrays import Image, Point3
from synthex.projection import project_with_derivatives
from synthex.registration.motion import motion, moved, refocused
from synthex.registration.similarity import Neighbourhood, gradient, normalised, normalised_derivative

MEASURES = ("patch", "gradient")

HUBER = 1.5
"""Difference of normalised images beyond which a pixel is pulled on less: an instrument, a marker."""
FIRST_DAMPING = 1e-3
LARGEST_DAMPING = 1e6
OPTICS = 4
"""Unknowns of a view beside the pose: log focal length, principal point (two), curvature of the tone."""
STILL_MM = 0.003
"""A step that moves no point of the body by more than this ends a resolution."""
BONE_HU, BONE_GAIN = 150.0, 0.5
"""HU above which matter counts as bone, and by which part its excess is raised; see :class:`Body`."""
TONE_MM = 200.0
"""Water path at which the tone's curvature is counted."""
FULL_BAND, FULL_PART = 0.12, 0.03
"""Part of the range of values at its low end that a full detector fills, and of the pixels from which on it counts."""
BODY_MM = 100.0
"""Half the size of a body: what a turn moves at its rim."""


@dataclass(frozen=True, eq=False)
class FixedImage:
    """A radiograph to register to.

    Attributes:
        image: H x W, bone bright (a line integral up to a monotone curve).
        camera: Its camera at the start: intrinsics, and ``camera_from_world`` for the CT where it is.
        weights: H x W in [0, 1], 0 where the image says nothing about the body; None: the open field.
    """

    image: Image
    camera: Camera
    weights: Image | None = None


@dataclass(frozen=True)
class Refinement:
    """How poses are refined.

    Attributes:
        measure: ``patch``: local normalised cross-correlation of images; ``gradient``: of their gradients.
        sizes: Pixels of the longer side at each resolution, coarse to fine; larger ones than the image are left out.
        neighbourhood: Deviation of the neighbourhood over the longer side of the image.
        blur_px: Deviation of the blur before gradients are taken, in pixels of each resolution.
        floor: Smallest local deviation that counts, of that of the whole image: noise is not blown up where nothing is.
        steps: Most steps at each resolution.
        focal: Look for the focal length too.
        principal_point: Look for the principal point too.
        tone: Look for the curvature of each image's tone: a beam hardens on its way, and displays have curves.
        border: Part of the longer side that is left out at the rim of the image.
        threads: As :func:`synthex.projection.project` takes it.

    Raises:
        ConfigError: A setting cannot be.
    """

    measure: str = "gradient"
    sizes: Sequence[int] = (64, 128, 256)
    neighbourhood: float | int = 0.08
    blur_px: float | int = 0.0
    floor: float | int = 0.1
    steps: int = 25
    focal: bool = False
    principal_point: bool = False
    tone: bool = True
    border: float | int = 0.02
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ConfigError(f"measure={self.measure}: choose one of {', '.join(MEASURES)}")
        if not self.sizes or any(size < 16 for size in self.sizes) or list(self.sizes) != sorted(self.sizes):
            raise ConfigError(f"sizes={list(self.sizes)}: give rising numbers of pixels from 16")
        if not 0 < self.neighbourhood <= 1 or not 0 <= self.border < 0.4 or self.steps < 1:
            raise ConfigError("neighbourhood lies in (0, 1], border in [0, 0.4), and steps are 1 or more")


@dataclass(frozen=True, eq=False)
class Found:
    """Where the cameras were.

    Attributes:
        cameras: Of each view, for the first part (the body, or the pelvis).
        motions: Of each part: CT to where the part was when the images were taken, in the CT's frame at the start.
        similarity: Mean local normalised cross-correlation over views, at most 1.
        steps: Steps that were tried.
        seconds: Wall time.
        part_cameras: Of each part, of each view: what the part's voxels and landmarks are projected with.
    """

    cameras: tuple[Camera, ...]
    motions: tuple[Rigid, ...]
    similarity: float
    steps: int
    seconds: float
    part_cameras: tuple[tuple[Camera, ...], ...] = field(repr=False, default=())


class Body:
    """A CT in parts that move on their own, resampled for every resolution.

    Args:
        ct: Hounsfield units, int16.
        labels: Structure ids on its grid, where it has parts.
        parts: Ids of each part that moves apart from the rest, which is the first part; empty: all is one.
        pivot_world: The point that turns are about, RAS mm; None: the middle of what is dense.
        bone_gain: How much more than its HU say bone takes from the beam of a radiograph, whose quanta have less energy
            than a CT's: the HU above 150 are raised by this part. About 0.5 at 50 to 60 keV against a CT's 70 to 75.
    """

    def __init__(
        self,
        ct: Volume,
        labels: Volume | None = None,
        parts: Sequence[Sequence[int]] = (),
        pivot_world: Point3 | None = None,
        bone_gain: float | int = BONE_GAIN,
    ) -> None:
        if bone_gain:
            raised = np.arange(-32768, 32768, dtype=np.float32)
            raised += bone_gain * np.maximum(raised - BONE_HU, 0)
            table = np.roll(np.clip(raised, -32768, 32767).astype(np.int16), -32768)
            ct = Volume(table[np.asarray(ct.data).view(np.uint16)], ct.world_from_ijk)
        self.ct = ct
        volumes = []
        rest = np.array(ct.data)
        for ids in parts:
            assert labels is not None
            inside = np.isin(np.asarray(labels.data), np.asarray(ids, dtype=np.uint8))
            volumes.append(Volume(np.where(inside, ct.data, np.int16(-1000)), ct.world_from_ijk))
            rest[inside] = -1000
        self.native = (Volume(rest, ct.world_from_ijk) if parts else ct, *volumes)
        centres = [_dense_centre(volume) for volume in self.native]
        self.pivots = (centres[0] if pivot_world is None else np.asarray(pivot_world, dtype=float), *centres[1:])
        self._resampled: dict[float, tuple[Volume, ...]] = {}

    def at(self, spacing_mm: float) -> tuple[Volume, ...]:
        """The parts in voxels of about a size, never finer than they are."""
        if spacing_mm < 1.4 * float(np.median(self.ct.spacing_mm)):
            return self.native
        # In steps, so that views of many magnifications share a few copies.
        spacing_mm = float(2.0 ** (np.floor(2 * np.log2(spacing_mm)) / 2))
        if spacing_mm not in self._resampled:
            self._resampled[spacing_mm] = tuple(resample_linear(volume, spacing_mm) for volume in self.native)
        return self._resampled[spacing_mm]


def _dense_centre(volume: Volume) -> Point3:
    """Mean place of voxels above 200 HU, else the middle of the grid, RAS mm."""
    step = tuple(slice(None, None, max(1, size // 64)) for size in volume.shape)
    place = np.argwhere(np.asarray(volume.data[step]) > 200)
    if len(place) < 10:
        return volume.center_world
    return volume.world_from_ijk.apply(place.mean(axis=0)[None] * [axis.step for axis in step])[0]


@dataclass(frozen=True, eq=False)
class _State:
    """Poses so far: a motion a part, and log focal length, principal point (two) and tone a view."""

    motions: tuple[Rigid, ...]
    optics: np.ndarray

    def camera(self, view: FixedImage, number: int, part: int, scale: float) -> Camera:
        camera = refocused(view.camera, self.optics[number, 0], self.optics[number, 1:3] * scale)
        return moved(camera, self.motions[part])


class _Level:
    """One resolution: the fixed images normalised, and the cost of a state."""

    def __init__(self, body: Body, views: Sequence[FixedImage], settings: Refinement, size: int) -> None:
        self.settings, self.body = settings, body
        self.views, self.scales, self.around, self.fixed = [], [], [], []
        spacing = float("inf")
        for view in views:
            reduced, scale = _reduced(view, size, settings.border)
            assert reduced.weights is not None  # a reduced view has its own
            around = Neighbourhood(reduced.weights, settings.neighbourhood * max(reduced.image.shape))
            self.views.append(reduced)
            self.scales.append(scale)
            self.around.append(around)
            self.fixed.append(normalised(self._channels(reduced.image), around, settings.floor)[0])
            depth = max(1.0, float(reduced.camera.depth(body.pivots[0][None])[0]))
            spacing = min(spacing, reduced.camera.pixel_mm * depth / reduced.camera.sdd_mm)
        self.volumes = body.at(spacing)

    def _channels(self, image: Image) -> np.ndarray:
        return image[None] if self.settings.measure == "patch" else gradient(image, self.settings.blur_px)

    def images(self, state: _State) -> list[tuple]:
        """The projection of each view, and the derivatives of each of its parts."""
        found = []
        for number, view in enumerate(self.views):
            parts = [
                project_with_derivatives(
                    volume, state.camera(view, number, part, self.scales[number]), self.settings.threads
                )
                for part, volume in enumerate(self.volumes)
            ]
            path = np.sum([part.water_path_mm for part in parts], axis=0, dtype=np.float32)
            curve = np.float32(state.optics[number, 3] / TONE_MM)
            # An image, the slope of its tone, and what the curvature adds.
            found.append((path * (1 + curve * path), parts, 1 + 2 * curve * path, path**2 / np.float32(TONE_MM)))
        return found

    def cost(self, images: list[tuple]) -> float:
        """Mean of half the squared difference of normalised images (Huber's beyond a bound)."""
        return float(np.mean([self._residual(number, image)[2] for number, (image, *_) in enumerate(images)]))

    def similarity(self, images: list[tuple]) -> float:
        """One minus the mean of half the squared difference, without a bound: the local correlation."""
        values = []
        for number, (image, *_) in enumerate(images):
            weights = self.around[number].weights
            known = self._residual(number, image)[1]
            product = np.einsum("cij,cij->ij", known[0], self.fixed[number])
            power = (known[0] ** 2).sum(axis=0), (self.fixed[number] ** 2).sum(axis=0)
            norm = np.sqrt((power[0] * weights).sum() * (power[1] * weights).sum())
            values.append(float((product * weights).sum() / max(norm, 1e-9)))
        return float(np.mean(values))

    def _residual(self, number: int, image: np.ndarray) -> tuple[np.ndarray, tuple, float]:
        around = self.around[number]
        known = normalised(self._channels(image), around, self.settings.floor)
        residual = known[0] - self.fixed[number]
        size = np.sqrt(np.einsum("cij,cij->ij", residual, residual))
        loss = np.where(size < HUBER, size**2 / 2, HUBER * (size - HUBER / 2)) * around.weights
        return residual, known, float(loss.sum() / around.weights.sum())

    def normal_equations(self, images: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
        """J^T W J and J^T W r of all views over the unknowns."""
        parts, views = len(self.volumes), len(self.views)
        unknowns = 6 * parts + OPTICS * views
        hessian, slope = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        for number, (image, derivatives, tone_slope, tone_change) in enumerate(images):
            around, fixed_scale = self.around[number], self.scales[number]
            residual, known, _ = self._residual(number, image)
            size = np.sqrt(np.einsum("cij,cij->ij", residual, residual))
            weight = around.weights * np.minimum(1, HUBER / np.maximum(size, 1e-6)) / around.weights.sum()
            changes: list[np.ndarray] = []
            places: list[int] = []
            for part, found in enumerate(derivatives):
                changes += list(found.by_motion(self.body.pivots[part]))
                places += range(6 * part, 6 * part + 6)
            first = 6 * parts + OPTICS * number
            if self.settings.focal:
                changes.append(np.sum([found.by_log_focal() for found in derivatives], axis=0))
                places.append(first)
            if self.settings.principal_point:
                shift = np.sum([found.by_principal_point() for found in derivatives], axis=0)
                changes += [axis * np.float32(fixed_scale) for axis in shift]
                places += [first + 1, first + 2]
            changes = [change * tone_slope for change in changes]
            if self.settings.tone:
                changes.append(tone_change)
                places.append(first + 3)
            rows = [normalised_derivative(self._channels(change), known, around) for change in changes]
            jacobian = np.stack(rows).reshape(len(rows), -1)
            weighted = jacobian * np.broadcast_to(weight, residual.shape).reshape(-1)
            hessian[np.ix_(places, places)] += weighted @ jacobian.T
            slope[places] += weighted @ residual.reshape(-1)
        return hessian / views, slope / views


def refine(
    body: Body,
    views: Sequence[FixedImage],
    settings: Refinement | None = None,
    motions: Sequence[Rigid] | None = None,
) -> Found:
    """Refine a pose that is near on images.

    All views see the same body, so that cameras keep the relation that they have at the start; parts of the body
    move on their own. Focal lengths and principal points, where they are looked for, are each view's own.

    Args:
        body: The CT.
        views: At least one.
        settings: How.
        motions: Start of each part; None: as the views' cameras have it.

    Raises:
        ValueError: There is no view, or another number of motions than parts.
    """
    settings = settings or Refinement()
    if not views or (motions is not None and len(motions) != len(body.native)):
        raise ValueError("give at least one view, and one motion a part")
    started = time.perf_counter()
    start = tuple(motions) if motions is not None else tuple(Rigid.identity() for _ in body.native)
    state = _State(start, np.zeros((len(views), OPTICS)))
    largest = max(max(view.image.shape) for view in views)
    sizes = [size for size in settings.sizes if size <= largest] or [largest]
    tried = 0
    for size in sizes:
        level = _Level(body, views, settings, size)
        state, images, steps = _descend(level, state, settings)
        tried += steps
    cameras = tuple(
        tuple(state.camera(view, number, part, 1.0) for number, view in enumerate(views))
        for part in range(len(body.native))
    )
    similarity = level.similarity(images)
    return Found(cameras[0], state.motions, similarity, tried, time.perf_counter() - started, cameras)


def _descend(level: _Level, state: _State, settings: Refinement) -> tuple[_State, list, int]:
    """Levenberg-Marquardt steps at one resolution."""
    images = level.images(state)
    cost, damping, tried = level.cost(images), FIRST_DAMPING, 0
    hessian, slope = level.normal_equations(images)
    while tried < settings.steps:
        step = _solve(hessian, slope, damping)
        tried += 1
        if step is None:
            break
        ahead = _stepped(level, state, step)
        seen = level.images(ahead)
        new = level.cost(seen)
        if np.isfinite(new) and new < cost:
            small = _reach(step, len(state.motions)) < STILL_MM or cost - new < 1e-5 * cost
            state, images, cost = ahead, seen, new
            if small:
                break
            damping = max(damping / 5, 1e-7)
            hessian, slope = level.normal_equations(images)
        else:
            if _reach(step, len(state.motions)) < STILL_MM or damping > LARGEST_DAMPING:
                break
            damping *= 8
    return state, images, tried


def _solve(hessian: np.ndarray, slope: np.ndarray, damping: float) -> np.ndarray | None:
    """The damped step; unknowns that nothing depends on stay."""
    scale = np.diag(hessian)
    used = scale > 0
    step = np.zeros(len(slope))
    if not used.any() or not np.isfinite(hessian).all():
        return None
    damped = hessian[np.ix_(used, used)] + damping * np.diag(scale[used])
    step[used] = -np.linalg.lstsq(damped, slope[used], rcond=None)[0]
    return step


def _stepped(level: _Level, state: _State, step: np.ndarray) -> _State:
    parts = len(state.motions)
    motions = tuple(
        Rigid((state.motions[part] @ motion(step[6 * part : 6 * part + 6], level.body.pivots[part])).matrix)
        for part in range(parts)
    )
    return _State(motions, state.optics + step[6 * parts :].reshape(-1, OPTICS))


def _reach(step: np.ndarray, parts: int) -> float:
    """How far a step moves the rim of the body, mm; optics count by what they move at the detector."""
    poses = step[: 6 * parts].reshape(parts, 6)
    reach = np.linalg.norm(poses[:, :3], axis=1) * BODY_MM + np.linalg.norm(poses[:, 3:], axis=1)
    optics = step[6 * parts :].reshape(-1, OPTICS)
    return float(max(reach.max(), np.abs(optics[:, 0]).max() * BODY_MM, np.abs(optics[:, 1:3]).max()))


def within_range(image: Image) -> np.ndarray:
    """Which pixels a detector or display has not cut off, H x W.

    Where it is full, a radiograph is nearly flat at its low end (open field, thin parts), whatever lies there; a
    display's window cuts off the high end. Either band counts as cut off if a noticeable part of the image lies in it.
    """
    low, high = (float(value) for value in np.percentile(image, (0.1, 99.9)))
    kept = np.ones(image.shape, dtype=bool)
    full = image < low + FULL_BAND * (high - low)
    if full.mean() > FULL_PART:
        kept &= ~full
    cut = image > high - 0.01 * (high - low)
    if cut.mean() > FULL_PART:
        kept &= ~cut
    return kept


def _reduced(view: FixedImage, size: int, border: float | int) -> tuple[FixedImage, float]:
    """The view read out with ``size`` pixels along its longer side, and its pixels over the native ones."""
    image, camera = view.image, view.camera
    height, width = image.shape
    weights = np.ones(image.shape, dtype=np.float32) if view.weights is None else view.weights.astype(np.float32)
    weights = weights * within_range(image)
    open_pixels = camera.open_pixels()
    if open_pixels is not None:
        weights = weights * open_pixels
    rim = round(border * max(height, width))
    if rim:
        inner = np.zeros_like(weights)
        inner[rim:-rim, rim:-rim] = weights[rim:-rim, rim:-rim]
        weights = inner
    factor = size / max(height, width)
    if factor >= 1:
        return FixedImage(image.astype(np.float32), camera, weights), 1.0
    rows, columns = round(height * factor), round(width * factor)
    # Rows and columns need not come out whole: the matrix says by how much each shrinks.
    scale = np.diag((columns / width, rows / height, 1.0))
    mean = cv2.resize(image.astype(np.float32) * weights, (columns, rows), interpolation=cv2.INTER_AREA)
    small = cv2.resize(weights, (columns, rows), interpolation=cv2.INTER_AREA)
    plain = cv2.resize(image.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    reduced = replace(
        camera,
        intrinsics=scale @ camera.intrinsics,
        height=rows,
        width=columns,
        pixel_mm=camera.pixel_mm * width / columns,
        opening_mm=None,
    )
    image = np.where(small > 1e-3, mean / np.maximum(small, 1e-3), plain).astype(np.float32)
    return FixedImage(image, reduced, small), columns / width
