"""What a run tells Weights & Biases."""

from synthex.runs.tracking import HIDDEN, shown


def test_settings_are_shown_without_places():
    settings = {
        "task": {"_target_": "a.b.C", "instrument": {"path": "DOE/drill.yaml", "name": "drill"}},
        "data": {"ct": "doe_jane", "meshes": None, "size": 64, "phantoms": {"train": 4}, "train": "drrs"},
        "list": ["~/doe", "fine", 0.1],
        "windows": "C:\\doe",
    }
    assert shown(settings) == {
        "task": {"_target_": "a.b.C", "instrument": {"path": HIDDEN, "name": "drill"}},
        "data": {"ct": HIDDEN, "meshes": None, "size": 64, "phantoms": {"train": 4}, "train": HIDDEN},
        "list": [HIDDEN, "fine", 0.1],
        "windows": HIDDEN,
    }
