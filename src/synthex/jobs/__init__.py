"""Jobs: command lines that survive, run by Snakemake or a sweep; nothing here knows what they compute."""

from synthex.jobs.engine import Outcome, run_jobs
from synthex.jobs.job import DONE_FILE, JOB_FILE, LOG_FILE, Job, State, locked_folder, read_json
from synthex.jobs.processes import can_fork, start, stop, wait
from synthex.jobs.version import code_version, content_hash, folder_hash, versions
from synthex.jobs.work import CodeChangedError, duration

__all__ = [
    "DONE_FILE",
    "JOB_FILE",
    "LOG_FILE",
    "CodeChangedError",
    "Job",
    "Outcome",
    "State",
    "can_fork",
    "code_version",
    "content_hash",
    "duration",
    "folder_hash",
    "locked_folder",
    "read_json",
    "run_jobs",
    "start",
    "stop",
    "versions",
    "wait",
]
