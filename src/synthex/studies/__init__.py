"""Studies: questions as data, expanded to command lines, and tables of whatever is finished."""

from synthex.studies.budget import Budget, check_budgets
from synthex.studies.choose import Chosen, choose_study, find_study, study_folders
from synthex.studies.collect import Found, collect
from synthex.studies.curves import draw_curves
from synthex.studies.expand import Cell, Plan, named_tokens, plans, size_of, substitute
from synthex.studies.jobs import Settings
from synthex.studies.read import PUBLISHED_FILE, STUDY_FILE, read_study
from synthex.studies.schema import Preparation, Study
from synthex.studies.tables import study_csv, study_latex, study_markdown

__all__ = [
    "PUBLISHED_FILE",
    "STUDY_FILE",
    "Budget",
    "Cell",
    "Chosen",
    "Found",
    "Plan",
    "Preparation",
    "Settings",
    "Study",
    "check_budgets",
    "choose_study",
    "collect",
    "draw_curves",
    "find_study",
    "named_tokens",
    "plans",
    "read_study",
    "size_of",
    "study_csv",
    "study_folders",
    "study_latex",
    "study_markdown",
    "substitute",
]
