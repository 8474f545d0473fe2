"""The page's state as a config: the same views, tube and detector for `synthex preview`, `simulate` and `train`."""

from typing import Any

import yaml

from synthex.explore.controls import State
from synthex.explore.rendering import realistic_settings

NAME = "explored"


def as_config(state: State) -> str:
    """YAML for ``conf/experiment/explored.yaml``: everything at one number, to be widened to ranges.

    Keys that stay out keep the defaults of the level. The isocentre is an offset from the point that the task's views
    are about.
    """
    task, _, instrument = state["scene"].partition("/")
    offset = [[state[name], state[name]] for name in ("right_mm", "front_mm", "head_mm")]
    defaults: list[Any] = [{"override /task": task}, {"override /simulation": state["level"]}]
    if instrument:
        defaults.append({"override /instrument@task.instrument": instrument})
    defaults += [
        {"override /views": "carm_posterior"},
        {"override /augment": state["look"]},
        {"override /carm": "flat_panel"},
    ]
    config: dict[str, Any] = {
        "defaults": defaults,
        "views": {
            "_target_": "synthex.geometry.StandRanges",
            "source_side": state["source_side"],
            **{
                name: [state[name], state[name]]
                for name in (
                    "sdd_mm",
                    "source_isocenter_mm",
                    "lao_rao_deg",
                    "cranial_caudal_deg",
                    "roll_deg",
                    "field_mm",
                )
            },
            "isocenter_jitter_mm": offset,
            **({"opening": [1.0, 1.0]} if state["round"] else {}),
        },
    }
    if state["level"] == "realistic":
        made = realistic_settings(state)
        if "exposure" in made:
            made["exposure"] = {"_target_": "synthex.simulation.stages.Exposure", **made["exposure"]}
        config["simulation"] = made
    head = (
        "# @package _global_\n"
        f"# Made by `synthex explore`. Save it as conf/experiment/{NAME}.yaml, then: "
        f"synthex preview experiment={NAME}\n"
        "# Every number may be a range [low, high], which is drawn from anew for each image.\n"
    )
    text: str = yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=110)
    return head + text
