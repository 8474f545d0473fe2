"""Studies: questions as data, expanded to jobs that survive, and tables of whatever is finished."""

from synthex.studies.collect import Found, collect
from synthex.studies.curves import draw_curves
from synthex.studies.expand import Cell, Plan, named_tokens, plans, size_of, substitute
from synthex.studies.job import DONE_FILE, JOB_FILE, LOG_FILE, Job, State, read_json
from synthex.studies.launch import WarmLauncher, die_with_parent, spawn
from synthex.studies.read import PUBLISHED_FILE, STUDY_FILE, read_study
from synthex.studies.runner import CodeChangedError, Outcome, duration, run_jobs
from synthex.studies.schema import Preparation, Study
from synthex.studies.tables import study_csv, study_latex, study_markdown
from synthex.studies.version import code_version, content_hash, folder_hash

__all__ = [
    "DONE_FILE",
    "JOB_FILE",
    "LOG_FILE",
    "PUBLISHED_FILE",
    "STUDY_FILE",
    "Cell",
    "CodeChangedError",
    "Found",
    "Job",
    "Outcome",
    "Plan",
    "Preparation",
    "State",
    "Study",
    "WarmLauncher",
    "code_version",
    "collect",
    "content_hash",
    "die_with_parent",
    "draw_curves",
    "duration",
    "folder_hash",
    "named_tokens",
    "plans",
    "read_json",
    "read_study",
    "run_jobs",
    "size_of",
    "spawn",
    "study_csv",
    "study_latex",
    "study_markdown",
    "substitute",
]
