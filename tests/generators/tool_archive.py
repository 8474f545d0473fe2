"""A small archive in the layout of the study's surgical tool folders, simulated part and five folds."""

from pathlib import Path

import h5py
import numpy as np
import tifffile

SIZES = {"train": 2, "valid": 1, "test": 3}
SIDE = 24


def write_tool_archive(root: Path, folds: int = 5, side: int = SIDE) -> Path:
    """Every test folder holds an annotated case, one with a tip that is not annotated, one with a base outside."""
    for split in ("train", "valid"):
        write_tool_part(root / "sim" / f"{split}_data", SIZES[split], seed=split == "valid", side=side)
    for fold in range(1, folds + 1):
        for split, count in SIZES.items():
            write_tool_part(root / "real" / f"Fold{fold}" / split, count, seed=10 * fold + len(split), side=side)
    return root


def write_tool_part(folder: Path, count: int, seed: int = 0, side: int = SIDE) -> Path:
    """``proj``, ``seg`` and ``lands`` of ``count`` cases."""
    for name in ("proj", "seg", "lands"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        image, mask, points = tool_case(index, seed, side)
        tifffile.imwrite(folder / "proj" / f"{index:05d}.tiff", image)
        tifffile.imwrite(folder / "seg" / f"{index:05d}.tiff", mask)
        with h5py.File(folder / "lands" / f"{index:05d}.h5", "w") as file:
            file["ld1"], file["ld2"] = points
    return folder


def tool_case(index: int, seed: int = 0, side: int = SIDE):
    """Image, mask and (column, row) of base and tip with pixel centres at integers, as the files hold them."""
    rng = np.random.default_rng((seed, index))
    row = int(rng.integers(4, side - 4))
    mask = np.zeros((side, side + 2), dtype=np.uint8)  # not square: rows and columns cannot be mistaken
    mask[row - 1 : row + 2, 3 : side - 5] = 1
    image = (mask + 0.2 * rng.random(mask.shape)).astype(np.float32)
    base, tip = np.array((3.0, row + 0.25)), np.array((side - 6.0, row - 0.25))
    if index % 3 == 1:
        tip = np.array((-1.0, -1.0))
    if index % 3 == 2:
        base = np.array((-7.5, float(row)))
    return image, mask, (base, tip)
