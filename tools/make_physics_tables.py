"""Make the tables that ship in ``synthex/physics/tables`` from xraydb and SpekPy.

    uv venv /tmp/tables && uv pip install --python /tmp/tables xraydb==4.5.8 spekpy==2.5.4 numpy
    /tmp/tables/bin/python tools/make_physics_tables.py            # writes the tables
    /tmp/tables/bin/python tools/make_physics_tables.py --check    # compares them with the shipped ones

The values depend on the versions of xraydb and SpekPy alone; both are stored in the files.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

TABLES = Path(__file__).parents[1] / "src" / "synthex" / "physics" / "tables"

ELEMENTS = (  # noqa: SIM905
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr "
    "Nb Mo Rh Pd Ag Cd In Sn I Xe Cs Ba La Gd Yb Lu Hf Ta W Re Pt Au Pb Bi"
).split()
GRID_KEV = np.concatenate([np.arange(10.0, 30.0, 0.25), np.arange(30.0, 150.25, 0.5)])
EDGE_MARGIN = 1e-6  # relative: how far beside an absorption edge its two values are taken

KVP = np.arange(40, 151, 2)
BIN_KEV = 0.5
ANODE_ANGLE_DEG = 12


def located_edge(element: str, nominal_kev: float) -> float:
    """Where the spline of Elam et al. jumps by an edge, keV: up to 0.01 keV from the edge's own energy."""
    import xraydb

    low, high = nominal_kev - 0.05, nominal_kev + 0.05
    while high - low > EDGE_MARGIN / 4 * nominal_kev:
        middle = (low + high) / 2
        below, at, above = xraydb.mu_elam(element, np.array([low, middle, high]) * 1000, kind="total")
        low, high = (low, middle) if at / below > above / at else (middle, high)
    return (low + high) / 2


def element_grid(element: str) -> np.ndarray:
    """The energies (keV) at which one element is tabulated: the grid, and both sides of each edge in it."""
    import xraydb

    nominal = np.array([edge.energy / 1000 for edge in xraydb.xray_edges(element).values()])
    inside = (nominal > GRID_KEV[0]) & (nominal < GRID_KEV[-1])
    edges = np.array([located_edge(element, float(energy)) for energy in nominal[inside]])
    sides = np.concatenate([edges * (1 - EDGE_MARGIN), edges * (1 + EDGE_MARGIN)])
    # A grid point on an edge would be on one of its sides by chance.
    grid = GRID_KEV[[not np.any(np.abs(edges - energy) < 2 * EDGE_MARGIN * energy) for energy in GRID_KEV]]
    return np.unique(np.concatenate([grid, sides]))


def attenuation_tables() -> dict[str, np.ndarray]:
    """Total mass attenuation of every element, and mass energy absorption of air, both in cm2/g."""
    import spekpy.SpekTools
    import xraydb

    grids = [element_grid(element) for element in ELEMENTS]
    values = [xraydb.mu_elam(element, grid * 1000, kind="total") for element, grid in zip(ELEMENTS, grids, strict=True)]
    _, air, _ = spekpy.SpekTools.load_mu_data("nist")
    return {
        "elements": np.array(ELEMENTS),
        "offsets": np.cumsum([0, *map(len, grids)]),
        "energies_kev": np.concatenate(grids),
        "mu_over_rho_cm2_g": np.concatenate(values).astype(np.float32),
        "air_energies_kev": GRID_KEV,
        "air_mu_en_over_rho_cm2_g": np.asarray(air.get_muen_over_rho_air(GRID_KEV), dtype=np.float32),
        "versions": np.array([f"xraydb {version('xraydb')}", f"spekpy {version('spekpy')}"]),
    }


def unfiltered(kvp: int, *, bremsstrahlung: bool) -> np.ndarray:
    """One part of an unfiltered tungsten spectrum: photons per mm2 per mAs per keV at 1 m, in BIN_KEV bins.

    Bins start at the lowest energy of the attenuation tables; those beyond the tube voltage are 0.
    """
    import spekpy

    tube = spekpy.Spek(
        kvp=kvp,
        th=ANODE_ANGLE_DEG,
        dk=BIN_KEV,
        mu_data_source="nist",
        brem=bremsstrahlung,
        char=not bremsstrahlung,
    )
    energies, density = tube.get_spectrum()
    centres = np.arange(GRID_KEV[0] + BIN_KEV / 2, GRID_KEV[-1], BIN_KEV)
    spectrum = np.zeros(len(centres))
    bins = np.round((energies - centres[0]) / BIN_KEV).astype(int)
    inside = bins >= 0
    if not np.allclose(energies[inside], centres[bins[inside]]):
        raise SystemExit(f"SpekPy's bins at {kvp} kV are not ours")
    spectrum[bins[inside]] = density[inside] / 100  # per cm2 to per mm2
    return spectrum.astype(np.float32)


def spectrum_tables(tube_kv: np.ndarray = KVP) -> dict[str, np.ndarray]:
    """Unfiltered tungsten spectra; bremsstrahlung and characteristic lines apart."""
    return {
        "kvp": tube_kv.astype(np.float64),
        "energies_kev": np.arange(GRID_KEV[0] + BIN_KEV / 2, GRID_KEV[-1], BIN_KEV),
        "bremsstrahlung_per_kev": np.stack([unfiltered(int(kvp), bremsstrahlung=True) for kvp in tube_kv]),
        "lines_per_kev": np.stack([unfiltered(int(kvp), bremsstrahlung=False) for kvp in tube_kv]),
        "anode_angle_deg": np.array(float(ANODE_ANGLE_DEG)),
        "versions": np.array([f"spekpy {version('spekpy')}"]),
    }


def differences(made: dict[str, np.ndarray], shipped: dict[str, np.ndarray]) -> list[str]:
    """Names of the arrays that differ (numbers: by more than 1e-6 of the largest value of their row)."""
    names = sorted(set(made) ^ set(shipped))
    for name in sorted(set(made) & set(shipped)):
        ours, theirs = made[name], shipped[name]
        if ours.shape != theirs.shape:
            same = False
        elif ours.dtype.kind == "U":
            same = bool((ours == theirs).all())
        else:
            same = np.allclose(ours, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max())
        if not same:
            names.append(name)
    return names


def main() -> None:
    """Write the tables, or compare them with the shipped ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the shipped tables, write nothing")
    check = parser.parse_args().check
    bad = []
    for name, tables in (("attenuation", attenuation_tables()), ("tungsten", spectrum_tables())):
        path = TABLES / f"{name}.npz"
        if check:
            with np.load(path) as shipped:
                bad += [f"{path.name}:{array}" for array in differences(tables, dict(shipped))]
        else:
            TABLES.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(path, **tables)
    if bad:
        sys.exit(f"differ from the shipped tables: {', '.join(bad)}")


if __name__ == "__main__":
    main()
