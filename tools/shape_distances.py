"""Where real people lie among the phantoms, by landmarks: a table on the terminal and a figure.

    python tools/shape_distances.py DATA docs/images/shape.png

Before: the bare template (no modes, no local deformations) with everything else drawn. After: the phantoms as they are.
Shapes are laid on each other by similarities; distances are root mean squares over 14 landmarks, mm.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from fit_landmark_prior import aligned, people_landmarks

from synthex.anatomy.hip_landmarks import HIP_LANDMARKS
from synthex.anatomy.phantom.build import plausible
from synthex.anatomy.phantom.parameters import PelvisParameters, sample_pelvis_parameters
from synthex.core import derive_rng

matplotlib.use("Agg")

from matplotlib import pyplot as plt

COUNT = 60


def population(bare: bool) -> np.ndarray:
    """``COUNT`` x 14 x 3, mm; unlike those that the prior was fitted to."""
    rng = derive_rng("shape_distances")
    shapes = []
    for _ in range(COUNT):
        parameters = sample_pelvis_parameters(rng)
        found = plausible(_bare(parameters) if bare else parameters)[2]
        shapes.append([found[name] for name in HIP_LANDMARKS])
    return np.array(shapes)


def _bare(p: PelvisParameters) -> PelvisParameters:
    names = ("modes_left", "modes_right", "local_left", "local_right")
    empty: dict[str, Any] = dict.fromkeys(names, ())
    return replace(p, **empty, hip_half_distance_mm=84.0 * p.size, flare_mm=p.flare_mm - 7.0)


def distances(shapes: np.ndarray, people: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    """Of each phantom to the mean; and of each person to the mean and to the nearest phantom."""
    mean = shapes[0]
    for _ in range(5):
        mean = np.mean([aligned(shape, mean) for shape in shapes], axis=0)
    own = np.array([rms(aligned(shape, mean) - mean) for shape in shapes])
    theirs = {}
    for name, shape in people.items():
        nearest = min(rms(aligned(one, shape) - shape) for one in shapes)
        theirs[name] = (rms(aligned(shape, mean) - mean), nearest)
    return own, theirs


def rms(difference: np.ndarray) -> float:
    """Root mean square length of the rows."""
    return float(np.sqrt((difference**2).sum(axis=1).mean()))


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("figure", type=Path)
    arguments = parser.parse_args()
    people = people_landmarks(arguments.data)
    panels = {
        "template alone": distances(population(True), people),
        "law of real shapes": distances(population(False), people),
    }
    for title, (own, theirs) in panels.items():
        low, middle, high = np.quantile(own, (0.05, 0.5, 0.95))
        print(f"{title}: phantoms from their mean {middle:.1f} mm (5 to 95 %: {low:.1f} to {high:.1f})")
        for name, (mean, nearest) in theirs.items():
            share = 100 * float((own < mean).mean())
            print(
                f"  {name}: {mean:.1f} mm from the mean, {share:.0f} % of phantoms are nearer; nearest {nearest:.1f} mm"
            )
    draw(panels, arguments.figure)


def draw(panels: dict[str, tuple[np.ndarray, dict[str, tuple[float, float]]]], path: Path) -> None:
    """Phantoms as a histogram, people as lines."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharex=True, sharey=True)
    for axis, (title, (own, theirs)) in zip(axes, panels.items(), strict=True):
        axis.hist(own, bins=np.arange(0, 16, 0.75), color="0.8", label="phantoms")
        for number, (name, (mean, _)) in enumerate(theirs.items()):
            axis.axvline(mean, color=f"C{number}", label=name)
        axis.set_title(title)
        axis.set_xlabel("landmarks from the phantoms' mean, mm (rms)")
    axes[1].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
