"""Bodies painted: Hounsfield units drawn for shapes whose tissue is known, differently at each painting."""

from synthex.anatomy.painting.body import Body, Bone
from synthex.anatomy.painting.paint import Painting, paint

__all__ = ["Body", "Bone", "Painting", "paint"]
