"""What ends a command from outside: Ctrl-C, SIGTERM (CI, systemd), SIGHUP (the terminal was closed)."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Within it the first of these signals raises KeyboardInterrupt and later ones are ignored: whoever presses Ctrl-C twice
    must not break off the clean-up, which would leave the load or the backend running. `came`: whether there was one."""

    def __init__(self) -> None:
        self.came = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in SIGNALS:
            before = signal.getsignal(number)
            if number is signal.SIGHUP and before is signal.SIG_IGN:
                continue  # nohup
            self._before[number] = before
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before if before is not None else signal.SIG_DFL)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.came = True
        for each in self._before:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGHUP:
            _silence_lost_terminal()
        raise KeyboardInterrupt


def _silence_lost_terminal() -> None:
    """Writing to a terminal that is gone is an error, and would end the clean-up."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and stream.isatty():
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
