"""Whether the DeepDRR package can render on this machine, found out without importing it here."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

EXTRA = "pip install 'synthex[deepdrr]'"
GPU_PROBE = "import cupy; assert cupy.cuda.runtime.getDeviceCount() > 0, 'cupy counts no device'"
RENDER_PROBE = "from synthex.simulation.deepdrr_session import render_test_image; render_test_image()"
PROBE_SECONDS = 300
"""Longest wait for a probe: importing DeepDRR takes 30 to 45 s, and nvcc compiles its kernel once."""

Probe = Callable[[str], str | None]


def find_missing(
    find: Callable[[str], object | None] = importlib.util.find_spec,
    which: Callable[[str], str | None] = shutil.which,
    probe: Probe | None = None,
) -> str | None:
    """The first thing that DeepDRR lacks here and how to get it, or None when it renders.

    Looked for in the order in which a user meets them: package, CuPy, GPU, nvcc, and then a tiny image.

    Args:
        find: Says whether a top-level module is installed, without importing it.
        which: Says where a program is.
        probe: Runs Python source apart and returns what went wrong; None is :func:`run_apart`.
    """
    probe = run_apart if probe is None else probe
    if find("deepdrr") is None:
        return f"the package deepdrr is not installed; install it with: {EXTRA} (it needs numpy<2 and an NVIDIA GPU)"
    if find("cupy") is None:
        return f"the package cupy, which deepdrr needs, is not installed; install it with: {EXTRA} (for CUDA 12)"
    if (problem := probe(GPU_PROBE)) is not None:
        return (
            f"cupy finds no usable NVIDIA GPU ({problem}); run on a machine with an NVIDIA GPU and its driver, "
            "or use simulation=realistic"
        )
    if which("nvcc") is None:
        return "nvcc, which compiles deepdrr's kernel, is not on the PATH; install the CUDA 12 toolkit and add its bin"
    if (problem := probe(RENDER_PROBE)) is not None:
        return (
            f"the package deepdrr fails to render a test image ({problem}); it needs numpy<2, cuda-python<13 "
            f"(both by {EXTRA}), the system library libusb-1.0 and EGL of the GPU's driver"
        )
    return None


@functools.cache
def availability() -> str | None:
    """Why ``simulation=deepdrr`` cannot run here, as one line, or None; looked up once a process."""
    return find_missing()


def run_apart(source: str, seconds: float | int = PROBE_SECONDS) -> str | None:
    """Run Python source in a process of its own.

    DeepDRR is slow to import, can end a process (EGL) and opens CUDA, which worker processes must not inherit.

    Args:
        source: Python statements.
        seconds: When to give up.

    Returns:
        None if it succeeded, else why not: the last line that it wrote to the standard error.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", source], env=child_environment(), capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {seconds:g} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"the process was ended by signal {-done.returncode}"
    lines = done.stderr.strip().splitlines()
    return " ".join(lines[-1].split()) if lines else f"exit code {done.returncode}"


def child_environment() -> dict[str, str]:
    """The environment of a Python process that imports what this one does."""
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
