"""What varies between chest phantoms, and how it is drawn."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChestParameters:
    """One phantom subject. Lengths in mm, angles in degrees, factors on the template of :mod:`.thorax`.

    Means and spreads are our choice unless a source is named; they were set so that lung volumes, widths and
    projections span those of a real chest CT and of published radiographs (see the tests).

    Attributes:
        female: Sex-typical shape.
        age: 20 to 88 years; drives calcified cartilage, kyphosis and bone density.
        height: Factor along z; male 1.13 +- 0.05, female 1.05 +- 0.045.
        width: Factor along x on the rib cage; male 1.13 +- 0.05, female 1.02 +- 0.045.
        depth: Factor along y on the rib cage; male 1.15 +- 0.055, female 1.05 +- 0.055.
        kyphosis_deg: Angle between the T1 and T12 tangents; 40 +- 9 rising with age, 20 to 68 (normal 20 to 45,
            Fon et al., AJR 1980).
        scoliosis_mm: Sideways bow of the spine at mid-thorax; 0 +- 3.
        dome_level: Thoracic vertebra (10.0: the centre of T10) on whose level the right dome stands; 8.0 (poor
            inspiration) to 10.9 (deep).
        dome_step_mm: How much lower the left dome stands, 3 to 24.
        sulcus: Factor on the depth of the costophrenic recesses, 0.5 to 1.15.
        rib_slope: Factor on how far ribs fall from back to side, 0.8 to 1.22.
        rib_size: Factor on rib height and thickness, 0.82 to 1.12.
        cardiothoracic_ratio: Heart's width over the inner width of the rib cage, 0.38 to 0.66; 0.46 +- 0.035,
            one subject in ten drawn around 0.56 (above 0.5 counts as enlarged on PA films; Danzer 1919).
        heart_axis_deg: How steeply the heart's long axis falls to the left, 22 to 60.
        aorta: Factor on the width of arch and descending aorta, 0.85 to 1.35, growing with age.
        mediastinum_mm: Extra half width of the upper mediastinum, 0 to 9.
        hilum: Factor on hilar and lung vessels, 0.8 to 1.4.
        parenchyma_hu: Lung tissue without visible vessels midway up, -905 to -790.
        gravity_hu: Rise of lung HU from the upper to the lower side, 15 to 110.
        supine: Whether gravity points backward (and gas lies in front) instead of down.
        density: Factor on bone contrast, 0.6 to 1.25.
        cortex: Factor on cortical thickness, 0.7 to 1.3.
        calcification: Share of costal cartilage that is calcified, 0 to 0.5.
        fat_mm: Subcutaneous fat at the flank, 5 to 48.
        muscle: Factor on the muscle of the chest wall, 0.75 to 1.3.
        belly_mm: How far the abdomen stands out beyond the rib cage, -5 to 55.
        breast_mm: Radius of the breasts, 0 (none) to 72.
        breast_sag_mm: How far they hang below their place on the wall, 0 to 45.
        shoulder_mm: Half the distance of the shoulder joints, 140 to 182.
        protraction: How far the scapulae are turned off the lungs, 0 (arms at the sides) to 1 (hands on hips).
        shrug_mm: Height of the lateral end of the clavicle over its template, -12 to 24.
        stomach_gas_mm: Radius of the gas bubble under the left dome, 0 to 36.
        bowel_gas: Share of colon loops that hold gas, 0 to 0.6.
        apical_mm: Muscle of the shoulder girdle in front of and behind the lung apices beyond the wall below, 10 to 70;
            45 makes the apices outweigh the middle of the lungs as on the template's CT (by a quarter in water).
    """

    female: bool
    age: float
    height: float
    width: float
    depth: float
    kyphosis_deg: float
    scoliosis_mm: float
    dome_level: float
    dome_step_mm: float
    sulcus: float
    rib_slope: float
    rib_size: float
    cardiothoracic_ratio: float
    heart_axis_deg: float
    aorta: float
    mediastinum_mm: float
    hilum: float
    parenchyma_hu: float
    gravity_hu: float
    supine: bool
    density: float
    cortex: float
    calcification: float
    fat_mm: float
    muscle: float
    belly_mm: float
    breast_mm: float
    breast_sag_mm: float
    shoulder_mm: float
    protraction: float
    shrug_mm: float
    stomach_gas_mm: float
    bowel_gas: float
    apical_mm: float


def sample_chest_parameters(rng: np.random.Generator) -> ChestParameters:
    """Draw one subject; every value is cut to the range given in the class."""

    def normal(mean: float, deviation: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, deviation), low, high))

    female = bool(rng.random() < 0.5)
    age = float(rng.uniform(20, 88))
    old = (age - 20) / 68
    supine = bool(rng.random() < 0.35)
    heavy = float(rng.beta(1.7, 3.0))
    enlarged = rng.random() < 0.1
    dome = normal(9.2 if supine else 9.9, 0.55, 8.0, 10.9)
    width = normal(1.02 if female else 1.13, 0.045, 0.9, 1.28)
    return ChestParameters(
        female=female,
        age=age,
        height=normal(1.05 if female else 1.13, 0.045, 0.93, 1.27),
        width=width,
        depth=normal(1.05 if female else 1.15, 0.055, 0.9, 1.32),
        kyphosis_deg=normal(35 + 14 * old, 8, 20, 68),
        scoliosis_mm=normal(0, 3, -10, 10),
        dome_level=dome,
        dome_step_mm=normal(12, 4.5, 3, 24),
        sulcus=normal(0.84, 0.13, 0.5, 1.15),
        rib_slope=normal(1.0, 0.09, 0.8, 1.22),
        rib_size=normal(0.91 if female else 0.99, 0.05, 0.82, 1.12),
        cardiothoracic_ratio=normal(0.56 if enlarged else 0.46, 0.035, 0.38, 0.66),
        heart_axis_deg=normal(40 - 4 * (9.7 - dome) - 6 * heavy, 6, 22, 60),
        aorta=normal(0.92 + 0.22 * old, 0.07, 0.85, 1.35),
        mediastinum_mm=float(np.clip(rng.normal(2 + 3 * heavy, 1.5), 0, 9)),
        hilum=normal(1.06, 0.13, 0.8, 1.4),
        parenchyma_hu=normal(-880 + 22 * (9.7 - dome), 18, -905, -790),
        gravity_hu=normal(70 if supine else 40, 14, 15, 110),
        supine=supine,
        density=normal(1.05 - 0.3 * old, 0.11, 0.6, 1.25),
        cortex=normal(1.05 - 0.15 * old, 0.11, 0.7, 1.3),
        calcification=float(np.clip(rng.normal(0.35 * old**1.5, 0.08), 0, 0.5)),
        fat_mm=5 + 43 * heavy,
        muscle=normal(0.93 if female else 1.07, 0.09, 0.75, 1.3),
        belly_mm=float(np.clip(rng.normal(8 + 40 * heavy, 6), -5, 55)),
        breast_mm=float(np.clip(rng.normal(36 + 34 * heavy, 7), 22, 72)) if female else 0.0,
        breast_sag_mm=float(np.clip(rng.normal(6 + 26 * old * heavy + 8 * old, 6), 0, 45)),
        shoulder_mm=normal(150 if female else 164, 6, 140, 182),
        protraction=float(rng.uniform(0, 0.45) if supine else rng.beta(2.2, 1.4)),
        shrug_mm=normal(6, 6.5, -12, 24),
        stomach_gas_mm=float(rng.uniform(14, 34)) if rng.random() < 0.7 else 0.0,
        bowel_gas=float(rng.uniform(0, 0.6)),
        apical_mm=float(rng.uniform(10, 70)),
    )
