"""Other projectors, each made to take exactly the rays of one of our cameras.

An adapter hands over the volume as the peer wants it and returns a function that makes one image; what it times
is the peer's own public call. Nothing here is imported unless the peer is installed.
"""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from synthex.core import Camera, ConfigError, Volume, optional_import
from synthex.core.arrays import Image

Shot = Callable[[], Image]
"""Makes one H x W image of density line integrals, mm of water."""

PEERS = {
    "rtk-joseph": "itk",
    "nanodrr": "nanodrr",
    "diffdrr-trilinear": "diffdrr",
    "diffdrr-siddon": "diffdrr",
}
"""Module that each peer needs; RTK is a module of ITK's."""

EXTRA = "peers"
RAYS_AT_ONCE = 16384
"""DiffDRR holds every sample of a batch of rays in memory: 128 x 128 pixels at a time, its own ``patch_size``."""


def installed(peer: str) -> bool:
    """Whether a peer can be imported."""
    if importlib.util.find_spec(PEERS[peer]) is None:
        return False
    return peer != "rtk-joseph" or hasattr(importlib.import_module("itk"), "RTK")


def load_peer(peer: str) -> None:
    """Import a peer's modules, so that what they take is not counted as what a projector holds."""
    optional_import(PEERS[peer], EXTRA)
    if peer == "rtk-joseph":
        # ITK loads a module when something of it is first asked for.
        _ = importlib.import_module("itk").RTK.JosephForwardProjectionImageFilter
    elif peer == "nanodrr":
        optional_import("nanodrr.data", EXTRA)
        optional_import("nanodrr.drr", EXTRA)
    else:
        optional_import("diffdrr.renderers", EXTRA)


def choose_peers(wanted: str | Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the peers to run, and of those that are not installed.

    Raises:
        ConfigError: A name is none of :data:`PEERS`.
        MissingExtraError: A peer that was named is not installed.
    """
    if isinstance(wanted, str) and wanted != "auto":
        wanted = [wanted]
    if wanted == "auto":
        found = tuple(peer for peer in PEERS if installed(peer))
        return found, tuple(peer for peer in PEERS if peer not in found)
    for peer in wanted:
        if peer not in PEERS:
            raise ConfigError(f"peers={peer}: there is no such peer; valid names: auto, {', '.join(PEERS)}")
        if not installed(peer):
            optional_import(PEERS[peer], EXTRA)  # says what is missing
            optional_import("itk.RTK", EXTRA)
    return tuple(wanted), ()


def prepare_peer(peer: str, density: Volume, camera: Camera, threads: int) -> Shot:
    """The function that makes a peer's image.

    Args:
        peer: A name of :data:`PEERS`.
        density: float32, relative to water.
        camera: The view.
        threads: CPU threads.
    """
    if peer == "rtk-joseph":
        return _rtk(density, camera, threads)
    if peer == "nanodrr":
        return _nanodrr(density, camera)
    return _diffdrr(density, camera, peer.removeprefix("diffdrr-"))


def _rtk(density: Volume, camera: Camera, threads: int) -> Shot:
    """RTK's Joseph forward projection filter.

    RTK's gantry at 0 degrees has the source at (0, 0, sid) and looks along -z, detector axes u = +x and v = +y. The
    volume is therefore laid into that frame (x as the camera's, y and z reversed, which is a rotation), and rows
    come out bottom up.
    """
    itk = optional_import("itk", EXTRA)
    rtk = itk.RTK
    sid = float(camera.depth(density.center_world[None])[0])
    rtk_from_camera = np.diag((1.0, -1.0, -1.0, 1.0))
    rtk_from_camera[2, 3] = sid
    rtk_from_ijk = rtk_from_camera @ camera.camera_from_world.matrix @ density.world_from_ijk.matrix
    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(threads)
    volume = itk.image_from_array(np.ascontiguousarray(density.data.transpose(2, 1, 0)))
    spacing = density.spacing_mm
    volume.SetSpacing([float(edge) for edge in spacing])
    volume.SetOrigin([float(value) for value in rtk_from_ijk[:3, 3]])
    volume.SetDirection(itk.matrix_from_array(rtk_from_ijk[:3, :3] / spacing))
    image_type = type(volume)
    fx, cx = camera.intrinsics[0, 0], camera.intrinsics[0, 2]
    cy, pixel = camera.intrinsics[1, 2], camera.pixel_mm
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    geometry.AddProjection(sid, camera.sdd_mm, 0.0)
    stack = rtk.ConstantImageSource[image_type].New()
    # u of the first column, or of the last where columns run along -x; v of the last row, which is the lowest.
    left = (0.5 - cx) if fx > 0 else (cx - camera.width + 0.5)
    stack.SetOrigin([left * pixel, (cy - camera.height + 0.5) * pixel, 0.0])
    stack.SetSpacing([pixel, pixel, 1.0])
    stack.SetSize([camera.width, camera.height, 1])
    stack.SetConstant(0.0)
    stack.Update()
    projector = rtk.JosephForwardProjectionImageFilter[image_type, image_type].New()
    projector.SetInput(0, stack.GetOutput())
    projector.SetInput(1, volume)
    projector.SetGeometry(geometry)
    projector.InPlaceOff()

    def shoot() -> Image:
        projector.Modified()
        projector.Update()
        image = itk.array_from_image(projector.GetOutput())[0, ::-1]
        return np.asarray(image if fx > 0 else image[:, ::-1], dtype=np.float32)

    return shoot


def _nanodrr(density: Volume, camera: Camera) -> Shot:
    """The ``render`` of nanodrr with its default of 500 samples a ray; on a CPU that is its PyTorch path."""
    import torch

    data, drr = optional_import("nanodrr.data", EXTRA), optional_import("nanodrr.drr", EXTRA)
    torchio = optional_import("torchio", EXTRA)
    image = torchio.ScalarImage(
        tensor=torch.from_numpy(density.data)[None], affine=density.world_from_ijk.matrix.copy()
    )
    subject = data.Subject.from_images(image, max_label=0, convert_to_mu=False)
    k_inv = torch.from_numpy(np.linalg.inv(camera.intrinsics)).float()[None]
    rt_inv = torch.from_numpy(camera.camera_from_world.inverse().matrix.copy()).float()[None]
    sdd = torch.tensor([camera.sdd_mm])

    def shoot() -> Image:
        with torch.no_grad():
            found = drr.render(subject, k_inv, rt_inv, sdd, camera.height, camera.width)
        return found[0, 0].numpy()

    return shoot


def _diffdrr(density: Volume, camera: Camera, method: str) -> Shot:
    """DiffDRR's renderers as its ``DRR.render`` calls them: end points in voxels, patch by patch.

    The trilinear one takes its default of 500 samples a ray.
    """
    import torch

    renderers = optional_import("diffdrr.renderers", EXTRA)
    renderer: Any = renderers.Siddon() if method == "siddon" else renderers.Trilinear()
    volume = torch.from_numpy(density.data)
    ijk_from_world = density.world_from_ijk.inverse()
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    pixels = np.stack((columns, rows, np.ones_like(rows)), axis=-1).reshape(-1, 3)
    rays = camera.sdd_mm * pixels @ camera.world_from_pixel.T
    source = torch.from_numpy(ijk_from_world.apply(camera.source_world[None])).float()[None]
    target = torch.from_numpy(ijk_from_world.apply(camera.source_world + rays)).float()[None]
    lengths = torch.from_numpy(np.linalg.norm(rays, axis=1)).float()[None, None]

    def shoot() -> Image:
        with torch.no_grad():
            parts = [
                renderer(volume, source, end, length)
                for end, length in zip(
                    target.split(RAYS_AT_ONCE, dim=1), lengths.split(RAYS_AT_ONCE, dim=2), strict=True
                )
            ]
        return torch.cat(parts, dim=-1).reshape(camera.height, camera.width).numpy()

    return shoot
