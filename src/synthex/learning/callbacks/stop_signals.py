"""Signals that ask a process to stop: kept until the moment when the training can be left."""

import signal
import threading
from types import FrameType
from typing import Any

STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
"""What clusters send before they take a node back: SIGTERM, and with `sbatch --signal` one of the others."""


class StopSignals:
    """Holds back :data:`STOP_SIGNALS`, and lets those that were to have them have them later.

    Attributes:
        received: The signal that came first, None while none has come.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def hold(self) -> None:
        """Begin to hold signals back. Only a process's main thread can; in others nothing happens."""
        self.received = None
        if threading.current_thread() is threading.main_thread() and not self._before:
            self._before = {number: signal.signal(number, self._keep) for number in STOP_SIGNALS}

    def release(self) -> None:
        """End it; a signal that has been held back stays in :attr:`received`."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def answer(self) -> None:
        """Do what would have been done when the signal came.

        Raises:
            SystemExit: Nobody else had asked for the signal; the exit code is 128 and its number, as in shells.
        """
        number, self.received = self.received, None
        if number is None:
            return
        handler = self._before.get(number)
        if callable(handler):
            handler(int(number), None)
        elif handler != signal.SIG_IGN:
            raise SystemExit(128 + number)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
