"""Shows a run while it runs: one live line in a terminal, one line every few seconds elsewhere. Writes to standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.status import Status

from loadtest.load.control.following import progress_line
from loadtest.load.models import Progress

LINE_EVERY_S = 5.0


class TerminalWatcher:
    """A `loadtest.pipeline.stages.Watcher`; also a context manager, so that the live line is gone at the end.

    `seconds`: how long each stage took.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Status("", console=self._console, spinner="dots") if self._console.is_terminal else None
        self._stage = ""
        self._stage_started = self._last_line = time.monotonic()
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> TerminalWatcher:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close_stage()
        if self._live:
            self._live.stop()

    def stage(self, name: str) -> None:
        self._close_stage()
        self._stage = name
        self._show(name, always=True)

    def progress(self, progress: Progress) -> None:
        self._show(f"{self._stage}: {progress_line(progress)}")

    def tell(self, heading: str, lines: Sequence[str]) -> None:
        from loadtest.reporting.escape import plain

        for line in (heading, *(f"  - {plain(line, 500)}" for line in lines)):
            self._console.print(line, markup=False, soft_wrap=True)

    def _close_stage(self) -> None:
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._stage_started
        self._stage, self._stage_started = "", now

    def _show(self, text: str, *, always: bool = False) -> None:
        from rich.markup import escape

        if self._live:
            self._live.update(escape(text))
        elif always or time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._console.print(escape(text), soft_wrap=True)
            self._last_line = time.monotonic()
