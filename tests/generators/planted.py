"""Identities in every attribute of a DICOM file that can hold text, a date or an id."""

from pathlib import Path

import pydicom
from pydicom import config
from pydicom.datadict import DicomDictionary

TEXTS = {
    **dict.fromkeys(("PN", "LO", "SH", "LT", "ST", "UT", "UC"), "Wotherspoon"),
    **{"AE": "WOTHERSPOON", "UR": "https://wotherspoon.example", "DA": "19330417", "DT": "19330417111111"},
}
"""A value by value representation (DICOM PS3.5 6.2)."""

UID = "1.2.826.0.1.3680043.19330417"
WORDS = ("otherspoon", "OTHERSPOON", "19330417")
"""What may not be found anywhere afterwards."""

_KEPT = frozenset(("SOPClassUID", "SpecificCharacterSet"))


def plant(path: Path) -> Path:
    """Put :data:`WORDS` into all of a file's attributes that do not say how its pixels are to be read."""
    data = pydicom.dcmread(path)
    before = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        for tag, (kind, _, _, retired, keyword) in DicomDictionary.items():
            group = tag >> 16
            if keyword in _KEPT or retired or not keyword or not 0x0008 <= group < 0x5000 or group == 0x0028:
                continue  # commands, file meta information, layout of pixels
            if kind == "UI" and group in (0x0008, 0x0020):
                data.add_new(tag, kind, f"{UID}.{len(str(path))}" if keyword == "SOPInstanceUID" else UID)
            elif kind in TEXTS:
                data.add_new(tag, kind, TEXTS[kind])
        block = data.private_block(0x0011, "Wotherspoon", create=True)
        block.add_new(1, "LO", "Wotherspoon")
        data.save_as(path, enforce_file_format=True)
    finally:
        config.settings.writing_validation_mode = before
    return path
