"""Tiny CTs, label maps and landmark files in every format, and DICOM series, made on the spot."""

import struct
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

SHAPE = (12, 10, 8)
SPACING = (2.0, 3.0, 4.0)
PATIENT = "Doe^Jane"


def ct_values(shape: tuple[int, ...] = SHAPE, seed: int = 7) -> np.ndarray:
    """int16 HU [i, j, k]: air around, tissue and bone inside, no two corners alike."""
    rng = np.random.default_rng(seed)
    values = np.full(shape, -1000, dtype=np.int16)
    inner = tuple(slice(1, n - 1) for n in shape)
    values[inner] = rng.integers(-120, 900, size=values[inner].shape)
    values[0, 0, 0] = 1234
    return values


def ras_affine(spacing: tuple[float, ...] = SPACING, origin: tuple[float, ...] = (-10.0, 20.0, 30.0)) -> np.ndarray:
    affine = np.diag((*spacing, 1.0))
    affine[:3, 3] = origin
    return affine


def reoriented(values: np.ndarray, affine: np.ndarray, codes: str) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels in the same places, stored with other axes (``"LPS"``, ``"SAR"``, …), from RAS."""
    axes = [next(i for i, pair in enumerate(("LR", "PA", "IS")) if code in pair) for code in codes]
    out, matrix = np.transpose(values, axes), affine[:, [*axes, 3]].copy()
    for axis, code in enumerate(codes):
        if code in "LPI":
            out = np.flip(out, axis)
            matrix[:3, 3] += matrix[:3, axis] * (out.shape[axis] - 1)
            matrix[:3, axis] *= -1
    return np.ascontiguousarray(out), matrix


def write_itk(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    """Write [i, j, k] values with a RAS affine in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T))
    lps = np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


def nifti_bytes(
    values: np.ndarray,
    affine: np.ndarray,
    pixdim: tuple[float, ...] | None = None,
    sform_code: int = 1,
    dim: tuple[int, ...] | None = None,
) -> bytes:
    """A NIfTI-1 file with whatever header the test wants; sform only."""
    kinds = {"int16": (4, 16), "uint8": (2, 8), "float32": (16, 32)}
    datatype, bits = kinds[values.dtype.name]
    head = bytearray(352)
    shape = dim or values.shape
    steps = pixdim or tuple(np.linalg.norm(affine[:3, :3], axis=0))
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, len(shape), *shape, *(1,) * (7 - len(shape)))
    struct.pack_into("<2h", head, 70, datatype, bits)
    struct.pack_into("<8f", head, 76, 1.0, *steps, *(0.0,) * (7 - len(steps)))
    struct.pack_into("<f", head, 108, 352.0)
    struct.pack_into("<f", head, 112, 1.0)
    head[123] = 2
    struct.pack_into("<2h", head, 252, 0, sform_code)
    struct.pack_into("<12f", head, 280, *affine[:3].ravel())
    head[344:348] = b"n+1\0"
    return bytes(head) + values.tobytes(order="F")


def write_dicom_series(
    folder: Path,
    values: np.ndarray,
    affine: np.ndarray,
    modality: str = "CT",
    series: str | None = None,
    study: str | None = None,
    skip: tuple[int, ...] = (),
    prefix: str = "im",
) -> Path:
    """One file per k, in shuffled file order; ``affine`` must be LPS-ordered axes (rows to the left, …)."""
    folder.mkdir(parents=True, exist_ok=True)
    series = series or generate_uid()
    lps = np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    names = np.random.default_rng(3).permutation(values.shape[2])
    for k in range(values.shape[2]):
        if k in skip:
            continue
        data = _dataset(CTImageStorage, modality, series)
        data.StudyInstanceUID = study or series
        data.ImagePositionPatient = [f"{x:.6f}" for x in (lps @ (0, 0, k, 1))[:3]]
        data.ImageOrientationPatient = [f"{x:.9f}" for x in (lps[:3, :2] / spacing[:2]).T.ravel()]
        data.PixelSpacing = [float(spacing[1]), float(spacing[0])]
        data.SliceThickness = float(spacing[2])
        data.InstanceNumber = k + 1
        _pixels(data, values[:, :, k].T)
        data.save_as(folder / f"{prefix}{names[k]:03d}.dcm", enforce_file_format=True)
    return folder


def write_enhanced_dicom(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    """One multi-frame file of the enhanced CT storage class."""
    lps = np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    data = _dataset(EnhancedCTImageStorage, "CT", generate_uid())
    data.NumberOfFrames = values.shape[2]
    shared = pydicom.Dataset()
    measures, orientation, transform = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing = [float(spacing[1]), float(spacing[0])]
    measures.SliceThickness = float(spacing[2])
    orientation.ImageOrientationPatient = [float(x) for x in (lps[:3, :2] / spacing[:2]).T.ravel()]
    transform.RescaleIntercept, transform.RescaleSlope, transform.RescaleType = -1024.0, 1.0, "HU"
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelValueTransformationSequence = Sequence([transform])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in range(values.shape[2]):
        frame, position = pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [float(x) for x in (lps @ (0, 0, k, 1))[:3]]
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    del data.RescaleIntercept, data.RescaleSlope
    _pixels(data, np.transpose(values, (2, 1, 0)))
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_markups(path: Path, points: dict[str, tuple[float, ...]], frame: str = "LPS", undefined: str = "") -> Path:
    """Slicer markups; ``points`` in ``frame``; ``undefined`` names one more point that is not placed."""
    import json

    controls = [{"label": n, "position": list(p), "positionStatus": "defined"} for n, p in points.items()]
    if undefined:
        controls.append({"label": undefined, "position": [0.0, 0.0, 0.0], "positionStatus": "undefined"})
    markup = {"type": "Fiducial", "coordinateSystem": frame, "controlPoints": controls}
    path.write_text(json.dumps({"markups": [markup]}))
    return path


def _dataset(storage: str, modality: str, series: str) -> pydicom.Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = storage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID = PATIENT, "SECRET-42"
    data.Modality, data.SeriesInstanceUID, data.StudyInstanceUID = modality, series, "1.2.3"
    data.FrameOfReferenceUID = "1.2.3.4"
    data.RescaleIntercept, data.RescaleSlope = -1024, 1
    return data


def _pixels(data: pydicom.Dataset, hounsfield: np.ndarray) -> None:
    """Put stored values (HU + 1024, unsigned) into the data set that the caller is building."""
    data.Rows, data.Columns = hounsfield.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PixelData = np.ascontiguousarray(hounsfield + 1024).astype("<u2").tobytes()
