"""A small folder of somebody's own radiographs: DICOM files and pictures, a CSV of landmarks, a COCO file."""

import json
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image as PILImage
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

PATIENT = {
    "PatientName": "Doe^Jane",
    "PatientID": "ID-4711",
    "PatientBirthDate": "19700203",
    "OtherPatientNames": "Roe",
}
SECRETS = ("Doe", "Jane", "4711", "19700203", "Roe", "smith")
SIZE = (18, 24)
FILES = ("a/smith-1.dcm", "a/smith-2.dcm", "b/other.dcm", "film.png")


def stored_values(seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 4000, SIZE).astype(np.uint16)


def write_dicom(path: Path, values: np.ndarray | None = None, **tags) -> Path:
    """A radiograph; tags are set as they are given, None leaves one out."""
    values = stored_values() if values is None else values
    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.Modality, data.SamplesPerPixel, data.PhotometricInterpretation = "DX", 1, "MONOCHROME2"
    data.Rows, data.Columns = values.shape[-2:]
    data.BitsAllocated = data.BitsStored = 8 * values.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    for name, value in (PATIENT | {"ImagerPixelSpacing": [0.3, 0.3]} | tags).items():
        if value is not None:
            setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_plain_folder(root: Path) -> Path:
    """Two files of one patient, one of another, a picture; landmarks ``top`` and ``tail`` in a CSV, more in COCO."""
    for index, name in enumerate(FILES[:3]):
        write_dicom(root / name, stored_values(index), PatientID="ID-4711" if index < 2 else "ID-12")
    PILImage.fromarray((stored_values(3) // 16).astype(np.uint8)).save(root / FILES[3])
    lines = ["image,landmark,column,row,width,height"]
    lines += [f"{name},top,{3.5 + index},{2.25}" for index, name in enumerate(FILES)]
    lines += [f"{FILES[0]},tail,20,15", f"{FILES[1]},tail,,", f"{FILES[2]},tail,-4,3"]
    lines[1:] = [f"{line},{SIZE[1]},{SIZE[0]}" for line in lines[1:]]
    (root / "annotations.csv").write_text("\n".join(lines) + "\n")
    square = [2, 3, 10, 3, 10, 8, 2, 8]
    document = {
        "images": [
            {"id": 10 + i, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for i, name in enumerate(FILES)
        ],
        "categories": [{"id": 1, "name": "bone", "keypoints": ["top", "tail"]}, {"id": 2, "name": "tool"}],
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 1, "segmentation": [square], "keypoints": [3.5, 2, 2, 20, 15, 0]},
            {
                "id": 2,
                "image_id": 10,
                "category_id": 2,
                "segmentation": {"size": list(SIZE), "counts": [18, 4, 14, 4, 392]},
            },
            {"id": 3, "image_id": 11, "category_id": 1, "segmentation": [square, [12, 0, 20, 0, 20, 18, 12, 18]]},
        ],
    }
    (root / "coco.json").write_text(json.dumps(document))
    return root
