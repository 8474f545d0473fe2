"""Gas in the stomach and colon."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from synthex.anatomy.chest_phantom.thorax import Thorax


def gas_tubes(thorax: Thorax, rng: np.random.Generator) -> Float[np.ndarray, "tubes 8"]:
    """The stomach's bubble under the left dome and loops of colon that hold gas, rows as ``tube_kernel.TUBE_ROW``."""
    p, dome = thorax.p, thorax.domes["left"]
    rows: list[tuple[float, ...]] = []
    if p.stomach_gas_mm > 1.0:
        # Gas rises: under the dome when erect, to the front when supine.
        r = p.stomach_gas_mm
        forward = 22.0 if p.supine else 4.0
        flat = 0.55 * r
        centre = dome + np.array((8.0, forward, -(12.0 + flat)))
        for _ in range(5):
            angle = rng.uniform(0, 2 * np.pi)
            shift = np.array((np.cos(angle), 0.7 * np.sin(angle), 0.0)) * (r - flat)
            rows.append((*(centre - shift), *(centre + shift), flat * rng.uniform(0.85, 1.0), flat))
    corner = np.array((-0.72 * thorax.outer_at(-dome[2]), 14.0, dome[2] - 62.0))
    # Splenic flexure and transverse colon: a string of haustra.
    path = [
        corner + np.array((0, -10, -60)),
        corner,
        corner + np.array((34, 20, -18)),
        corner + np.array((66, 34, -46)),
        corner + np.array((108, 40, -60)),
    ]
    for a, b in pairwise(path):
        steps = 3
        for n in range(steps):
            if rng.random() < p.bowel_gas:
                u, v = n / steps, (n + 0.6) / steps
                radius = rng.uniform(10, 19)
                rows.append((*(a + u * (b - a)), *(a + v * (b - a)), radius, radius * rng.uniform(0.8, 1.1)))
    return np.array(rows, dtype=np.float64).reshape(-1, 8)
