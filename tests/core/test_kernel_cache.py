import os
from types import ModuleType

from synthex.core import follow


def test_a_kernel_s_file_becomes_as_new_as_what_it_calls(tmp_path):
    outer, inner = tmp_path / "outer.py", tmp_path / "inner.py"
    for path in (outer, inner):
        path.write_text("")
        os.utime(path, (1000, 1000))
    module = ModuleType("inner")
    module.__file__ = str(inner)
    follow(str(outer), module)
    assert outer.stat().st_mtime == 1000
    os.utime(inner, (1002, 1002))
    follow(str(outer), module)
    assert outer.stat().st_mtime > 1002
