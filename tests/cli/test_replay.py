"""Real cameras replayed: each radiograph simulated with its own CT and pose."""

import numpy as np
import pytest

from synthex.cli.main import main
from synthex.data import open_export
from synthex.data.real import DeepFluoro

TINY = ("data.spacing_mm=6.0", "data.phantoms.train=1", "data.phantoms.val=1", "data.phantoms.test=1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("count=null",), "count=null means as many as are replayed"),
        (("real@replay=deepfluoro",), "replay.root is not set"),
        (("real@replay=deepfluoro", "replay.root=x", "data.mix={phantoms: 1}"), "both say who is X-rayed"),
        (("real@replay=deepfluoro", "replay.root=nowhere.h5"), "nowhere.h5"),
    ],
)
def test_a_mistake_is_one_line(words, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *words, *TINY, "output=out"]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert said in line


@pytest.mark.slow
def test_a_stand_in_is_simulated_again_to_its_landmarks(tmp_path, monkeypatch, cache_dir):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHEX_CACHE", str(cache_dir))
    made = ["data", "lookalike", "output=standin", "specimens=2", "images=2", "ct_spacing_mm=6.0", "simulation=naive"]
    assert main([*made, *TINY]) == 0
    options = ["replay.root=standin", "replay.fold=1", "replay.split=train", "replay.border=10", "count=null"]
    where = ["real@replay=deepfluoro", *options, "carm=hip_study", "data.size=60", "output=again", "workers=0"]
    assert main(["simulate", *where, *TINY]) == 0
    again, real = open_export("again"), DeepFluoro("standin", fold=1, split="train", border=10, downsampling=5)
    assert len(again) == len(real) == 2
    for index in range(2):
        ours, theirs = again[index], real[index]
        assert (ours.subject_id, ours.image.shape) == (theirs.subject_id, theirs.image.shape)
        assert (ours.visible == theirs.visible).all()
        assert np.allclose(ours.landmarks[ours.visible], theirs.landmarks[theirs.visible], atol=1e-6)
        assert np.corrcoef(ours.image.ravel(), theirs.image.ravel())[0, 1] > 0.9  # the same body from the same side
