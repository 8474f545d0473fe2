"""Instruments and implants as closed bodies: a continuum manipulator, a small library, and the user's own."""

from synthex.instruments.body import Instrument, InstrumentBody

__all__ = ["Instrument", "InstrumentBody"]
