"""Tiny DICOM objects in every transfer syntax that matters, from stored values and tags."""

import io
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK
from PIL import Image as PILImage
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

XA, ENHANCED_XA = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.1.1"
SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "lossless": JPEGLosslessSV1,
}
"""Those that keep every value of 16 bits."""


def film(stored: np.ndarray, **tags) -> Dataset:
    """A digital radiograph of (frames x) rows x columns; a tag of None is left out."""
    return dataset(stored, "DX", DigitalXRayImageStorageForPresentation, **({"ImagerPixelSpacing": [0.3, 0.3]} | tags))


def dataset(stored: np.ndarray, modality: str, kind: str, **tags) -> Dataset:
    """Any image of grey values, not yet encoded."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = kind
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.PatientName, data.PatientID, data.Modality = "Doe^Jane", "SECRET-42", modality
    data.Rows, data.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        data.NumberOfFrames = len(stored)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * stored.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(stored.dtype.kind == "i")
    data.PixelData = stored.tobytes()
    for name, value in tags.items():
        if value is None:
            data.pop(name, None)
        else:
            setattr(data, name, value)
    return data


def save(data: Dataset, path: Path, syntax: str = "explicit", preamble: bool = True) -> Path:
    """Write in a transfer syntax of :data:`SYNTAXES`; without preamble also without the group that names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    uid = SYNTAXES[syntax]
    data.file_meta.TransferSyntaxUID = uid
    if uid == RLELossless:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    elif uid == JPEG2000Lossless:
        _encapsulate(data, [_jpeg2000(frame) for frame in _frames(data)])
    elif uid == JPEGLosslessSV1:
        _encapsulate(data, [_jpeg_lossless(frame, path) for frame in _frames(data)])
    elif uid == ExplicitVRBigEndian:
        size = int(data.BitsAllocated) // 8
        values = np.frombuffer(data.PixelData, f"<u{max(size, 2)}")  # 8 bits lie in pairs, as words
        data.PixelData = values.byteswap().tobytes()
        data["PixelData"].VR = "OW"
    if preamble:
        data.save_as(path, enforce_file_format=True)
    else:
        del data.file_meta
        data.save_as(path, implicit_vr=syntax == "implicit", little_endian=syntax != "big")
    return path


def jpeg(data: Dataset, path: Path) -> Path:
    """Write 8-bit pixels as JPEG baseline, whose values change a little."""
    parts = []
    for frame in _frames(data):
        stream = io.BytesIO()
        PILImage.fromarray(frame).save(stream, "JPEG", quality=100)
        parts.append(stream.getvalue())
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    _encapsulate(data, parts)
    data.save_as(path, enforce_file_format=True)
    return path


def table(entries: np.ndarray, first: int = 0, bits: int = 16, **tags) -> Dataset:
    """An item of a Modality LUT or VOI LUT sequence."""
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries) % 2**16, first, bits])
    item.add_new(0x00283006, "OW", np.asarray(entries).astype("<u2").tobytes())
    for name, value in tags.items():
        setattr(item, name, value)
    return item


def _frames(data: Dataset) -> np.ndarray:
    kind = f"<{'i' if data.PixelRepresentation else 'u'}{int(data.BitsAllocated) // 8}"
    return np.frombuffer(data.PixelData, kind).reshape(-1, data.Rows, data.Columns)


def _encapsulate(data: Dataset, parts: list[bytes]) -> None:
    data.PixelData = encapsulate(parts)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True


def _jpeg2000(frame: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PILImage.fromarray(frame).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    return stream.getvalue()


def _jpeg_lossless(frame: np.ndarray, path: Path) -> bytes:
    """Through ITK, which knows how to write it."""
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    made = path.with_name("lossless-by-itk.dcm")
    writer.SetFileName(str(made))
    writer.Execute(SimpleITK.GetImageFromArray(frame))
    data = pydicom.dcmread(made)
    made.unlink()
    assert data.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    return next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1))
