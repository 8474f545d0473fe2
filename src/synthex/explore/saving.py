"""What the page saves: a frame as picture, values, labels, DICOM and config in one ZIP archive."""

import datetime
import io
import json
import zipfile
from typing import Any

import numpy as np
from PIL import Image as PilImage

from synthex.core import Task
from synthex.data import to_log
from synthex.data.encoding import encode_rle
from synthex.explore.config import as_config
from synthex.explore.controls import State
from synthex.explore.rendering import Frame


def archive(frame: Frame, task: Task, state: State) -> bytes:
    """A ZIP archive of the frame.

    ``image.png`` as displayed; ``image.npy`` float32 values; ``labels.json`` landmarks and run lengths of masks as the
    exports write them; ``image.dcm``; ``explored.yaml`` for ``conf/experiment``.
    """
    picture, values, packed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    PilImage.fromarray(frame.shown).save(picture, format="png")
    np.save(values, frame.sample.image, allow_pickle=False)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, content in (
            ("image.png", picture.getvalue()),
            ("image.npy", values.getvalue()),
            ("labels.json", json.dumps(labels(frame, task), indent=1).encode()),
            ("image.dcm", dicom(frame, state)),
            ("explored.yaml", as_config(state).encode()),
        ):
            # A fixed time makes equal frames equal files.
            folder.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def labels(frame: Frame, task: Task) -> dict[str, Any]:
    """Labels and geometry of a frame as JSON values; landmarks are (column, row) with pixel centres at +0.5."""
    sample = frame.sample
    return {
        "domain": sample.domain,
        "pixel_mm": sample.pixel_mm,
        "magnification": sample.magnification,
        "landmarks": {
            name: point.tolist() if seen else None
            for name, point, seen in zip(task.vocabulary.landmarks, sample.landmarks, sample.visible, strict=True)
        },
        "masks": {name: encode_rle(mask) for name, mask in zip(task.vocabulary.structures, sample.masks, strict=True)},
        "record": frame.record,
    }


def dicom(frame: Frame, state: State) -> bytes:
    """The log of the intensity as an angiographic image (DICOM PS3.3 A.14) of 16 bits: bone dark, the pose in its tags.

    Patient and study are called synthetic; the positioner's angles have the signs of PS3.3 C.8.7.5 (LAO and cranial
    positive), which are ours.
    """
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

    image = to_log(frame.sample)
    low, high = float(image.min()), float(image.max())
    stored = np.rint((high - image) / max(high - low, 1e-6) * 65535).astype("<u2")
    data, now = Dataset(), datetime.datetime.now()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = XRayAngiographicImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Synthetic^Synthex", "SYNTHETIC", "", "O"
    data.StudyDate = data.ContentDate = now.strftime("%Y%m%d")
    data.StudyTime = data.ContentTime = now.strftime("%H%M%S")
    data.StudyID, data.SeriesNumber, data.InstanceNumber, data.AccessionNumber = "1", 1, 1, ""
    data.ReferringPhysicianName, data.Manufacturer = "", "synthex (simulated image)"
    data.Modality, data.ImageType = "XA", ["DERIVED", "PRIMARY", "SINGLE PLANE"]
    data.ImageComments = "Simulated by synthex. Not an image of a person."
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelIntensityRelationship = "LOG"
    data.WindowCenter, data.WindowWidth = 32768, 65536
    data.ImagerPixelSpacing = [f"{frame.sample.pixel_mm:.8g}"] * 2
    data.DistanceSourceToDetector, data.DistanceSourceToPatient = state["sdd_mm"], state["source_isocenter_mm"]
    data.EstimatedRadiographicMagnificationFactor = f"{frame.sample.magnification:.6g}"
    data.PositionerMotion = "STATIC"
    data.PositionerPrimaryAngle, data.PositionerSecondaryAngle = state["lao_rao_deg"], state["cranial_caudal_deg"]
    data.RadiationSetting = "SC"
    tube = frame.record["simulation"].get("tube", {})
    if tube:
        data.KVP, data.ExposureInuAs = f"{tube['kvp']:.6g}", round(1000 * tube["mas"])
    data.PixelData = stored.tobytes()
    written = io.BytesIO()
    pydicom.dcmwrite(written, data, enforce_file_format=True)
    return written.getvalue()
