"""The deepdrr level where DeepDRR is not: what it says, and what it makes of the package's images."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from generators.tiny_commands import TINY
from hydra.utils import instantiate
from omegaconf import OmegaConf

from synthex.cli.main import main
from synthex.core import Affine, Camera, ConfigError, MissingExtraError, Scene, Solid, Volume, derive_rng
from synthex.geometry import CArm
from synthex.simulation import Naive
from synthex.simulation.deepdrr_availability import GPU_PROBE, RENDER_PROBE, find_missing, run_apart
from synthex.simulation.deepdrr_bridge import density_g_cm3, material_ids, open_field_kev, unmirrored
from synthex.simulation.deepdrr_session import Settings, numpy_seed
from synthex.simulation.levels import deepdrr as level
from synthex.simulation.levels.deepdrr import DeepDRR

CONF = Path(__file__).parents[2] / "conf"


def missing(*absent, problems=None):
    """What is said where the modules and programs in ``absent`` are not, and probes have ``problems``."""
    there = lambda name: None if name in absent else object()  # noqa: E731
    return find_missing(there, there, lambda source: (problems or {}).get(source))


def test_each_missing_thing_is_named_in_order_with_its_remedy():
    broken = {GPU_PROBE: "cudaErrorNoDevice", RENDER_PROBE: "ImportError: libusb-1.0.so.0"}
    everything = ("deepdrr", "cupy", "nvcc")
    reasons = [missing(*everything[stage:], problems=broken) for stage in range(2)]
    reasons.append(missing("nvcc", problems=broken))
    reasons.append(missing("nvcc", problems={RENDER_PROBE: broken[RENDER_PROBE]}))
    reasons.append(missing(problems={RENDER_PROBE: broken[RENDER_PROBE]}))
    named = [("deepdrr is not installed", "synthex[deepdrr]"), ("cupy", "synthex[deepdrr]")]
    named += [("NVIDIA GPU (cudaErrorNoDevice)", "driver"), ("nvcc", "CUDA 12 toolkit")]
    named += [("libusb-1.0.so.0", "numpy<2")]
    for reason, words in zip(reasons, named, strict=True):
        assert all(word in reason for word in words), reason
        assert "\n" not in reason
    assert missing() is None


def test_a_probe_runs_apart_and_tells_how_it_ended():
    assert run_apart("print('fine')") is None
    assert run_apart("raise ImportError('libusb is\\n   absent')") == "absent"
    assert run_apart("raise SystemExit(3)") == "exit code 3"
    assert "signal 6" in run_apart("import os; os.abort()")
    assert run_apart("import time; time.sleep(60)", seconds=0.2) == "no answer in 0.2 s"


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(level, "availability", lambda: "nvcc is not on the PATH; install the CUDA 12 toolkit")


def test_training_with_it_ends_with_one_line_before_any_work(no_gpu, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    code = main(["train", *TINY, "simulation=deepdrr", "paths.run_dir=run", f"paths.cache_dir={tmp_path / 'cache'}"])
    error = capfd.readouterr().err.strip()
    assert code == 2
    assert error == "synthex: simulation=deepdrr cannot run here: nvcc is not on the PATH; install the CUDA 12 toolkit"
    assert not list(tmp_path.glob("cache/**/*.npy"))
    assert not list(tmp_path.glob("run/**/*.ckpt"))


def test_without_the_package_construction_says_so(no_gpu):
    with pytest.raises(MissingExtraError, match="cannot run here: nvcc"):
        DeepDRR()


def test_wrong_settings_are_told_before_what_is_missing(no_gpu):
    for wrong in ({"spectrum": "90KV"}, {"step_mm": 0}, {"photon_count": 0}):
        with pytest.raises(ConfigError, match=f"simulation.{next(iter(wrong))}"):
            DeepDRR(**wrong)


def test_density_and_material_follow_the_formula():
    hu = np.array((-32768, -1000, -800, -799, -100, 0, 350, 351, 1000, 3000), dtype=np.int16).reshape(-1, 1, 1)
    # physics.md 1.1, and the formula by hand at -32768, -799 and 351
    expected = (0, 0.0010, 0.2068, 0.207829, 0.9271, 1.0300, 1.2360, 1.2365986, 1.6186, 2.7958)
    assert density_g_cm3(hu).reshape(-1) == pytest.approx(expected, abs=5.1e-5)
    assert material_ids(hu).reshape(-1).tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_open_field_is_the_mean_energy():
    assert open_field_kev(np.array(((20e3, 1.0), (60e3, 3.0)))) == pytest.approx(50.0)


@pytest.mark.parametrize("side", ["anterior", "posterior"])
def test_an_unmirrored_camera_sees_the_columns_the_other_way(side):
    carm = CArm(rows=40, columns=50, pixel_mm=6.0, source_side=side)
    camera = carm.camera(carm.view(np.array((3.0, -5.0, 7.0)), 20, -10, 15))
    skewed = camera.intrinsics + np.array(((0, 0.7, 3), (0, 0, -2), (0, 0, 0)))  # and an off-centre detector
    camera = dataclasses.replace(camera, intrinsics=skewed)
    straight, flipped = unmirrored(camera)
    points = derive_rng("points").uniform(-60, 60, (20, 3))
    wanted, found = camera.project(points), straight.project(points)
    assert straight.intrinsics[0, 0] > 0
    assert flipped == (side == "posterior")
    if flipped:
        found[:, 0] = camera.width - found[:, 0]
    assert np.allclose(found, wanted, atol=1e-9)


def test_the_global_generator_is_seeded_and_put_back():
    np.random.seed(5)
    wanted = np.random.random(4)
    np.random.seed(5)
    first = np.random.random()
    with numpy_seed(7):
        one = np.random.random(3)
    with numpy_seed(7):
        other = np.random.random(3)
    assert np.array_equal([first, *np.random.random(3)], wanted)
    assert np.array_equal(one, other)


@pytest.fixture
def faked(monkeypatch):
    """The level with a package that renders 0, 0.25, 1 and 1.5; records what it was asked for."""
    asked = []

    def render(ct, camera, settings, noise_seed=0):
        asked.append((ct, camera, settings, noise_seed))
        return np.array(((0, 0.25), (1, 1.5)), dtype=np.float32)

    monkeypatch.setattr(level, "availability", lambda: None)
    monkeypatch.setattr(level, "render_apart", render)
    return asked


def small_camera() -> Camera:
    carm = CArm(rows=2, columns=2, pixel_mm=60.0)
    return carm.camera(carm.view(np.zeros(3)))


def test_the_level_has_the_targets_of_the_others_and_its_own_pixels(faked, scene):
    camera = small_camera()
    simulator = instantiate(OmegaConf.load(CONF / "simulation" / "deepdrr.yaml"), photon_count=500)
    log = simulator(scene, camera, [3], derive_rng(1))
    plain = DeepDRR(domain="intensity")(scene, camera, [3], derive_rng(1))
    wanted = Naive()(scene, camera, [3], derive_rng(2))
    assert np.array_equal(log.label_path_mm, wanted.label_path_mm)
    assert log.radiograph.image == pytest.approx(-np.log(np.array(((1e-6, 0.25), (1, 1.5)))), abs=1e-5)
    assert plain.radiograph.image.tolist() == [[0, 0.25], [1, 1.5]]
    assert (log.radiograph.domain, plain.radiograph.domain) == ("log", "intensity")
    (ct, seen, settings, seed), (*_, again) = faked
    assert ct is scene.anatomy.ct
    assert seen is camera
    assert settings == Settings("90KV_AL40", 0.1, True, 500, 1.0)
    assert seed == again == log.record["noise_seed"]


def test_solids_are_refused_by_name(faked, scene):
    points = np.array(((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)), dtype=np.float64)
    faces = np.array(((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)))
    wire = Scene(scene.anatomy, solids=(Solid("guide_wire", points, faces, "titanium"),))
    with pytest.raises(ConfigError, match=r"guide_wire; use simulation=realistic, or .* task\.findings\.devices=null"):
        DeepDRR()(wire, small_camera(), [3], derive_rng(0))


def test_look_up_reads_any_layout():
    hu = np.arange(-12, 12, dtype=np.int16).reshape(2, 3, 4)
    turned = hu.transpose(2, 0, 1)[::-1]
    ct = Volume(turned, Affine.identity())
    assert np.array_equal(density_g_cm3(ct.data), density_g_cm3(hu).transpose(2, 0, 1)[::-1])
