import errno

import pytest

from synthex.config.mistakes import user_error
from synthex.core import ConfigError, InputError, UserError


def test_a_worker_s_traceback_gives_its_last_line():
    text = (
        "Caught InputError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
        '  File "worker.py", line 1, in f\nsynthex.core.errors.InputError: a.nii: is cut off; copy it again\n'
    )
    found = user_error(RuntimeError(text))
    assert str(found) == "a.nii: is cut off; copy it again"
    # An error of one argument arrives as itself, with the traceback as its message.
    found = user_error(ConfigError(text.replace("InputError", "ConfigError")))
    assert str(found) == "a.nii: is cut off; copy it again"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_no_crash(number):
    found = user_error(OSError(number, "it is full", "from", None, "run/x.ckpt"))
    assert isinstance(found, InputError)
    assert str(found).startswith("run/x.ckpt: cannot be written (it is full)")


def test_a_disk_that_does_not_answer_is_no_crash():
    found = user_error(OSError(errno.EIO, "input/output error", "scan.nii"))
    assert str(found) == "scan.nii: cannot be used (input/output error); check the path"


def test_what_is_no_mistake_of_the_user_s_is_passed_on():
    assert user_error(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert user_error(OSError(errno.EBADF, "bad file descriptor")) is None
    original = UserError("say it")
    assert user_error(original) is original
