"""Instruments and implants as closed bodies: a continuum manipulator, a small library, and the user's own."""

from synthex.instruments.body import Instrument, InstrumentBody
from synthex.instruments.continuum import ContinuumManipulator
from synthex.instruments.file import InstrumentFile
from synthex.instruments.mesh_file import load_solid

__all__ = ["ContinuumManipulator", "Instrument", "InstrumentBody", "InstrumentFile", "load_solid"]
