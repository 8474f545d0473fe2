"""Small archives in the layouts of real chest and hip radiographs, made from a seed."""

from pathlib import Path

import h5py
import numpy as np
import tifffile
from PIL import Image as PILImage

from synthex.core import Camera, Rigid
from synthex.data.real.deepfluoro import SPECIMENS
from synthex.data.real.hip_names import LANDMARKS

CHEST = (20, 26)  # not square: rows and columns cannot be mistaken
HIP = 45  # square as the study's: the 1436 pixels of the cut detector at 32x
DETECTOR = (240, 220)
DETECTOR_MM = 0.97
EXTRA = "PSIS-l"


def chest_case(seed, size=CHEST):
    """A grey picture and masks of lesion and lungs."""
    rng = np.random.default_rng(seed)
    masks = {name: np.zeros(size, dtype=bool) for name in ("lesion", "lung_left", "lung_right")}
    masks["lung_right"][4:16, 3:10], masks["lung_left"][4:16, 14:22] = True, True
    row, column = rng.integers(5, 12), rng.integers(4, 7)
    masks["lesion"][row : row + 3, column : column + 3] = True
    image = rng.integers(20, 90, size) + 120 * masks["lesion"]
    return image.astype(np.uint8), masks


def write_covid_cxr(root: Path, patients=(1, 1, 2, 3), folds=(0, 0, 1, 2)) -> Path:
    """Four images of three patients; the last has no right lung. ``folds=None`` leaves the column away."""
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    lines = ["image_id,patient_id,split,width,height,has_lung_left,has_lung_right" + (",fold" if folds else "")]
    for index, patient in enumerate(patients):
        image, masks = chest_case(index)
        name, lost = f"d{index:03d}", index == len(patients) - 1
        PILImage.fromarray(image).save(root / "images" / f"{name}.png")
        for kind, mask in masks.items():
            if not (lost and kind == "lung_right"):
                PILImage.fromarray(mask.astype(np.uint8) * 255).save(root / "labels" / f"{name}_{kind}.png")
        lines.append(f"{name},{patient},dev,{CHEST[1]},{CHEST[0]},1,{int(not lost)}")
        lines[-1] += f",{folds[index]}" if folds else ""
    (root / "index.csv").write_text("\n".join(lines) + "\n")
    return root


def write_qata(root: Path, folds=2, count=2) -> Path:
    for split in ("train", "valid"):
        write_pictures(root / "imageng_data" / split, count, 7)
    for fold in range(1, folds + 1):
        for split in ("train", "valid", "test"):
            write_pictures(root / "QaTa-COV19" / f"Fold{fold}" / split, count, 10 * fold + len(split))
    return root


def write_pictures(folder: Path, count: int, seed: int, images="proj", masks="seg", mask_name="{name}") -> Path:
    (folder / images).mkdir(parents=True)
    (folder / masks).mkdir(parents=True)
    for index in range(count):
        image, drawn = chest_case((seed, index))
        name = f"{index:05d}"
        PILImage.fromarray(image).save(folder / images / f"{name}.png")
        mask = drawn["lesion"].astype(np.uint8) * 255
        PILImage.fromarray(mask).save(folder / masks / f"{mask_name.format(name=name)}.png")
    return folder


def hip_case(seed, side=HIP):
    """Line integrals, labels 0 to 6 and 2 x L (column, row) with pixel centres at integers, the last one outside."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), dtype=np.uint8)
    for value in range(1, 7):
        row, column = rng.integers(2, side - 8, size=2)
        labels[row : row + 5, column : column + 6] = value
    points = rng.uniform(0, side - 1, size=(2, len(LANDMARKS)))
    points[:, -1] = (-4.5, side + 3)
    return rng.random((side, side)).astype(np.float32) + labels, labels, points


def write_hip_pair(root: Path, specimens=3, count=2, combined=False) -> Path:
    """``real.h5`` and ``real_label.h5``, or one file that holds both; names are stored in reverse order."""
    root.mkdir(parents=True, exist_ok=True)
    images = h5py.File(root / "real.h5", "w")
    labels = images if combined else h5py.File(root / "real_label.h5", "w")
    with images, labels:
        images["land-names/num-lands"] = len(LANDMARKS)
        for index, name in enumerate(reversed(LANDMARKS)):
            images[f"land-names/land-{index:02d}"] = name
        for specimen in range(1, specimens + 1):
            pixels, segs, points = zip(*(hip_case((specimen, index)) for index in range(count)), strict=True)
            images[f"{specimen:02d}/projs"] = np.stack(pixels)
            labels[f"{specimen:02d}/segs"] = np.stack(segs)
            labels[f"{specimen:02d}/lands"] = np.stack(points)[:, :, ::-1]
    return root / "real.h5" if combined else root


def write_hip_folders(root: Path, count=2) -> Path:
    for part in ("train_data", "valid_data"):
        for name in ("proj", "seg", "lands"):
            (root / part / name).mkdir(parents=True)
        for index in range(count):
            image, labels, points = hip_case((len(part), index))
            tifffile.imwrite(root / part / "proj" / f"{index:05d}.tiff", image)
            PILImage.fromarray(labels).save(root / part / "seg" / f"{index:05d}.png")
            with h5py.File(root / part / "lands" / f"{index:05d}.h5", "w") as file:
                file["dim1"], file["dim2"] = points
    return root


def deepfluoro_camera(seed) -> Camera:
    """Ours, 700 mm from the middle of the volume, read out mirrored as the data set's cameras are."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    focal, (height, width) = 1020 / DETECTOR_MM, DETECTOR
    intrinsics = np.array(((-focal, 0, width / 2 + 3), (0, focal, height / 2 - 5), (0, 0, 1)))
    offset = np.array((0, 0, 700.0)) - turn @ (20.0, -30.0, 900.0)
    return Camera(intrinsics, Rigid.from_parts(turn, offset), height, width, DETECTOR_MM)


def specimen_points(seed) -> np.ndarray:
    """RAS mm around the middle of the volume, one a landmark and one more."""
    around = np.random.default_rng(seed).uniform(-60, 60, (len(LANDMARKS) + 1, 3))
    return around + np.array((20, -30, 900))


def write_deepfluoro(path: Path, specimens=(0, 2), count=2) -> Path:
    """Cameras of ours in the data set's convention; every second picture lies upside down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = DETECTOR
    lps = np.diag((-1.0, -1.0, 1.0, 1.0))
    extrinsic = np.eye(4)
    extrinsic[:3, :3] = np.array(((0, -1, 0), (1, 0, 0), (0, 0, 1)))
    extrinsic[:3, 3] = (0, 0, -1020)
    half_turn = np.diag((-1.0, 1.0, -1.0, 1.0))
    with h5py.File(path, "w") as file:
        ours = deepfluoro_camera((0, 0)).intrinsics - 0.5 * np.array(((0, 0, 1), (0, 0, 1), (0, 0, 0)))
        file["proj-params/intrinsic"] = (-ours @ half_turn[:3, :3]).astype(np.float32)
        file["proj-params/extrinsic"] = extrinsic.astype(np.float32)
        file["proj-params/num-rows"], file["proj-params/num-cols"] = height, width
        file["proj-params/pixel-row-spacing"] = file["proj-params/pixel-col-spacing"] = DETECTOR_MM
        for specimen in specimens:
            group = file.create_group(SPECIMENS[specimen])
            points = specimen_points(specimen)
            _write_image(group, "vol", np.zeros((3, 4, 5), np.float32), 3)
            _write_image(group, "vol-seg/image", np.zeros((3, 4, 5), np.uint8), 3)
            group["vol-seg/labels-def/1"] = "left hemipelvis"
            for name, point in zip((*LANDMARKS, EXTRA), points, strict=True):
                group[f"vol-landmarks/{name}"] = (lps[:3, :3] @ point).astype(np.float32)[:, None]
            for index in range(count):
                camera = deepfluoro_camera((specimen, index))
                pose = np.linalg.inv(np.linalg.inv(extrinsic) @ half_turn @ camera.camera_from_world.matrix @ lps)
                shot = group.create_group(f"projections/{index:03d}")
                image, labels = deepfluoro_pixels((specimen, index))
                _write_image(shot, "image", image, 2)
                _write_image(shot, "gt-seg", labels, 2)
                for name, point in zip((*LANDMARKS, EXTRA), camera.project(points) - 0.5, strict=True):
                    shot[f"gt-landmarks/{name}"] = point.astype(np.float32)[:, None]
                for bone in ("pelvis", "left-femur", "right-femur"):
                    shot[f"gt-poses/cam-to-{bone}-vol"] = pose
                shot["gt-poses/left-femur-good-fov"] = shot["gt-poses/right-femur-good-fov"] = 1
                shot["rot-180-for-up"] = index % 2
    return path


def deepfluoro_pixels(seed):
    """Raw intensity and labels of a whole picture."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(DETECTOR, dtype=np.uint8)
    for value in range(1, 7):
        row, column = rng.integers(60, 130, size=2)
        labels[row : row + 40, column : column + 30] = value
    return (rng.integers(3000, 4000, DETECTOR) - 300 * labels.astype(np.int64)).astype(np.uint16), labels


def _write_image(group, name, pixels, dimensions):
    group[f"{name}/pixels"] = pixels
    group[f"{name}/spacing"] = np.full(dimensions, DETECTOR_MM if dimensions == 2 else 1.0)
    group[f"{name}/origin"] = np.zeros(dimensions)
    group[f"{name}/dir-mat"] = np.eye(dimensions)
