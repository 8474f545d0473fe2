"""HU to the densities of materials: a curve that blends neighbouring materials instead of switching at thresholds.

Each material is pure over an interval of HU; between the intervals of two neighbours a voxel is a mixture of
both, whose parts change linearly with HU, as partial volume does. Densities follow from the CT itself: a voxel
weighs what makes it attenuate as its HU say at the effective energy of the CT's own beam (the stoichiometric
idea of Schneider, Pedroni and Lomax 1996, Phys Med Biol 41:111, solved for density with the composition given).
The curve is thus consistent with its CT by construction; that the densities come out as measured ones
(Schneider, Bortfeld and Schlegel 2000, Phys Med Biol 45:459) is tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from jaxtyping import Float

from synthex.core import ConfigError
from synthex.physics.attenuation import mass_attenuation
from synthex.physics.materials import get_material
from synthex.projection import FIRST_HU, HuTable
from synthex.simulation.draws import Limits, Parameters, Setting


@dataclass(frozen=True)
class Pure:
    """A material and the interval of HU over which a voxel is that material alone.

    Attributes:
        material: A name that :func:`synthex.physics.get_material` knows.
        from_hu: First HU of the interval.
        to_hu: Last HU of the interval.
        scale: Factor on the density that follows from the HU.
        density_g_cm3: A fixed density instead of the one that follows from the HU, for metal: the numbers of
            common CTs end at 3071 HU, below every metal, so that they tell that it is metal but not how dense.
    """

    material: str
    from_hu: float | int
    to_hu: float | int
    scale: float | int = 1.0
    density_g_cm3: float | int | None = None


def consistent_density(material: str, hu: Float[np.ndarray, "N"], ct_kev: float | int) -> Float[np.ndarray, "N"]:
    """Density in g/cm3 at which a material attenuates as HU say: (1 + HU/1000) mu_water / (mu/rho).

    Args:
        material: Its composition.
        hu: CT numbers.
        ct_kev: Effective energy of the CT's beam in keV.
    """
    energy = np.array([float(ct_kev)])
    water = mass_attenuation("water", energy)[0] * get_material("water").density_g_cm3
    return (1 + hu / 1000) * (water / mass_attenuation(material, energy)[0])


def material_curve(pure: Sequence[Pure], ct_kev: float | int, air_to_hu: float | int = FIRST_HU) -> HuTable:
    """Partial densities of materials as a table of HU, one column for each entry of ``pure``, in g/cm3.

    Args:
        pure: Materials in ascending order of HU.
        ct_kev: Effective energy of the CT's beam, keV.
        air_to_hu: HU up to which a voxel is air; air weighs nothing here, as it does outside the grid.

    Raises:
        ConfigError: The intervals overlap or are not in ascending order.
    """
    ends = [("air", float(air_to_hu))]
    for entry in pure:
        ends += [(entry.material, float(entry.from_hu)), (entry.material, float(entry.to_hu))]
    for (below, low), (above, high) in pairwise(ends):
        if high < low or (below != above and high == low):
            raise ConfigError(
                f"HU intervals of materials must ascend without overlap: {below} ends at {low:g} but {above} is at "
                f"{high:g}; move one of them"
            )
    hu = np.arange(FIRST_HU, int(np.ceil(ends[-1][1])) + 1, dtype=np.float64)
    values = np.zeros((len(hu), len(pure)))
    for column, entry in enumerate(pure):
        # Where pure, the density follows every HU; where blended, both ends are fixed and the parts linear.
        before, after = ends[2 * column][1], ends[2 * column + 3][1] if column + 1 < len(pure) else np.inf
        edges = np.array([entry.from_hu, entry.to_hu], dtype=np.float64)
        low, high = _density(entry, edges, ct_kev)
        inside = (hu >= entry.from_hu) & (hu <= entry.to_hu)
        values[:, column] = np.where(inside, _density(entry, hu, ct_kev), 0)
        rising = (hu > before) & (hu < entry.from_hu)
        values[rising, column] = low * (hu[rising] - before) / (entry.from_hu - before)
        falling = (hu > entry.to_hu) & (hu < after)
        values[falling, column] = high * (after - hu[falling]) / (after - entry.to_hu)
    return HuTable(values)


def _density(entry: Pure, hu: Float[np.ndarray, "N"], ct_kev: float | int) -> Float[np.ndarray, "N"]:
    if entry.density_g_cm3 is not None:
        return np.full(len(hu), float(entry.density_g_cm3))
    return entry.scale * consistent_density(entry.material, hu, ct_kev)


@dataclass(frozen=True)
class Tissue(Parameters):
    """How HU are read as tissue and metal; boundaries in HU, between which neighbours blend.

    The intervals are our choice around the HU at which tissues of ICRU Report 44 composition and density lie
    (computed at 75 keV: inflated lung -741, adipose -71, soft tissue 52, spongiosa 270, cortical bone 1426), wide
    enough that the noise of a CT slice does not turn muscle into bone. There is no contrast agent: HU alone do
    not tell it from bone. Contrast can be brought in as a solid of ``blood_iodine_20``.

    Attributes:
        ct_kev: Effective energy of the CT's own beam; 120 kVp CTs are calibrated at 70 to 80 keV.
        air_to_hu: Air up to here; keeps noise around the body from weighing anything.
        lung_from_hu: Lung tissue, thinned by its air, from here.
        lung_to_hu: To here.
        adipose_from_hu: Fat from here.
        adipose_to_hu: To here.
        soft_tissue_from_hu: Muscle, organs and blood from here.
        soft_tissue_to_hu: To here.
        trabecular_from_hu: Spongiosa from here.
        trabecular_to_hu: To here.
        cortical_from_hu: Cortical bone and enamel from here.
        cortical_to_hu: To here.
        metal_from_hu: Metal of its nominal density from here.
        lung_density: Factor on the density of lung: how deeply the subject breathed in.
        soft_density: Factor on fat and soft tissue: calibration error of the CT.
        bone_density: Factor on both kinds of bone: age, osteoporosis.
        metal: What metal in the CT is, a name that :func:`synthex.physics.get_material` knows.
    """

    ct_kev: Annotated[Setting, Limits(50, 120, "keV")] = (70, 80)
    air_to_hu: Annotated[Setting, Limits(-1000, -700, "HU")] = -990
    lung_from_hu: Annotated[Setting, Limits(-1000, -300, "HU")] = -900
    lung_to_hu: Annotated[Setting, Limits(-1000, -150, "HU")] = (-500, -400)
    adipose_from_hu: Annotated[Setting, Limits(-400, 0, "HU")] = (-200, -150)
    adipose_to_hu: Annotated[Setting, Limits(-150, 20, "HU")] = (-70, -50)
    soft_tissue_from_hu: Annotated[Setting, Limits(-60, 80, "HU")] = (-20, 10)
    soft_tissue_to_hu: Annotated[Setting, Limits(40, 250, "HU")] = (90, 130)
    trabecular_from_hu: Annotated[Setting, Limits(100, 600, "HU")] = (220, 280)
    trabecular_to_hu: Annotated[Setting, Limits(150, 900, "HU")] = (350, 450)
    cortical_from_hu: Annotated[Setting, Limits(500, 2000, "HU")] = (1100, 1300)
    cortical_to_hu: Annotated[Setting, Limits(1500, 3500, "HU")] = 2500
    metal_from_hu: Annotated[Setting, Limits(1800, 20000, "HU")] = 3000
    lung_density: Annotated[Setting, Limits(0.3, 3)] = 1
    soft_density: Annotated[Setting, Limits(0.5, 2)] = (0.98, 1.02)
    bone_density: Annotated[Setting, Limits(0.3, 2)] = (0.9, 1.1)
    metal: str = "titanium"

    def __post_init__(self) -> None:
        super().__post_init__()
        get_material(self.metal)
        names = [name for name in self.__dataclass_fields__ if name.endswith("_hu")]
        for below, above in pairwise(names):
            highest, lowest = self.bounds(below)[1], self.bounds(above)[0]
            if highest >= lowest:
                raise ConfigError(
                    f"{self.path()}.{below} can reach {highest:g} HU but must stay below {above}, "
                    f"which can be {lowest:g}; move one of them"
                )

    def materials(self) -> tuple[str, ...]:
        """Materials in the order of the columns of :meth:`curve`."""
        return ("lung", "adipose", "soft_tissue", "trabecular_bone", "cortical_bone", self.metal)

    def curve(self, drawn: dict[str, float]) -> HuTable:
        """The table for one draw of the parameters: densities in g/cm3."""
        names = ("lung", "adipose", "soft_tissue", "trabecular", "cortical")
        scales = [drawn[f"{part}_density"] for part in ("lung", "soft", "soft", "bone", "bone")]
        pure = [
            Pure(material, drawn[f"{name}_from_hu"], drawn[f"{name}_to_hu"], scale)
            for material, name, scale in zip(self.materials(), names, scales, strict=False)
        ]
        density = get_material(self.metal).density_g_cm3
        metal_from = drawn["metal_from_hu"]
        pure.append(Pure(self.metal, metal_from, metal_from, density_g_cm3=density))
        return material_curve(pure, drawn["ct_kev"], drawn["air_to_hu"])
