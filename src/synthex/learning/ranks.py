"""The processes of a distributed training: who is who, how they meet, and how none is left behind.

Lightning starts further processes by calling the whole command again. Under Hydra that makes a folder for each of them,
runs what comes after training in each, and cannot be done twice in one process, as a sweep must. Here the first process
goes through the command as ever, and around the training alone starts :mod:`its helpers <synthex.cli.rank>`, which
get the resolved settings from it, train with it, and end. Those that torchrun has started do the same.
"""

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist

from synthex.core import ConfigError, UserError
from synthex.core.parent import launched

log = logging.getLogger(__name__)

MEETING = timedelta(hours=24)
"""How long other nodes wait for the first, which prepares volumes before it lets them start."""
ENDING_S = 120.0
"""How long the first process waits for the others after training; they have nothing left to do."""
GRACE_S = 30.0
"""How long after another process died the first may take to notice by itself: gloo does at once, NCCL never."""
_POLL_S = 0.5


@dataclass(frozen=True)
class Rank:
    """A process's place in a distributed training.

    Attributes:
        devices: Processes a node.
        nodes: Machines.
        node: This one.
        local: This process on it.
        address: Where the first process can be reached.
        port: Its port; 0 where it has not chosen one yet.
    """

    devices: int
    nodes: int = 1
    node: int = 0
    local: int = 0
    address: str = "127.0.0.1"
    port: int = 0

    @property
    def number(self) -> int:
        """Its number among all."""
        return self.node * self.devices + self.local

    @property
    def world(self) -> int:
        """Number of processes."""
        return self.nodes * self.devices

    def environment(self) -> dict[str, str]:
        """The usual environment variables, from which Lightning knows that it has nothing to start."""
        return {
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "NODE_RANK": str(self.node),
            "LOCAL_RANK": str(self.local),
            "LOCAL_WORLD_SIZE": str(self.devices),
            "RANK": str(self.number),
            "WORLD_SIZE": str(self.world),
        }

    @classmethod
    def from_environment(cls) -> "Rank":
        """What :meth:`environment`, or torchrun, says."""
        node_name = "GROUP_RANK" if launched() else "NODE_RANK"
        world, devices, node, local, port = (
            int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", node_name, "LOCAL_RANK", "MASTER_PORT")
        )
        return cls(devices, world // devices, node, local, os.environ["MASTER_ADDR"], port)

    def meet(self) -> dist.Store:
        """The store that the first process holds open for all; it makes it, on a free port if it has none.

        Raises:
            ConfigError: The port is taken, or nobody is there.
        """
        held = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # torchrun holds it open
        first = self.number == 0 and not held
        try:
            store = dist.TCPStore(self.address, self.port, None, first, MEETING, wait_for_workers=False)
            # What was said before torchrun started all of them again is not for these.
            return dist.PrefixStore(f"start/{os.environ['TORCHELASTIC_RESTART_COUNT']}", store) if held else store
        except (RuntimeError, OSError) as error:
            problem = "cannot be opened" if first else "cannot be reached"
            raise ConfigError(
                f"{self.address}:{self.port}, where the processes of the training meet, {problem} "
                f"({type(error).__name__}); set MASTER_ADDR and MASTER_PORT to the first node and a free port of it"
            ) from error


@dataclass(frozen=True)
class Company:
    """A process among the others: its place, and the store they share."""

    rank: Rank
    store: dist.Store

    def join(self, device: torch.device) -> None:
        """Make the process group, before Lightning would; returns when all are there."""
        options: dict[str, Any] = {}
        if device.type == "cuda":
            torch.cuda.set_device(device)
            options["device_id"] = device
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=dist.PrefixStore("group", self.store),
            rank=self.rank.number,
            world_size=self.rank.world,
            **options,
        )


def leave() -> None:
    """Take the process group down, if there is one: what follows is done by one process alone."""
    if dist.is_initialized():
        dist.destroy_process_group()


class Team:
    """All processes of a training, around the block in which the first one trains.

    The others are started with ``command``, find their place in the environment, and the request in the store.
    However the block or this process ends, they end too: they are told, killed, or see that their parent is gone.

    Args:
        rank: Of the first process; its port may be 0.
        command: Starts another process on this node.
        request: What the others need to know.
    """

    def __init__(self, rank: Rank, command: Sequence[str], request: str) -> None:
        self.rank, self._command, self._request = rank, list(command), request
        self._processes: list[subprocess.Popen[bytes]] = []
        self._closing = threading.Event()

    def __enter__(self) -> Company:
        self._environment, self._threads = dict(os.environ), torch.get_num_threads()
        self.store = self.rank.meet()
        if not launched():
            assert isinstance(self.store, dist.TCPStore)  # of torchrun it would be a part of one
            self.rank = replace(self.rank, port=self.store.port)
            self._processes = start_ranks(self.rank, self._command)
        os.environ.update(self.rank.environment())
        self.store.set("request", self._request)
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()
        return Company(self.rank, self.store)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        problem = None
        try:
            if error is None:
                self._finish()
            elif isinstance(error, Exception) and not isinstance(error, UserError):
                problem = self._problem()  # the first process may only see that a connection is lost
        finally:
            for process in self._processes:
                process.kill()
                process.wait()
            leave()
            del self.store
            os.environ.clear()
            os.environ.update(self._environment)
            torch.set_num_threads(self._threads)
        if problem is not None:
            raise UserError(problem) from error

    def _finish(self) -> None:
        """Wait until the others have come to the end, too."""
        leave()
        done = [f"done/{number}" for number in range(1, self.rank.world)]
        try:
            self.store.wait(done, timedelta(seconds=ENDING_S))
        except (RuntimeError, OSError):
            log.warning("not all processes of the training have ended in %.0f s; they are stopped", ENDING_S)
            return
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ENDING_S)

    def _problem(self) -> str | None:
        """What made another process fail, if one did: in its own words, or how it ended."""
        until = time.monotonic() + 2.0  # it may be just about to say so
        while time.monotonic() < until:
            for number in range(1, self.rank.world):
                if self.store.check([f"problem/{number}"]):
                    return self.store.get(f"problem/{number}").decode()
            for local, process in enumerate(self._processes, 1):
                if (code := process.poll()) is not None and code != 0:
                    return _ended(local, code)
            time.sleep(0.1)
        return None

    def _watch(self) -> None:
        """End this process where it waits for good for one that is dead."""
        while not self._closing.wait(_POLL_S):
            dead = [(n, p.returncode) for n, p in enumerate(self._processes, 1) if p.poll() not in (None, 0)]
            if dead and not self._closing.wait(GRACE_S):
                for process in self._processes:
                    process.kill()
                log.error("%s", _ended(*dead[0]))
                os._exit(1)


def _ended(local: int, code: int) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
    hint = "check the machine's memory" if code == -signal.SIGKILL else "see above"
    return f"process {local} of the training {how}; {hint}, then call the same command again to go on"


def start_ranks(first: Rank, command: Sequence[str]) -> list["subprocess.Popen[bytes]"]:
    """Start the other processes of ``first``'s node."""
    return [
        subprocess.Popen(
            command,
            env=os.environ | replace(first, local=local).environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the first process, which ends the others
        )
        for local in range(first.local + 1, first.devices)
    ]


def end_with(parent: int) -> None:
    """End this process, at once, when its parent does, however that ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def ignore_signals() -> None:
    """Leave Ctrl-C and a cluster's signals, which all processes get, to the first."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


class EndTogether(pl.Callback):
    """SIGTERM ends the first process of a training, and with it all; the others ignore it.

    Lightning answers the signal with a broadcast from within the handler, which hangs where the other processes are at
    another collective operation. A handler that was there before (a cluster's launcher may have one) stays.
    """

    def __init__(self) -> None:
        self._before = signal.getsignal(signal.SIGTERM)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace Lightning's handler, which it has set by now; at the end it restores those before."""
        if threading.current_thread() is threading.main_thread():
            first = trainer.is_global_zero and self._before in (signal.SIG_DFL, None)
            signal.signal(signal.SIGTERM, _exit if first else self._before)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
