"""Pictures of the installed DeepDRR package against ours: by its kernel on the CPU, and on a GPU where there is one."""

import shutil

import numpy as np
import pytest
from generators.anatomies import make_anatomy
from generators.deepdrr_on_cpu import CpuProjector, compile_kernel, import_deepdrr

from synthex.core import Affine, Scene, Volume, derive_rng
from synthex.geometry import CArm
from synthex.physics import Spectrum, transmit
from synthex.projection import HuTable, project
from synthex.simulation import Naive, deepdrr_session
from synthex.simulation.deepdrr_availability import availability
from synthex.simulation.deepdrr_bridge import MATERIALS, density_g_cm3, material_ids
from synthex.simulation.deepdrr_session import Settings, render_intensity, render_test_image
from synthex.simulation.levels import deepdrr as level
from synthex.simulation.levels.deepdrr import DeepDRR

SIDES = ("anterior", "posterior")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The package's kernel for the CPU."""
    import_deepdrr()
    if shutil.which("g++") is None:
        pytest.skip("g++, which compiles the kernel for the CPU, is not on the PATH")
    return compile_kernel(tmp_path_factory.mktemp("kernel"))


@pytest.fixture(params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def backend(request, monkeypatch):
    """Where the package renders."""
    import_deepdrr()
    deepdrr_session._held.clear()
    if request.param == "gpu":
        if (reason := availability()) is not None:
            pytest.skip(reason)
    else:
        kernel, make = request.getfixturevalue("library"), deepdrr_session.make_projector
        monkeypatch.setattr(deepdrr_session, "make_projector", lambda *given: CpuProjector(make(*given), kernel))
    yield request.param
    deepdrr_session._held.clear()


def camera_of(side, *angles, size=96, pixel_mm=1.5):
    carm = CArm(rows=size, columns=size, pixel_mm=pixel_mm, source_side=side)
    return carm.camera(carm.view(np.zeros(3), *angles))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("lao", [0, 90])
def test_a_hot_voxel_is_where_it_is_and_without_our_shift_one_further(backend, side, lao):
    hu = np.full((30, 30, 30), -1000, dtype=np.int16)
    hu[12, 17, 20] = 3000
    ct = Volume(hu, Affine.from_parts(np.eye(3) * 2, (-29, -29, -29)))
    camera = camera_of(side, lao)
    rows, columns = np.mgrid[:96, :96] + 0.5
    for shift, index in ((1, (12, 17, 20)), (0, (13, 18, 21))):
        image = -np.log(render_intensity(ct, camera, Settings(step_mm=0.25, voxel_shift=shift)))
        dense = np.where(image > 0.02 * image.max(), image, 0)
        spot = np.array(((dense * columns).sum(), (dense * rows).sum())) / dense.sum()
        expected = camera.project(ct.world_from_ijk.apply(np.array((index,), dtype=np.float64)))[0]
        assert np.abs(spot - expected).max() < 0.1  # a voxel is 2.6 pixels wide


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("angles", [(0, 0), (35, -20, 5)])
@pytest.mark.parametrize("spacing", [8.0, 4.0], ids=["body inside the grid", "body cut by the grid"])
def test_pictures_agree_with_our_projector_and_physics(backend, side, angles, spacing):
    """Densities and thresholds are DeepDRR's; rays, sampling, attenuation tables and the sum over energies ours.

    2 %: DeepDRR weighs densities and materials by interpolation before it multiplies them, and its attenuation is
    up to 4 % high between the nodes of its table (physics.md 1.1).
    """
    ct = make_anatomy(spacing=spacing).ct
    camera = camera_of(side, *angles, size=72, pixel_mm=4.0)
    intensity = render_intensity(ct, camera, Settings(step_mm=0.5))
    spectrum = np.asarray(deepdrr_session._held[0].projector.spectrum_arr)
    beam = Spectrum(spectrum[:, 0] / 1000, np.maximum(spectrum[:, 1], 0))
    hu = np.arange(-1000, 1000, dtype=np.int16).reshape(-1, 1, 1)
    ids = material_ids(hu)
    table = np.stack([np.where(ids == index, density_g_cm3(hu), 0).reshape(-1) for index in MATERIALS.values()], axis=1)
    table[0] = 0
    area = project(ct, None, [], camera, table=HuTable(table)).quantity_mm / 10
    ours = transmit(area, ("air", "soft_tissue", "cortical_bone"), beam, beam.energies_kev).signal
    wanted, found = -np.log(ours), -np.log(intensity)
    assert np.linalg.norm(found - wanted) < 0.02 * np.linalg.norm(wanted)
    assert np.corrcoef(found.reshape(-1), wanted.reshape(-1))[0, 1] > 0.99


def test_the_image_that_availability_renders_passes_and_one_without_water_does_not(backend, monkeypatch):
    render_test_image()
    thin = np.vectorize(lambda hu: 1e-3, otypes=[np.float32])
    monkeypatch.setattr("synthex.simulation.deepdrr_bridge.density_g_cm3", thin)
    deepdrr_session._held.clear()
    with pytest.raises(RuntimeError, match=r"a block of water is 0\.99\d beside air of 1\.000"):
        render_test_image()


def test_the_level_is_pure_and_has_our_targets(backend, monkeypatch):
    monkeypatch.setattr(level, "availability", lambda: None)
    if backend == "cpu":  # the kernel is in this process
        monkeypatch.setattr(level, "render_apart", render_intensity)
    anatomy, camera = make_anatomy(), camera_of("posterior", 10, size=40, pixel_mm=7.0)
    ids = list(anatomy.structures.values())
    simulator = DeepDRR(step_mm=1.0, photon_count=1000)
    one, other = (simulator(Scene(anatomy), camera, ids, derive_rng(3)) for _ in range(2))
    assert np.array_equal(one.radiograph.image, other.radiograph.image)
    assert np.array_equal(one.label_path_mm, Naive()(Scene(anatomy), camera, ids, derive_rng(4)).label_path_mm)
    assert np.isfinite(one.radiograph.image).all()
    if backend == "gpu":  # noise is the package's host code, behind the kernel
        again = simulator(Scene(anatomy), camera, ids, derive_rng(5))
        assert not np.array_equal(one.radiograph.image, again.radiograph.image)
