"""A C-arm on the screen: a local page that shows what simulation makes of every setting, live."""

from synthex.explore.config import as_config
from synthex.explore.controls import Control, State, defaults, make_controls, read_state
from synthex.explore.rendering import Frame, edge_letters, render
from synthex.explore.scenes import Scenes, Subjects
from synthex.explore.server import HOST, Explorer, make_app

__all__ = [
    "HOST",
    "Control",
    "Explorer",
    "Frame",
    "Scenes",
    "State",
    "Subjects",
    "as_config",
    "defaults",
    "edge_letters",
    "make_app",
    "make_controls",
    "read_state",
    "render",
]
