"""Names of the lesion task."""

from synthex.core import Vocabulary

LESION, LUNGS = "lesion", "lungs"

VOCABULARY = Vocabulary(structures=(LESION, LUNGS))
"""The study's class 1, lesion; and the lung fields, which say where to look."""
