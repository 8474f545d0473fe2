"""Make the pictures of docs/tool_detection.md: the manipulator in a phantom's femur at several bends and views.

    python tools/tool_pictures.py --output docs/images
    python tools/tool_pictures.py --ct FOLDER --output outputs/tool_pictures   # in a CT of yours

Pictures of CTs that may not be published stay out of docs.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from synthex.anatomy.ct_folder import CtFolder
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.core import Anatomy, Scene, derive_rng
from synthex.geometry import CArm, View
from synthex.instruments import ContinuumManipulator
from synthex.simulation import Realistic
from synthex.simulation.stages import Tube
from synthex.tasks.tool_detection.placement import Placement
from synthex.tasks.tool_detection.scene import make_scenes

matplotlib.use("Agg")

from matplotlib import pyplot as plt

ARM = CArm(rows=720, columns=720, pixel_mm=0.194, sdd_mm=1020)
"""The middle 140 mm of a CIOS Spin's detector."""
SIZE = 360
BENDS = (0.0, 0.08, 0.16, 0.24)
"""Share of the joints' limit: strong bends do not fit into a femoral head."""
VIEWS = {"frontal": (0.0, 0.0), "40° LAO": (40.0, 0.0), "40° RAO, 20° cranial": (-40.0, 20.0)}
SIMULATOR = Realistic(tube=Tube(kvp=80, mas=3))
MODES = ("tunnel", "front", "behind", "air")


def main() -> None:
    """Make both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ct", type=Path, help="folder of CTs; its first subject with a femur is the host")
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    source = CtFolder(arguments.ct) if arguments.ct else PelvisPhantoms(count=1, seed=0, spacing_mm=1.0)
    host = source.load(source.subject_ids()[0])
    bends = {f"bend {bend:.0%}": scene_of(host, bend, "tunnel") for bend in BENDS}
    sheet(arguments.output / "tool_bends.png", bends)
    places = {mode: scene_of(host, 0.2, mode, seed=2) for mode in MODES}
    sheet(arguments.output / "tool_places.png", places)


def scene_of(host: Anatomy, bend: float, mode: str, seed: int = 4) -> Scene:
    """The manipulator with a constant bend, somewhere in its place."""
    manipulator = ContinuumManipulator(bend=(bend, bend), unevenness=0, drill_probability=0)
    return make_scenes(manipulator, (), Placement(where={mode: 1}))(host, derive_rng(seed, mode))


def sheet(target: Path, scenes: dict[str, Scene]) -> None:
    """A column a scene, a row a view."""
    figure, axes = plt.subplots(len(VIEWS), len(scenes), figsize=(2.6 * len(scenes), 2.6 * len(VIEWS)), squeeze=False)
    for column, (title, scene) in enumerate(scenes.items()):
        for row, (name, angles) in enumerate(VIEWS.items()):
            camera = ARM.binned(SIZE).camera(View(scene.aim_world, *angles, source_isocenter_mm=640))
            image = SIMULATOR(scene, camera, (), derive_rng(7, row)).radiograph.image
            low, high = np.percentile(image, (0.5, 99.8))
            axis = axes[row, column]
            axis.imshow(image, cmap="gray", vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[], title=title if row == 0 else "", ylabel=name if column == 0 else "")
    figure.tight_layout(pad=0.4)
    figure.savefig(target, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
