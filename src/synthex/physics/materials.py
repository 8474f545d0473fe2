"""Materials: density and elemental composition."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from synthex.core import ConfigError

FRACTION_TOLERANCE = 1e-3
"""How far mass fractions may be from a sum of 1: published tables are rounded to the third decimal."""


@dataclass(frozen=True, eq=False)
class Material:
    """A homogeneous material.

    Attributes:
        name: What it is called in configurations.
        density_g_cm3: Mass density in g/cm3.
        fractions: Element symbol to mass fraction; they sum to 1.

    Raises:
        ConfigError: The density is not positive, a fraction is negative, or they do not sum to 1.
    """

    name: str
    density_g_cm3: float
    fractions: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.density_g_cm3 > 0:
            raise ConfigError(f"material {self.name} has density {self.density_g_cm3}; give a positive one in g/cm3")
        if any(not fraction >= 0 for fraction in self.fractions.values()):
            raise ConfigError(f"material {self.name} has a mass fraction that is not at least 0; correct it")
        total = sum(self.fractions.values())
        if abs(total - 1) > FRACTION_TOLERANCE:
            raise ConfigError(
                f"mass fractions of material {self.name} sum to {total:.4f}; give fractions of mass that sum to 1"
            )
        object.__setattr__(self, "fractions", MappingProxyType(dict(self.fractions)))


def _parse(text: str) -> dict[str, float]:
    """``"H .1119 O .8881"`` to a mapping."""
    words = text.split()
    return {element: float(fraction) for element, fraction in zip(words[::2], words[1::2], strict=True)}


# Tissues, air, water and PMMA: ICRU Report 44 (1989) and 46 (1992); lung at the density of an inflated
# lung. Alloys: nominal compositions of their standards (ASTM F136 Ti6Al4V, F2063 nitinol, F75 CoCrMo, AISI
# 304 and 316L). iohexol_350: 755 mg/mL iohexol (C19H26I3N3O9) in water. Pure elements at room temperature.
# radiopaque_polymer: by mass 80 % of pmma's elements at 1.15 g/cm3 (about that of polyurethane) and 20 % of barium
# sulphate at 4.5 g/cm3, a common filling of catheters.
_TABLE: dict[str, tuple[float, str]] = {
    "air": (0.001205, "C .000124 N .755268 O .231781 Ar .012827"),
    "water": (1.0, "H .111898 O .888102"),
    "lung": (0.26, "H .103 C .105 N .031 O .749 Na .002 P .002 S .003 Cl .003 K .002"),
    "adipose": (0.95, "H .114 C .598 N .007 O .278 Na .001 S .001 Cl .001"),
    "soft_tissue": (1.06, "H .102 C .143 N .034 O .708 Na .002 P .003 S .003 Cl .002 K .003"),
    "muscle": (1.05, "H .102 C .143 N .034 O .710 Na .001 P .002 S .003 Cl .001 K .004"),
    "blood": (1.06, "H .102 C .110 N .033 O .745 Na .001 P .001 S .002 Cl .003 K .002 Fe .001"),
    "cortical_bone": (1.92, "H .034 C .155 N .042 O .435 Na .001 Mg .002 P .103 S .003 Ca .225"),
    "trabecular_bone": (
        1.18,
        "H .085 C .404 N .028 O .367 Na .001 Mg .001 P .034 S .002 Cl .002 K .001 Ca .074 Fe .001",
    ),
    "pmma": (1.19, "H .080541 C .599846 O .319613"),
    "aluminium": (2.699, "Al 1"),
    "copper": (8.96, "Cu 1"),
    "iron": (7.874, "Fe 1"),
    "titanium": (4.54, "Ti 1"),
    "tantalum": (16.654, "Ta 1"),
    "tungsten": (19.3, "W 1"),
    "platinum": (21.45, "Pt 1"),
    "gold": (19.32, "Au 1"),
    "lead": (11.35, "Pb 1"),
    "ti6al4v": (4.43, "Ti .90 Al .06 V .04"),
    "steel_304": (8.0, "C .0008 Si .01 P .00045 S .0003 Cr .19 Mn .02 Fe .68345 Ni .095"),
    "steel_316l": (8.0, "C .0003 Si .01 P .00045 S .0003 Cr .17 Mn .02 Fe .65395 Ni .12 Mo .025"),
    "nitinol": (6.45, "Ni .5508 Ti .4492"),
    "cocrmo": (8.3, "Co .655 Cr .285 Mo .06"),
    "iodine": (4.93, "I 1"),
    "iohexol_350": (1.406, "H .06895 C .14922 N .02748 O .50542 I .24893"),
    "csi": (4.51, "Cs .511549 I .488451"),
    "radiopaque_polymer": (1.35, "H .064433 C .479877 O .310532 S .027474 Ba .117684"),
}


def _with_iodine(name: str, base: Material, iodine_mg_ml: float) -> Material:
    """``base`` with dissolved iodine; volumes add, iodine counted at its solid density.

    The choice of volume is ours; it moves the density at 20 mg/mL by 0.4 % at most.
    """
    iodine = iodine_mg_ml / 1000
    density = base.density_g_cm3 * (1 - iodine / _TABLE["iodine"][0]) + iodine
    share = iodine / density
    fractions = {element: fraction * (1 - share) for element, fraction in base.fractions.items()}
    return Material(name, density, {**fractions, "I": share})


def _all_materials() -> dict[str, Material]:
    materials = {name: Material(name, density, _parse(text)) for name, (density, text) in _TABLE.items()}
    materials["blood_iodine_20"] = _with_iodine("blood_iodine_20", materials["blood"], 20.0)
    return materials


MATERIALS: Mapping[str, Material] = MappingProxyType(_all_materials())
"""Every material by name."""


def get_material(name: str) -> Material:
    """The material called ``name``.

    Raises:
        ConfigError: There is none of that name; the message suggests near ones.
    """
    if name in MATERIALS:
        return MATERIALS[name]
    near = difflib.get_close_matches(name.lower().replace("-", "_").replace(" ", "_"), MATERIALS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of: {', '.join(sorted(MATERIALS))}"
    raise ConfigError(f"unknown material {name!r}; {hint}")
