"""DICOM files at the door: opened within bounds, checked, and read as stored values. pydicom decodes, nothing is shown.

Both CTs (:mod:`synthex.anatomy.io`) and radiographs (:mod:`synthex.data.real`) are read through here, so that bits,
signs, padding and stored lengths are looked at in one place. No value of a tag reaches a message, but for numbers of
the pixels' layout and geometry and the codes of modalities that the standard lists.
"""

from synthex.dicom.files import DicomFile, is_dicom, open_dicom
from synthex.dicom.header import functional, holds_image, integer, modality, number, numbers, sequence, what_it_is, word
from synthex.dicom.pixels import Layout, StoredFrame, pixel_layout, stored_frames
from synthex.dicom.tables import LookupTable, lookup_table

__all__ = [
    "DicomFile",
    "Layout",
    "LookupTable",
    "StoredFrame",
    "functional",
    "holds_image",
    "integer",
    "is_dicom",
    "lookup_table",
    "modality",
    "number",
    "numbers",
    "open_dicom",
    "pixel_layout",
    "sequence",
    "stored_frames",
    "what_it_is",
    "word",
]
