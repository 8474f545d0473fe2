"""Common instruments and implants, for realism and as distractors: sizes are drawn from ranges."""

from synthex.instruments.library.clamp import Clamp
from synthex.instruments.library.drill import SurgicalDrill
from synthex.instruments.library.guide import GuideWire
from synthex.instruments.library.hip import HipImplant
from synthex.instruments.library.lead import EkgLead
from synthex.instruments.library.retractor import Retractor
from synthex.instruments.library.screw import CannulatedScrew
from synthex.instruments.library.wire import KWire

__all__ = ["CannulatedScrew", "Clamp", "EkgLead", "GuideWire", "HipImplant", "KWire", "Retractor", "SurgicalDrill"]
