"""DeepDRR in a process of its own, asked over a pipe.

A forked process (a data loader's worker) cannot use CUDA once its parent has, training has its own use of CUDA,
and DeepDRR's EGL can end a process: none of this reaches the process that asks.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from typing import BinaryIO, cast

from synthex.core import Camera, UserError, Volume
from synthex.core.arrays import Image
from synthex.simulation.deepdrr_availability import child_environment
from synthex.simulation.deepdrr_session import Settings, render_intensity

SERVE = "from synthex.simulation.deepdrr_server import serve; serve()"


def render_apart(ct: Volume, camera: Camera, settings: Settings, noise_seed: int = 0) -> Image:
    """:func:`synthex.simulation.deepdrr_session.render_intensity` in this process's server, started when needed.

    Raises:
        UserError: The server ended; holds the last line of what it said.
    """
    if not _servers or _servers[0].owner != os.getpid():  # a fork leaves its parent's server to the parent
        _servers[:] = [Server()]
    try:
        return _servers[0].render(ct, camera, settings, noise_seed)
    except UserError:
        _servers.clear()
        raise


class Server:
    """A process that renders; ends when the process that started it does.

    Args:
        source: Python source that it runs.
    """

    def __init__(self, source: str = SERVE) -> None:
        self.owner = os.getpid()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server is
        self._process = subprocess.Popen(
            [sys.executable, "-c", source],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
        )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        self._ct: Volume | None = None

    def render(self, ct: Volume, camera: Camera, settings: Settings, noise_seed: int = 0) -> Image:
        """Render there; the CT is sent only when it is another one than last time.

        Raises:
            UserError: The process ended.
        """
        request = (None if ct is self._ct else ct, camera, settings, noise_seed)
        try:
            pickle.dump(request, self._requests, protocol=pickle.HIGHEST_PROTOCOL)
            self._requests.flush()
            image: Image = pickle.load(self._answers)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError) as error:
            raise UserError(f"simulation=deepdrr: the package deepdrr failed: {self._last_words()}") from error
        self._ct = ct
        return image

    def _last_words(self) -> str:
        code = self._process.wait()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return " ".join(lines[-1].split()) if lines else f"its process ended with code {code}"


_servers: list[Server] = []


def serve() -> None:
    """Answer the requests of :class:`Server` until the standard input ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the package or its libraries print goes to the standard error
    ct: Volume | None = None
    while True:
        try:
            sent, camera, settings, noise_seed = pickle.load(requests)
        except EOFError:
            return
        ct = ct if sent is None else sent
        if ct is None:
            raise RuntimeError("the first request holds no CT")
        pickle.dump(render_intensity(ct, camera, settings, noise_seed), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()
