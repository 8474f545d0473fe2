"""Exported models answer as PyTorch does, whatever the size of the picture."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from generators.tiny_models import picture, pictures, tiny_model

import synthex
from synthex.core import ConfigError
from synthex.data.normalization import blank, normalize
from synthex.geometry.resample import resize
from synthex.nn import read_heatmaps, read_whole_heatmaps, render_heatmaps
from synthex.runs import export_graph
from synthex.runs.export import METADATA, export_onnx, export_program
from synthex.runs.export_graph import ExportedModel
from synthex.runs.export_monai import export_monai
from synthex.tasks import hip_landmarks

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "onnx_example.py"
LANDMARKS_PX, MASKS = 0.02, 0.9999


def asked(session):
    """A function that asks an ONNX file."""

    def ask(image, pixel_mm):
        names = [one.name for one in session.get_outputs()]
        given = {"image": image, "pixel_mm": np.array(pixel_mm or 0.0)}
        return dict(zip(names, session.run(None, given), strict=True))

    return ask


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check_parity(model, ask, asked_about):
    """Compare answers; returns the worst distance of landmarks and the worst share of equal pixels."""
    farthest, fewest = 0.0, 1.0
    for image, pixel_mm in asked_about:
        expected, found = model.predict(image, pixel_mm=pixel_mm), ask(image, pixel_mm)
        for index, one in enumerate(expected.landmarks.values()):
            farthest = max(farthest, float(np.hypot(*(found["landmarks"][index] - one.xy))))
            assert found["confidence"][index] == pytest.approx(one.confidence, abs=1e-3)
            if abs(one.confidence - model.task.decode.present_above) > 1e-4:
                assert bool(found["present"][index]) == one.present
        masks = np.stack(list(expected.masks.values()))
        assert found["masks"].shape == masks.shape
        fewest = min(fewest, float((found["masks"] == masks).mean()))
    assert farthest <= LANDMARKS_PX
    assert fewest >= MASKS


@pytest.fixture(scope="module")
def model():
    return tiny_model(size=32, posed=True, closer=["FH-l"])


@pytest.fixture(scope="module")
def onnx_file(model, tmp_path_factory):
    return export_onnx(model, tmp_path_factory.mktemp("onnx") / "tiny.onnx")


@pytest.mark.parametrize("seed", range(12))
def test_blank_borders_are_those_of_the_twin(seed):
    image = picture(np.random.default_rng(seed), 380)
    side = export_graph._SIDE
    few, there = np.zeros((side, side), dtype=np.float32), np.zeros((side, side), dtype=bool)
    few[: image.shape[0], : image.shape[1]], there[: image.shape[0], : image.shape[1]] = image, True
    found = export_graph._blank(torch.from_numpy(few), torch.from_numpy(there)).numpy()
    np.testing.assert_array_equal(found[: image.shape[0], : image.shape[1]], blank(image))


def test_quantiles_are_those_of_numpy():
    rng = np.random.default_rng(3)
    shares = (0.01, 0.1, 0.5, 0.9, 0.99)
    for count in (1, 2, 7, 100, 4321):
        values = rng.normal(size=count).astype(np.float32)
        kept = rng.random(count) < 0.7
        kept[0] = True
        found = export_graph._quantiles(torch.from_numpy(values), torch.from_numpy(kept), shares)
        np.testing.assert_array_equal([float(one) for one in found], np.quantile(values[kept], shares))


@pytest.mark.parametrize("mode", ["zscore", "minmax", "robust"])
def test_normalized_images_are_those_of_the_twin(mode):
    for image, _ in pictures(6, seed=4, most=900):
        found = export_graph._normalizers[mode](torch.from_numpy(image)).numpy()
        np.testing.assert_allclose(found, normalize(image, mode), atol=2e-6)
    flat = np.full((50, 70), 3.0, dtype=np.float32)
    assert not export_graph._normalizers[mode](torch.from_numpy(flat)).any()


@pytest.mark.parametrize(("source", "count"), [(300, 64), (64, 64), (40, 64), (1001, 160), (3, 2), (2, 9)])
def test_the_matrix_of_resampling_is_the_resampling(source, count):
    row = torch.rand(1, source, generator=torch.Generator().manual_seed(source))
    sides = torch.tensor(float(count), dtype=torch.float64), torch.tensor(float(source), dtype=torch.float64)
    matrix = export_graph._resampling(torch.arange(count), *sides, source)
    expected = resize(row[:, None].expand(1, source, source), count, count)[0, 0]
    np.testing.assert_allclose((matrix @ row[0]).numpy(), expected.numpy(), atol=2e-6)


@pytest.mark.parametrize("sigma", [0.4, 2.0, 3.3, 7.0])
def test_whole_heatmaps_are_read_as_windows_are(sigma):
    generator = torch.Generator().manual_seed(2)
    points = torch.rand((1, 30, 2), generator=generator) * torch.tensor([34.0, 28.0])
    maps = render_heatmaps(points, torch.ones(1, 30, dtype=torch.bool), (28, 34), sigma)
    maps = torch.cat((maps + 0.1 * torch.randn(maps.shape, generator=generator), torch.zeros(1, 1, 28, 34)), dim=1)
    wide = torch.full((1, 31, 40, 40), 9.0)
    wide[:, :, 6:34, 3:37] = maps
    inside = torch.zeros(40, 40, dtype=torch.bool)
    inside[6:34, 3:37] = True
    found, confidence = read_whole_heatmaps(wide, inside, torch.tensor(sigma, dtype=torch.float64))
    expected, sure = read_heatmaps(maps, sigma)
    np.testing.assert_allclose(found - torch.tensor([3.0, 6.0]), expected, atol=1e-4)
    np.testing.assert_allclose(confidence, sure, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalization": "zscore", "input_size": 96},
        {"normalization": "minmax", "size": 56, "mirrored": True},
        {"mirrored": True, "posed": True},
        {"size": 32, "closer": ["FH-r", "SPS-l"]},
        {"task": "lesion", "normalization": "zscore"},
    ],
    ids=str,
)
def test_the_graph_answers_as_the_model_does(settings):
    model = tiny_model(**settings)
    graph = ExportedModel(model).eval()

    def ask(image, pixel_mm):
        with torch.inference_mode():
            said = graph(torch.from_numpy(image), torch.tensor(pixel_mm or 0.0, dtype=torch.float64))
        return {name: value.numpy() for name, value in zip(graph.outputs, said, strict=True)}

    check_parity(model, ask, pictures(10, seed=1))


@pytest.mark.long
def test_onnx_answers_as_pytorch_does(model, onnx_file):
    check_parity(model, asked(session_of(onnx_file)), pictures(20, seed=6))


def test_onnx_says_what_it_is(model, onnx_file):
    about = json.loads(session_of(onnx_file).get_modelmeta().custom_metadata_map[METADATA])
    assert about["landmarks"] == list(model.task.vocabulary.landmarks)
    assert about["structures"] == list(model.task.vocabulary.structures)
    assert about["version"] == model.version


@pytest.mark.slow  # twenty seconds, most of them PyTorch's to record the graph
def test_a_bundle_has_monais_layout_and_its_program_answers(tmp_path):
    model = tiny_model(seed=3)
    bundle = export_monai(model, tmp_path / "bundle", "# tiny: bones of nobody\n", "CC0-1.0\n")
    made = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    configs = {"configs/metadata.json", "configs/inference.json"}
    assert made == configs | {"models/model.pt", "models/model.pt2", "docs/README.md", "docs/license.txt"}
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    demanded = ("version", "monai_version", "pytorch_version", "numpy_version", "optional_packages_version", "task")
    assert set(metadata) >= {*demanded, "description", "authors", "copyright", "network_data_format"}
    assert metadata["task"] == "bones of nobody"
    tensors = metadata["network_data_format"]
    assert list(tensors["inputs"]) == ["image", "pixel_mm"]
    keys = ("type", "format", "modality", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data")
    for one in (*tensors["inputs"].values(), *tensors["outputs"].values()):
        assert set(one) == {*keys, "channel_def"}
    assert set(torch.load(bundle / "models" / "model.pt", weights_only=True)) == set(model.network.state_dict())

    extra = {METADATA: ""}
    program = torch.export.load(bundle / "models" / "model.pt2", extra_files=extra).module()
    outputs = json.loads(extra[METADATA])["outputs"]

    def ask(image, pixel_mm):
        said = program(torch.from_numpy(image), torch.tensor(pixel_mm or 0.0, dtype=torch.float64))
        return {name: value.numpy() for name, value in zip(outputs, said, strict=True)}

    check_parity(model, ask, pictures(4, seed=8))


def test_what_cannot_be_exported_is_said_in_a_line(model, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.onnx"):
        export_onnx(model, tmp_path / "model")
    with pytest.raises(ConfigError, match=r"ends in \.pt2"):
        export_program(model, tmp_path / "model.onnx")
    with pytest.raises(ConfigError, match="prior=false"):
        ExportedModel(replace(model, task=hip_landmarks.build(prior=True)))
    with pytest.raises(ConfigError, match="a way of its own"):
        ExportedModel(replace(model, task=replace(model.task, decode=lambda outputs, batch: [])))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_pictures_get_the_answers_of_pytorch(tmp_path):
    model = synthex.load("hip")
    session = session_of(export_onnx(model, tmp_path / "hip.onnx"))
    check_parity(model, asked(session), pictures(1000, seed=9, most=700))


@pytest.mark.slow
def test_the_file_runs_where_there_is_no_pytorch(model, onnx_file, tmp_path):
    environment = tmp_path / "bare"
    uv = Path(sys.executable).with_name("uv")
    packages = [f"{name}=={__import__(name).__version__}" for name in ("numpy", "onnxruntime")]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *packages], check=True)
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode
    ((image, _),) = pictures(1, seed=5)
    np.save(tmp_path / "view.npy", image)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, EXAMPLE, onnx_file, tmp_path / "view.npy", "0.4"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, env=clean).stdout)
    expected = model.predict(image, pixel_mm=0.4)
    for name, one in expected.landmarks.items():
        assert np.hypot(said["landmarks"][name]["column"] - one.column, said["landmarks"][name]["row"] - one.row) < 0.02
    assert {name: int(mask.sum()) for name, mask in expected.masks.items()} == pytest.approx(said["mask_pixels"], abs=3)
