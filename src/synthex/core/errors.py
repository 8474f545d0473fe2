"""Errors that a user caused and can mend: one line, what was seen, in which file, what to do.

Everything derived from :class:`UserError` is printed by the command line as that one line and ends
the process with exit code 2. Any other exception is a bug of ours and keeps its traceback.
"""

from pathlib import Path


class UserError(Exception):
    """A mistake of the user's: the message is one line and says what to do."""

    exit_code = 2


class InputError(UserError):
    """A file or folder that cannot be used.

    Args:
        path: The file or folder at fault.
        problem: What was seen there.
        remedy: What the user can do about it.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str) -> None:
        self.path, self.problem, self.remedy = Path(path), problem, remedy
        super().__init__(f"{path}: {problem}; {remedy}")


class ConfigError(UserError):
    """A setting that cannot be used: names the setting, its value and the valid choices."""


class MissingExtraError(UserError):
    """An optional package is not installed: names the extra to install."""
