"""From the state of the page to an image with its labels: pure functions of scene, task and state."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from synthex import augment
from synthex.core import Augmentation, Camera, Sample, Scene, Simulator, Task, derive_rng
from synthex.core.arrays import Image
from synthex.data.synthetic import form_sample
from synthex.evaluation.pictures import radiological_display
from synthex.explore.controls import State
from synthex.geometry import CArm, View
from synthex.simulation import Heuristic, Naive, Realistic
from synthex.simulation.stages import Detector, Exposure, Field, Scatter, Tube

PANEL_MM = 430.0
"""Width of the detector: fields are parts of it."""

NOISELESS_MAS = 1000.0
"""A charge whose quanta show no noise."""

GRID = {"grid_primary": 0.7, "grid_scatter": 0.1}
NO_GRID = {"grid_primary": 1.0, "grid_scatter": 1.0}


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of the page.

    Attributes:
        sample: The image with its targets, in pixels of ``size``.
        camera: The camera that took it.
        shown: H x W, 8 bits, as it is displayed.
        record: JSON values of what was drawn: the charge that the exposure control chose among them.
        letters: What lies towards each edge of the image: R, L, A, P, S, I.
        seconds: How long it took.
    """

    sample: Sample
    camera: Camera
    shown: UInt8[np.ndarray, "H W"]
    record: dict[str, Any]
    letters: dict[str, str]
    seconds: float


def view_of(state: State, scene: Scene) -> View:
    """The view that the page's sliders describe, about the point that the scene's views are about."""
    offset = np.array([state["right_mm"], state["front_mm"], state["head_mm"]])
    return View(
        isocenter_world=scene.aim_world + offset,
        lao_rao_deg=state["lao_rao_deg"],
        cranial_caudal_deg=state["cranial_caudal_deg"],
        roll_deg=state["roll_deg"],
        source_isocenter_mm=state["source_isocenter_mm"],
        sdd_mm=state["sdd_mm"],
        source_side=state["source_side"],
        field_mm=state["field_mm"],
        opening=1.0 if state["round"] else None,
    )


def carm_of(size: int) -> CArm:
    """A flat panel of :data:`PANEL_MM` read out with ``size`` columns."""
    return CArm(rows=size, columns=size, pixel_mm=PANEL_MM / size, sdd_mm=2000.0)


def realistic_settings(state: State) -> dict[str, dict[str, Any]]:
    """The realistic level's parameters that the page sets, by group: numbers where training draws from ranges."""
    shutters = state["open_width"] < 1 or state["open_height"] < 1
    settings: dict[str, dict[str, Any]] = {
        "tube": {
            "kvp": state["kvp"],
            "mas": state["mas"] if state["noise"] else NOISELESS_MAS,
            "aluminium_mm": state["aluminium_mm"],
            "copper_mm": state["copper_mm"],
            "focal_spot_mm": state["focal_spot_mm"],
            "target_angle_deg": 12.0,
            "anode_direction_deg": 90.0,
        },
        "scatter": {
            "strength": state["scatter"],
            "half_thickness_mm": 110.0,
            **(GRID if state["grid"] else NO_GRID),
        },
        "field": {
            "correction": 1.0,
            "gain_residual": 0.0,
            "gain_correlation_mm": 50.0,
            "collimated": float(shutters),
            "open_width": state["open_width"],
            "open_height": state["open_height"],
            "tilt_deg": 0.0,
            "penumbra_mm": 2.0,
            "leakage": 0.02,
        },
        "detector": {
            "scintillator_mm": 0.5,
            "swank": 0.9,
            "mtf_h_mm2": 0.6,
            "glare_fraction": 0.0,
            "glare_mm": 30.0,
            "electronic_quanta": 2.0 if state["noise"] else 0.0,
            "saturation": 1.0,
            "bits": 16,
        },
    }
    if state["aec"] and state["noise"]:
        settings["exposure"] = {
            "kvp": state["kvp"],
            "kvp_per_cm": 0.0,
            "least_kvp": 40.0,
            "most_kvp": 150.0,
            "dose_ugy": state["dose_ugy"],
            "most_mas": 1000.0,
            "sensor": 0.5,
            "headroom": 60.0,
        }
    return settings


def simulator_of(state: State) -> Simulator:
    """The simulator of a state."""
    if state["level"] == "naive":
        return Naive()
    if state["level"] == "heuristic":
        return Heuristic()
    made = realistic_settings(state)
    return Realistic(
        tube=Tube(**made["tube"]),
        scatter=Scatter(**made["scatter"]),
        field=Field(**made["field"]),
        detector=Detector(**made["detector"]),
        exposure=Exposure(**made["exposure"]) if "exposure" in made else None,
        energy_groups=12,
    )


def look_of(state: State) -> Augmentation:
    """The augmentation of a state."""
    name = state["look"]
    made: Augmentation = getattr(augment, name)()
    return made


def render(scene: Scene, task: Task, state: State, size: int) -> Frame:
    """The image of a state.

    Args:
        scene: What is X-rayed.
        task: Whose targets are shown.
        state: Of the page.
        size: Rows and columns.
    """
    started = time.perf_counter()
    view = view_of(state, scene)
    camera = view.camera(carm_of(size))
    sample = form_sample(
        task,
        simulator_of(state),
        scene,
        camera,
        view,
        rng=derive_rng(int(state["draw"]), "explore", "image"),
        surround=np.random.default_rng(0),
        case_id="explored",
        subject_id=scene.anatomy.subject_id,
        record={},
    )
    letters = edge_letters(camera)
    if state["look"] != "none":
        sample = look_of(state)(sample, derive_rng(int(state["look_draw"]), "explore", "look"))
    shown = display(sample, state, whole=task.name == "lesion_segmentation")
    return Frame(sample, camera, shown, dict(sample.record), letters, time.perf_counter() - started)


def display(sample: Sample, state: State, *, whole: bool = False) -> UInt8[np.ndarray, "H W"]:
    """The image as 8 bits: windowed on the body, or (``whole``) on all that is there, then contrast and brightness.

    An augmented image is shown as the network gets it, without another window.
    """
    if state["look"] != "none":
        grey = _stretched(sample.image) if sample.domain == "log" else 1 - _stretched(sample.image)
    else:
        grey = radiological_display(sample.image, sample.domain, whole=whole) / np.float32(255)
    grey = (grey - np.float32(0.5)) * np.float32(state["contrast"]) + np.float32(0.5 + 0.5 * state["brightness"])
    grey = np.clip(grey, 0, 1)
    return np.rint(255 * (1 - grey if state["bone_dark"] else grey)).astype(np.uint8)


def _stretched(image: Image) -> Image:
    low, high = np.percentile(image, (0.2, 99.8))
    return np.clip((image - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)


_AXES = (("R", "L"), ("A", "P"), ("S", "I"))
"""Letters of +x, -x, … of the world (RAS), as radiographs and viewers of CT name them."""

_LEAST = 0.35
"""An axis is named where the edge's direction has at least this much of it: below some 20 degrees it would mislead."""


def image_axes(camera: Camera) -> Float[np.ndarray, "2 3"]:
    """Directions of the image's columns (to the right) and rows (down) in the world, RAS."""
    axes = camera.camera_from_world.linear
    return np.stack((axes[0] * np.sign(camera.intrinsics[0, 0]), axes[1]))


def edge_letters(camera: Camera) -> dict[str, str]:
    """What lies towards the left, right, top and bottom of the image; of oblique ones the main direction first."""
    right, down = image_axes(camera)
    return {"right": _letters(right), "left": _letters(-right), "bottom": _letters(down), "top": _letters(-down)}


def _letters(direction: np.ndarray) -> str:
    order: Sequence[int] = np.argsort(-np.abs(direction)).tolist()
    named = [axis for axis in order if abs(direction[axis]) >= _LEAST]
    return "".join(_AXES[axis][0 if direction[axis] > 0 else 1] for axis in named)
