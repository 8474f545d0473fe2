"""A task with one structure and two landmarks, of the names of the study's tool task: the left femur stands in."""

from pathlib import Path

import numpy as np

from synthex.core import EvalProtocol, Targets, Task, Vocabulary
from synthex.simulation import project_landmarks, visible_masks
from synthex.tasks import hip_landmarks

VOCABULARY = Vocabulary(("manipulator",), ("base", "tip"))

CONFIG = """# @package _global_
task_name: toy_tool
task:
  _target_: generators.toy_tool.build
views:
  _target_: synthex.geometry.ViewRanges
  lao_rao_deg: [-10.0, 10.0]
  cranial_caudal_deg: [-5.0, 5.0]
  roll_deg: [-5.0, 5.0]
  isocenter_jitter_mm: [[-60.0, 60.0], [-5.0, 5.0], [-5.0, 5.0]]
  source_isocenter_mm: [600.0, 700.0]
"""


def write_config(folder: Path) -> None:
    """Offer the task as ``task=toy_tool`` to commands that run in ``folder``."""
    (folder / "conf" / "task").mkdir(parents=True)
    (folder / "conf" / "task" / "toy_tool.yaml").write_text(CONFIG)


def targets(scene, camera, rendering):
    points, visible, annotated = project_landmarks(scene.anatomy, ("FH-l", "FH-r"), camera)
    line = np.nan_to_num(points).tolist()
    record = {"polylines": {"centerline": line}}
    return Targets(visible_masks(rendering.label_path_mm, 1.0), points, visible, annotated, record)


def build() -> Task:
    hip = hip_landmarks.build()
    protocol = EvalProtocol("toy_tool", VOCABULARY, hip.protocol.confidence_cuts, "dice_mean")
    return Task("toy_tool", VOCABULARY, hip.scene, targets, hip.loss, hip.decode, protocol, labels=("femur_left",))
