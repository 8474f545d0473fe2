"""Readers of real datasets: one a dataset, each a :class:`synthex.core.Reader` of native pixels and ids."""

from synthex.data.real.tool_export import write_tool_folders
from synthex.data.real.tool_folders import ToolFolders
from synthex.data.real.tool_layout import is_tool_folder

__all__ = ["ToolFolders", "is_tool_folder", "write_tool_folders"]
