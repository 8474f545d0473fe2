"""Settings of tool detection of a wrong type: one line that names the setting and shows the value.

Run without the type checks that tests have and users do not.
"""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from synthex.config.mistakes import user_error
from synthex.config.build import build_task, open_real
from synthex.config.compose import compose
from hydra.utils import instantiate

found = {}
for override in sys.argv[1:]:
    try:
        cfg = compose("predict" if override.startswith("real") else "train", override.split(";"))
        if "real" in cfg:
            instantiate(cfg.real)
        else:
            build_task(cfg)
            instantiate(cfg.views)
    except Exception as error:
        mistake = user_error(error)
        found[override] = str(mistake) if mistake else repr(error)
print(json.dumps(found))
"""

TASK = "task=tool_detection;"
REAL = "real=tool_folders;real.root=.;"
WRONG = {
    f"{TASK}task.placement.depth_mm=3": "task.placement.depth_mm needs [low, high] with low <= high, got 3",
    f"{TASK}task.placement.depth_mm='12'": "task.placement.depth_mm needs [low, high] with low <= high, got '12'",
    f"{TASK}task.placement.roll_deg=[a,b]": "task.placement.roll_deg needs [low, high]",
    f"{TASK}task.placement.air_mm=null": "task.placement.air_mm needs [low, high]",
    f"{TASK}task.placement.margin_mm=a": "task.placement.margin_mm='a'",
    f"{TASK}task.placement.margin_mm=null": "task.placement.margin_mm=None",
    f"{TASK}task.placement.where=tunnel": "task.placement.where='tunnel' must give weights, like {tunnel: 1",
    f"{TASK}task.placement.where.air=x": "task.placement.where needs weights",
    f"{TASK}task.placement.tunnel_materials=blood": "task.placement.tunnel_materials='blood' must give weights",
    f"{TASK}task.placement.distractor_probability=x": "task.placement.distractor_probability='x'",
    f"{TASK}task.placement.most_distractors=1.5": "task.placement.most_distractors=1.5 must be a whole number",
    f"{TASK}task.placement.on_skin=ekg_lead": "task.placement.on_skin='ekg_lead' must be a list",
    f"{TASK}task.distractors=3": "task.distractors=3 must be a mapping",
    f"{TASK}task.distractors.drill=3": "task.distractors.drill=3 is no instrument",
    f"{TASK}task.instrument=null": "task.instrument=None is no instrument",
    f"{TASK}task.gate_mm=15": "task.gate_mm=15 needs [low, high]",
    f"{TASK}task.gate_mm=[a,b]": "task.gate_mm=['a', 'b'] needs [low, high]",
    f"{TASK}task.gate_mm=[200,15]": "gate_mm=[200.0, 15.0]: give [low, high]",
    f"{TASK}task.sigma_mm=wide": "task.sigma_mm='wide' must be a number",
    f"{TASK}task.sigma_mm=-1": "task.sigma_mm=-1 must be a number",
    f"{TASK}task.heat_weight=2": "task.heat_weight=2 must be a number in 0 to 1",
    f"{TASK}task.present_above=often": "task.present_above='often' must be a number in 0 to 1",
    "task.present_above=often": "task.present_above='often' must be a number in 0 to 1",
    f"{TASK}task.instrument.name=3": "name=3 must be a word",
    f"{TASK}task.instrument.outer_diameter_mm=six": "outer_diameter_mm='six' must be a number",
    f"{TASK}task.instrument.outer_diameter_mm=null": "outer_diameter_mm=None must be a number",
    f"{TASK}task.instrument.shaft_diameter_mm=x": "shaft_diameter_mm='x' must be a number",
    f"{TASK}task.instrument.bend=0.5": "bend=0.5 must be two numbers",
    f"{TASK}task.instrument.bend=null": "bend=None must be two numbers",
    f"{TASK}task.instrument.tube_material=3": "tube_material=3 must be the name of a material",
    f"{TASK}task.distractors.k_wire.diameter_mm=ab": "diameter_mm=ab of k_wire must be a number or [low, high]",
    f"{TASK}task.distractors.k_wire.diameter_mm=null": "diameter_mm=None of k_wire must be a number or [low, high]",
    f"{TASK}task.distractors.k_wire.material=3": "material=3 must be the name of a material",
    f"{TASK}task.distractors.ekg_lead.heading_deg=x": "heading_deg='x' must be a number",
    f"{TASK}instrument@task.instrument=file;task.instrument.path=null": "path=None: give the path of a YAML file",
    f"{TASK}instrument@task.instrument=file": "task.instrument.path",
    "views.isocenter_jitter_mm=[400,500]": "isocenter_jitter_mm needs three ranges",
    "views.roll_deg=3": "roll_deg needs (low, high) with low <= high, got 3",
    f"{REAL}real.pixel_mm=x": "pixel_mm=x: give a length",
    f"{REAL}real.structures=drill": "structures=drill: give a list of names",
    f"{REAL}real.landmarks=3": "landmarks=3: give a list of names",
    f"{REAL}real.landmarks=[1,2]": "landmarks=[1, 2]: give a list of names",
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("archive")
    for name in ("proj", "seg", "lands"):
        (folder / name).mkdir()
    arguments = [sys.executable, "-c", SCRIPT, *WRONG]
    result = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=280)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("override", WRONG)
def test_a_wrong_type_is_one_line_that_names_the_setting(override, messages):
    assert WRONG[override] in messages[override]
    assert "\n" not in messages[override]
