"""Make the pictures of docs/simulation.md: realism levels beside each other, and a real chest radiograph's curves.

    python tools/level_pictures.py --pelvis FOLDER --chest CT.nii.gz --radiographs FOLDER --radiograph IMAGE.png

``--pelvis`` holds ct.nii.gz and landmarks.csv with FH-l and FH-r. Pictures go to ``--output``; those of the chest CT
and of radiographs, which may not be published, go to ``--private``, and only their curves to ``--output``.
"""

import argparse
import csv
import dataclasses
from pathlib import Path

import matplotlib
import numpy as np
import SimpleITK
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.stats import wasserstein_distance

from synthex.anatomy.io import read_ct
from synthex.anatomy.phantom import PelvisPhantoms
from synthex.core import Anatomy, Camera, Scene, Simulator, Volume, derive_rng
from synthex.geometry import CArm
from synthex.simulation import Heuristic, Naive, Realistic
from synthex.simulation.stages import Detector, Field, Scatter, Tube

matplotlib.use("Agg")

from matplotlib import pyplot as plt

SIZE = 384
PELVIS_ARM = CArm(rows=1536, columns=1536, pixel_mm=0.25, sdd_mm=1150, source_isocenter_mm=980)
"""A radiography table's geometry (384 mm of a panel): the whole pelvis is in the image, which a C-arm does not show."""

CHEST_ARM = CArm(
    rows=2304, columns=2304, pixel_mm=0.139, sdd_mm=1800, source_isocenter_mm=1640, source_side="posterior"
)
"""A wall stand: 0.139 mm panel, the patient's chest against it, the source behind the patient at 1.8 m."""

PELVIS = Realistic(
    tube=Tube(kvp=80, aluminium_mm=3, copper_mm=0.1, mas=32, focal_spot_mm=0.6, anode_direction_deg=90),
    scatter=Scatter(strength=1, grid_primary=0.7, grid_scatter=0.1),
    field=Field(correction=1),
    detector=Detector(saturation=0.3),
)
CHEST = Realistic(
    tube=Tube(kvp=120, aluminium_mm=3, copper_mm=0.1, mas=4, focal_spot_mm=0.6, anode_direction_deg=90),
    scatter=Scatter(strength=1, grid_primary=0.7, grid_scatter=0.1),
    field=Field(correction=1),
    detector=Detector(saturation=1),
)


def main() -> None:
    """Make all pictures that the arguments allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pelvis", type=Path)
    parser.add_argument("--chest", type=Path)
    parser.add_argument("--radiographs", type=Path)
    parser.add_argument("--radiograph", type=Path)
    parser.add_argument("--raw", type=Path, help="a DICOM of linear intensities, chest at 120 kV, for its latitude")
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--private", type=Path, default=Path("outputs/level_pictures"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    arguments.private.mkdir(parents=True, exist_ok=True)
    phantom = PelvisPhantoms(count=1, seed=0, spacing_mm=1.0).load("phantom-0000")
    draws(arguments.output / "levels_draws.png", phantom)
    subjects = {"phantom": (phantom, hip_center(phantom))}
    if arguments.pelvis:
        real = read_pelvis(arguments.pelvis)
        middle = hip_center(real)
        middle[2] = real.ct.center_world[2]
        subjects["real CT"] = (real, middle)
    rows = []
    for name, (anatomy, center) in subjects.items():
        camera = PELVIS_ARM.binned(SIZE).camera(PELVIS_ARM.view(center))
        rows += [(f"{name}: {level}", image) for level, image in levels(anatomy, camera, PELVIS).items()]
    sheet(arguments.output / "levels_pelvis.png", rows, 3)
    if arguments.chest:
        chest_pictures(arguments)


def chest_pictures(arguments: argparse.Namespace) -> None:
    """The chest at three levels (private), and its curves beside those of real radiographs."""
    ct = read_ct(arguments.chest)
    anatomy = bare_anatomy("chest", ct)
    camera = CHEST_ARM.binned(SIZE).camera(CHEST_ARM.view(ct.center_world + np.array((0, 0, 10.0))))
    images = levels(anatomy, camera, CHEST)
    tiles = list(images.items())
    if arguments.radiographs:
        files = sorted(arguments.radiographs.glob("*.png"))
        real = {file.stem: np.asarray(Image.open(file).convert("L"), dtype=np.float32) for file in files}
        chosen = arguments.radiograph or files[0]
        tiles.append((f"real radiograph {chosen.stem}", fitted(real[chosen.stem], camera)))
        curves(arguments.output / "levels_chest_curves.png", images, real, chosen.stem)
    sheet(arguments.private / "levels_chest.png", tiles, 2)
    if arguments.raw:
        latitudes(arguments.raw, anatomy)


def latitudes(raw: Path, anatomy: Anatomy) -> None:
    """Print how far line integrals spread in a raw radiograph, and in simulations of its kind (SDD 1.25 m, 120 kV)."""
    pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(raw)))[0].astype(np.float64)
    carm = CArm(rows=SIZE, columns=SIZE, pixel_mm=0.95, sdd_mm=1247, source_isocenter_mm=1000)
    camera = carm.camera(carm.view(anatomy.ct.center_world))
    images = {"raw radiograph": -np.log(np.maximum(pixels, 1)), "naive": levels(anatomy, camera, CHEST)["naive"]}
    for name, transmissions in {"grid": (0.7, 0.1), "no grid": (1, 1)}.items():
        scatter = Scatter(strength=1, grid_primary=transmissions[0], grid_scatter=transmissions[1])
        simulator = dataclasses.replace(CHEST, scatter=scatter)
        images[f"realistic, {name}"] = simulator(Scene(anatomy), camera, (), derive_rng(7)).radiograph.image
    for name, image in images.items():
        low, high = np.percentile(image, (5, 95))
        print(f"{name}: 5th to 95th percentile of the line integrals span {high - low:.2f}")


def levels(anatomy: Anatomy, camera: Camera, realistic: Simulator) -> dict[str, np.ndarray]:
    """One view at every level, log domain."""
    simulators = {"naive": Naive(), "heuristic": Heuristic(), "realistic": realistic}
    return {
        name: simulator(Scene(anatomy), camera, (), derive_rng(7)).radiograph.image
        for name, simulator in simulators.items()
    }


def draws(target: Path, anatomy: Anatomy) -> None:
    """Eight draws of the default parameters on one view of a C-arm."""
    carm = CArm().binned(SIZE // 2)
    camera = carm.camera(carm.view(hip_center(anatomy)))
    tiles = []
    for index in range(8):
        rendering = Realistic()(Scene(anatomy), camera, (), derive_rng(index))
        tube = rendering.record["tube"]
        tiles.append((f"{tube['kvp']:.0f} kV, {tube['mas']:.2g} mAs", rendering.radiograph.image))
    sheet(target, tiles, 4)


def hip_center(anatomy: Anatomy) -> np.ndarray:
    """Between the femoral heads, some centimetres up: the middle of a pelvis radiograph."""
    return (anatomy.landmarks["FH-l"] + anatomy.landmarks["FH-r"]) / 2 + np.array((0, 0, 40.0))


def read_pelvis(folder: Path) -> Anatomy:
    """A CT with the landmarks of landmarks.csv that are in it."""
    with (folder / "landmarks.csv").open() as lines:
        points = {
            row["name"]: np.array([float(row[f"{axis}_ras_mm"]) for axis in "xyz"])
            for row in csv.DictReader(lines)
            if row["in_volume"] == "1"
        }
    return bare_anatomy("pelvis", read_ct(folder / "ct.nii.gz"), points)


def bare_anatomy(name: str, ct: Volume, landmarks: dict[str, np.ndarray] | None = None) -> Anatomy:
    """An anatomy without labels."""
    return Anatomy(name, ct, Volume(np.zeros(ct.shape, np.uint8), ct.world_from_ijk), {}, landmarks or {})


def windowed(image: np.ndarray, low: float = 1.0, high: float = 99.7) -> np.ndarray:
    """An image scaled to 0..1 between two percentiles."""
    bottom, top = np.percentile(image, (low, high))
    return np.clip((image - bottom) / (top - bottom), 0, 1)


def fitted(image: np.ndarray, camera: Camera) -> np.ndarray:
    """The largest middle part of an image with the camera's aspect, resampled to its size."""
    height, width = image.shape
    scale = min(height / camera.height, width / camera.width)
    rows, columns = round(camera.height * scale), round(camera.width * scale)
    top, left = (height - rows) // 2, (width - columns) // 2
    part = Image.fromarray(image[top : top + rows, left : left + columns])
    return np.asarray(part.resize((camera.width, camera.height), Image.Resampling.BOX))


def sheet(target: Path, tiles: list[tuple[str, np.ndarray]], columns: int) -> None:
    """Windowed images in rows, each with its name."""
    height, width = tiles[0][1].shape
    rows = -(-len(tiles) // columns)
    picture = Image.new("L", (columns * (width + 4), rows * (height + 4)), 255)
    for number, (name, image) in enumerate(tiles):
        tile = Image.fromarray((windowed(image) * 255).astype(np.uint8))
        pen = ImageDraw.Draw(tile)
        pen.rectangle((0, 0, 7 + 6 * len(name), 14), fill=0)
        pen.text((4, 1), name, fill=255)
        row, column = divmod(number, columns)
        picture.paste(tile, (column * (width + 4) + 2, row * (height + 4) + 2))
    picture.save(target, optimize=True)


def radial_spectrum(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power per spatial frequency (cycles per image height) of the middle square, over the image's variance."""
    side = min(image.shape)
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side].astype(np.float64)
    window = np.outer(*(np.hanning(side),) * 2)
    square = (square - np.average(square, weights=window)) * window
    power = np.abs(np.fft.fft2(square)) ** 2
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side, 1 / side),) * 2, indexing="ij"))
    ring = np.round(frequency).astype(int)
    mean = ndimage.mean(power, ring, np.arange(1, side // 2))
    return np.arange(1, side // 2), mean / power.sum()


def curves(target: Path, images: dict[str, np.ndarray], real: dict[str, np.ndarray], chosen: str) -> None:
    """Histograms and radial power spectra of the levels, of one real radiograph, and the range of all of them."""
    camera = CHEST_ARM.binned(SIZE).camera(CHEST_ARM.view(np.zeros(3)))
    fit = {name: fitted(image, camera) for name, image in real.items() if min(image.shape) >= camera.height}
    large = list(fit.values())
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    edges = np.linspace(0, 1, 41)
    middles = (edges[1:] + edges[:-1]) / 2

    def histogram(image: np.ndarray) -> np.ndarray:
        return np.histogram(windowed(image), edges, density=True)[0]

    bands = [np.stack([histogram(image) for image in large]), np.stack([radial_spectrum(image)[1] for image in large])]
    lines = {**images, f"real radiograph {chosen}": fitted(real[chosen], camera)}
    frequency = radial_spectrum(large[0])[0]
    for axis, x, band in ((left, middles, bands[0]), (right, frequency, bands[1])):
        label = f"10th to 90th percentile of {len(large)} real radiographs"
        axis.fill_between(x, *np.percentile(band, (10, 90), axis=0), color="0.85", label=label)
    styles = {"naive": ("C0", 1.0), "heuristic": ("C2", 1.0), "realistic": ("C3", 2.0)}
    for name, image in lines.items():
        color, width = styles.get(name, ("k", 1.5))
        left.plot(middles, histogram(image), color=color, linewidth=width, label=name)
        right.loglog(*radial_spectrum(image), color=color, linewidth=width, label=name)
    left.set(xlabel="grey value between the 1st and 99.7th percentile (bone bright)", ylabel="density", ylim=(0, 3))
    right.set(xlabel="cycles per image height", ylabel="power per frequency / total power")
    right.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=100)
    references = [image for name, image in fit.items() if name != chosen]
    for name, image in lines.items():
        grey = windowed(image).ravel()
        distance = np.median([wasserstein_distance(grey, windowed(other).ravel()) for other in references])
        ratio = np.median(radial_spectrum(image)[1][1:96] / np.median(bands[1], axis=0)[1:96])
        print(f"{name}: median earth mover's distance of grey values {distance:.3f}, power over the median {ratio:.2f}")


if __name__ == "__main__":
    main()
