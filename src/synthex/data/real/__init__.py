"""Readers of real datasets: one a dataset, each a :class:`synthex.core.Reader` of native pixels and ids."""

from synthex.data.real.covid_cxr import CovidCxr
from synthex.data.real.deepfluoro import DeepFluoro
from synthex.data.real.deepfluoro_camera import camera_of
from synthex.data.real.deepfluoro_write import write_deepfluoro
from synthex.data.real.hip_folders import HipFolders
from synthex.data.real.hip_study import HipStudy
from synthex.data.real.plain_folder import PlainFolder, read_annotations
from synthex.data.real.qata import QataCov19
from synthex.data.real.radiographs import (
    RadiographFile,
    is_read_as_dicom,
    known_meaning,
    radiograph_count,
    radiograph_files,
    read_radiographs,
)
from synthex.data.real.tool_export import write_tool_folders
from synthex.data.real.tool_folders import ToolFolders
from synthex.data.real.tool_layout import is_tool_folder

__all__ = [
    "CovidCxr",
    "DeepFluoro",
    "HipFolders",
    "HipStudy",
    "PlainFolder",
    "QataCov19",
    "RadiographFile",
    "ToolFolders",
    "camera_of",
    "is_read_as_dicom",
    "is_tool_folder",
    "known_meaning",
    "radiograph_count",
    "radiograph_files",
    "read_annotations",
    "read_radiographs",
    "write_deepfluoro",
    "write_tool_folders",
]
