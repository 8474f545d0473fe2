"""``trainer.precision=auto``."""

import pytest
import torch

from synthex.config.compose import compose
from synthex.config.training import with_precision


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_is_half_where_the_cpu_multiplies_it_faster(monkeypatch, tmp_path, fast, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: fast, raising=False)
    cfg = compose("train", ["experiment=hip/quickstart", f"paths.output_dir={tmp_path}"])
    assert cfg.trainer.precision == "auto"
    assert with_precision(cfg).trainer.precision == expected


def test_a_torch_that_does_not_say_it_trains_in_full(monkeypatch, tmp_path):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    cfg = compose("train", ["experiment=hip/quickstart", f"paths.output_dir={tmp_path}"])
    assert with_precision(cfg).trainer.precision == "32-true"


def test_a_precision_that_is_given_stays(tmp_path):
    cfg = compose("train", ["experiment=hip/quickstart", "trainer.precision=16-mixed", f"paths.output_dir={tmp_path}"])
    assert with_precision(cfg) is cfg
