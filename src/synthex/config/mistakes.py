"""The user's mistake behind whatever was raised."""

import errno
import re

from hydra.errors import HydraException, InstantiationException
from omegaconf.errors import OmegaConfBaseException

from synthex.core import ConfigError, InputError, UserError
from synthex.core.parent import worker_killed


def user_error(error: BaseException | None) -> UserError | None:
    """The user's mistake behind an exception, if that is what it is.

    Hydra wraps whatever a constructor raised; a wrong argument name or type in the config shows up as
    its TypeError.
    """
    seen: BaseException | None = error
    while seen is not None:
        in_worker = re.findall(r"^synthex\.core\.errors\.\w+: (.+)$", str(seen), re.MULTILINE)
        if in_worker:  # a data loader's worker sends its traceback as the text of a new exception
            return UserError(in_worker[-1])
        if isinstance(seen, UserError):
            return seen
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
            path = seen.filename2 or seen.filename or "the output folder"
            return InputError(path, f"cannot be written ({seen.strerror})", "free some space or choose another folder")
        if isinstance(seen, OSError) and seen.errno in (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EIO):
            return InputError(seen.filename or "a file", f"cannot be used ({seen.strerror})", "check the path")
        if isinstance(seen, InstantiationException) and isinstance(seen.__cause__, TypeError | ValueError):
            return ConfigError(" ".join(f"{seen.__cause__} (while building {_key(seen)})".split()))
        if worker_killed(seen):
            return UserError(
                "a process that loads or prepares data was killed, as happens where memory runs out; with fewer of "
                "them (data.workers, workers) call the same command again, it goes on"
            )
        if type(seen).__name__ == "MisconfigurationException":  # Lightning's, by name: importing it takes seconds
            return ConfigError(" ".join(f"trainer: {seen}".split()))
        if isinstance(seen, HydraException | OmegaConfBaseException) and not isinstance(seen, InstantiationException):
            return ConfigError(" ".join(str(seen).split()))
        seen = seen.__cause__ or seen.__context__
    return None


def _key(error: InstantiationException) -> str:
    lines = [line for line in str(error).splitlines() if line.startswith("full_key:")]
    return lines[-1].removeprefix("full_key:").strip() if lines else "an object of the config"
