"""Rendering with the DeepDRR package in this process: one projector is kept on the GPU for the subject at hand."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthex.core import Affine, Camera, Rigid, Volume, optional_import
from synthex.core.arrays import Image
from synthex.simulation.deepdrr_bridge import EXTRA, device_of, open_field_kev, unmirrored, volume_of


@dataclass(frozen=True)
class Settings:
    """What a DeepDRR projector is built with.

    Attributes:
        spectrum: Name of one of its spectra.
        step_mm: Distance between samples along a ray.
        noise: Whether its photon noise is added.
        photon_count: Photons that reach a pixel behind nothing, for the noise.
        voxel_shift: See :class:`synthex.simulation.levels.deepdrr.DeepDRR`.
    """

    spectrum: str = "90KV_AL40"
    step_mm: float | int = 0.1
    noise: bool = False
    photon_count: int = 10000
    voxel_shift: float | int = 1.0


@dataclass(frozen=True, eq=False)
class _Held:
    """A projector on the GPU, and what it was made for."""

    ct: Volume
    settings: Settings
    projector: Any


# One projector a process: a subject fills hundreds of MB on the GPU, and consecutive images often share it.
_held: list[_Held] = []


def render_intensity(ct: Volume, camera: Camera, settings: Settings, noise_seed: int = 0) -> Image:
    """Detected energy of every pixel over that behind nothing, H x W float32.

    Args:
        ct: Hounsfield units, int16.
        camera: Any camera; DeepDRR draws a mirrored one unmirrored, and the columns are turned round here.
        settings: Of the projector.
        noise_seed: Seeds the noise, below 2**32.

    Raises:
        MissingExtraError: The package cannot be imported.
    """
    straight, flipped = unmirrored(camera)
    device = device_of(straight)
    projector = _projector(ct, device, settings)
    projector.device = device
    with numpy_seed(noise_seed):
        image = projector.project()
    image = np.asarray(image, dtype=np.float32) / np.float32(open_field_kev(projector.spectrum_arr))
    return np.ascontiguousarray(image[:, ::-1] if flipped else image)


def make_projector(ct: Volume, device: Any, settings: Settings) -> Any:
    """A ``deepdrr.Projector`` that gives keV per photon (its own log image is scaled to its own range)."""
    return optional_import("deepdrr", EXTRA).Projector(
        volume_of(ct, settings.voxel_shift),
        device=device,
        step=settings.step_mm,
        spectrum=settings.spectrum,
        add_noise=settings.noise,
        photon_count=settings.photon_count,
        neglog=False,
    )


def _projector(ct: Volume, device: Any, settings: Settings) -> Any:
    """The projector that is held, or a new one on the GPU in its stead."""
    if _held and _held[0].ct is ct and _held[0].settings == settings:
        return _held[0].projector
    while _held:
        _held.pop().projector.free()
    projector = make_projector(ct, device, settings)
    projector.initialize()
    _held.append(_Held(ct, settings, projector))
    return projector


@contextlib.contextmanager
def numpy_seed(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, from which DeepDRR draws its noise, and put it back as it was."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


def render_test_image() -> None:
    """Render a block of water, to see whether package, compiler and GPU work together.

    Raises:
        RuntimeError: The block is not darker than what is beside it.
    """
    ct = Volume(np.zeros((8, 8, 8), dtype=np.int16), Affine.from_parts(np.eye(3) * 10, (-35, -35, -35)))
    intrinsics = np.array(((100, 0, 16), (0, 100, 16), (0, 0, 1)), dtype=np.float64)
    camera = Camera(intrinsics, Rigid.from_parts(np.eye(3), (0, 0, 500)), 32, 32, 10.0)
    image = render_intensity(ct, camera, Settings(step_mm=1.0))
    if not (np.isfinite(image).all() and image[16, 16] < 0.5 < image[0, 0]):
        raise RuntimeError(f"a block of water is {image[16, 16]:.3f} beside air of {image[0, 0]:.3f}")
