"""Damages files of archives in the ways that files get damaged: cut, emptied, of other types, shapes, axes, values."""

import csv
import io
import json
from pathlib import Path

import h5py
import numpy as np
import pydicom
import tifffile
from PIL import Image as PILImage


def damage(root: Path, rng: np.random.Generator) -> str:
    """Damage one file of a folder (or the file itself) and say how."""
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    path = files[rng.integers(len(files))]
    kinds = {".h5": hdf5, ".csv": table, ".json": document, ".dcm": dicom}
    special = kinds.get(path.suffix, picture)
    if rng.random() < 0.35:
        return f"{path.name}: {any_file(path, rng)}"
    return f"{path.name}: {special(path, rng)}"


def any_file(path: Path, rng: np.random.Generator) -> str:
    content = path.read_bytes()
    how = rng.choice(["cut", "empty", "text", "gone", "folder"], p=[0.6, 0.1, 0.1, 0.1, 0.1])
    if how == "cut":
        # A list that was cut between two lines is another list: nobody can know.
        places = [n for n in range(len(content)) if path.suffix != ".csv" or content[n - 1 : n] != b"\n"]
        path.write_bytes(content[: rng.choice(places)])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_bytes(b"no such thing\n" * 40)
    else:
        path.unlink()
        if how == "folder":
            path.mkdir()
    return str(how)


def picture(path: Path, rng: np.random.Generator) -> str:
    tiff = path.suffix == ".tiff"
    pixels = tifffile.imread(path) if tiff else np.asarray(PILImage.open(path))
    # A square picture that was transposed is another picture: nobody can know.
    axes = ["axes"] if pixels.shape[0] != pixels.shape[1] else []
    how = str(rng.choice([*axes, "shape", "colour", "float", "stack", "nan", "values", "one"]))
    changed = {
        "axes": lambda: np.ascontiguousarray(pixels.T),
        "shape": lambda: pixels[:-3],
        "colour": lambda: rng.integers(0, 255, (*pixels.shape, 3)).astype(np.uint8),
        "float": lambda: pixels.astype(np.complex64),
        "stack": lambda: np.stack([pixels, pixels[::-1]]),
        "nan": lambda: np.where(rng.random(pixels.shape) < 0.01, np.nan, pixels.astype(np.float32)),
        "values": lambda: None,
        "one": lambda: pixels[:1, :1],
    }[how]()
    if how == "values":  # labels and masks hold none of these; of an image nobody can know
        if path.parent.name in ("proj", "images") or pixels.max() > 255 or path.name == "film.png":
            return "as it was"
        changed = np.full_like(pixels, 77)
        changed[0] = 200
    if tiff or how in ("float", "nan", "stack"):
        # Under its old name, as when somebody saved with another program.
        changed = changed.astype(np.float32) if how == "nan" else changed
        tifffile.imwrite(path, changed, photometric="rgb" if how == "colour" else "minisblack")
    else:
        PILImage.fromarray(changed).save(path)
    return how


def hdf5(path: Path, rng: np.random.Generator) -> str:
    keys: list[str] = []
    with h5py.File(path, "r+") as file:
        file.visititems(lambda name, node: keys.append(name) if isinstance(node, h5py.Dataset) else None)
        key = keys[rng.integers(len(keys))]
        values = file[key][()]
        ways = ["gone", "text", "complex", "axes", "shape", "longer", "nan", "absurd", "group", "ragged"]
        # Grey values have no unit: of others nobody can know that they are.
        how = str(rng.choice([way for way in ways if way != "absurd" or not key.endswith(("projs", "pixels"))]))
        del file[key]
        if how == "gone":
            return f"{key} {how}"
        if how == "group":
            file.create_group(key)
            return f"{key} {how}"
        if how == "ragged":
            file.create_dataset(key, (3,), h5py.vlen_dtype(np.float32))
            return f"{key} {how}"
        numeric = isinstance(values, np.ndarray | np.generic) and np.asarray(values).dtype.kind in "iuf"
        if how == "text" or not numeric:
            file[key] = "here" if numeric else 3.0
            return f"{key} text"
        array = np.asarray(values)
        file[key] = {
            "complex": lambda: array.astype(np.complex128),
            "axes": lambda: np.moveaxis(array, 0, -1) if array.ndim > 2 else array.T,
            "shape": lambda: array[..., :-1] if array.ndim else array[None, None].repeat(2, 0),
            "longer": lambda: np.concatenate([array, array]) if array.ndim else np.array([array, array]),
            "nan": lambda: np.where(rng.random(array.shape) < 0.5, np.nan, np.full(array.shape, np.nan)),
            "absurd": lambda: array.astype(np.float64) * 1e4 + 1e9,
        }[how]()
        return f"{key} {how}"


def table(path: Path, rng: np.random.Generator) -> str:
    rows = list(csv.reader(path.read_text().splitlines()))
    row, column = int(rng.integers(len(rows))), int(rng.integers(len(rows[0])))
    how = str(rng.choice(["column", "line", "twice", "cell", "blank", "names", "axes", "binary"]))
    if how == "column":
        rows = [line[:column] + line[column + 1 :] for line in rows]
    elif how == "line":
        rows = rows[:1]  # without any line that says something
    elif how == "twice":
        rows.append(rows[-1])
    elif how == "cell":
        rows[row] = [*rows[row], "more"]
    elif how == "blank":
        rows[0][column] = ""
    elif how == "names":
        rows = rows[1:]
    elif how == "axes":
        rows = [list(line) for line in zip(*rows, strict=True)]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_bytes(text.getvalue().encode() + (b"\xff\xfe\x00\x81" if how == "binary" else b""))
    return f"{how} {rows[0] if rows else ''}"


def document(path: Path, rng: np.random.Generator) -> str:
    """Take one value of a JSON file away, or put something else in its place."""
    data = json.loads(path.read_text())
    places: list[tuple] = []

    def walk(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(data)
    node, key = places[rng.integers(len(places))]
    how = str(rng.choice(["gone", "text", "nan", "absurd", "none", "list"]))
    if isinstance(node, list) and all(isinstance(value, int | float) for value in node):
        how = str(rng.choice(["gone", "text", "nan", "none"]))  # other numbers would be other truths
    elif isinstance(node, list) and how == "gone":
        how = "none"  # a list with less in it says less: nobody can know
    if isinstance(node[key], str) and how == "text":
        how = "none"
    if how == "gone":
        del node[key]
    else:
        node[key] = {"text": "words", "nan": float("nan"), "absurd": 10**12, "none": None, "list": [[]]}[how]
    path.write_text(json.dumps(data))
    return f"{key} {how}"


def dicom(path: Path, rng: np.random.Generator) -> str:
    data = pydicom.dcmread(path)
    how = str(rng.choice(["spacing", "oblong", "rows", "bits", "photometric", "pixels", "samples", "empty"]))
    if how == "spacing":
        data.ImagerPixelSpacing = [[300.0, 300.0], [0.0, 0.0], [-0.3, -0.3], [1e-6, 1e-6]][rng.integers(4)]
    elif how == "oblong":
        data.ImagerPixelSpacing = [0.3, 0.6]
    elif how == "rows":
        data.Rows = int(rng.integers(19, 60000))
    elif how == "bits":
        data.BitsAllocated = data.BitsStored = 32
        data.HighBit = 31
    elif how == "photometric":
        data.PhotometricInterpretation = str(rng.choice(["RGB", "PALETTE COLOR", "NONSENSE"]))
    elif how == "pixels":
        data.PixelData = data.PixelData[: rng.integers(len(data.PixelData))]
    elif how == "samples":
        data.SamplesPerPixel = 3
    else:
        del data.PixelData
    data.save_as(path, enforce_file_format=True)
    return how
