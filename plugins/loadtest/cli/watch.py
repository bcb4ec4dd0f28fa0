"""Shows a run while it runs: in a terminal a live line and a bar with the remaining time, elsewhere one line every few seconds.
Writes to standard error."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from loadtest.load.control.following import progress_line
from loadtest.load.models import Progress
from loadtest.planning.quantities import format_duration

LINE_EVERY_S = 5.0
BAR_WIDTH = 50


class TerminalWatcher:
    """A `loadtest.pipeline.stages.Watcher`; also a context manager, so that the live line is gone at the end.

    `seconds`: how long each stage took.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._spinner = Spinner("dots")
        self._live = Live(self._spinner, console=self._console, transient=True) if self._console.is_terminal else None
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
        self._show(f"{self._stage}: {progress_line(progress)}", progress)

    def tell(self, heading: str, lines: Sequence[str]) -> None:
        from loadtest.reporting.escape import plain

        for line in (heading, *(f"  - {plain(line, 500)}" for line in lines)):
            self._console.print(line, markup=False, soft_wrap=True)

    def _close_stage(self) -> None:
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._stage_started
        self._stage, self._stage_started = "", now

    def _show(self, text: str, progress: Progress | None = None, *, always: bool = False) -> None:
        from rich.markup import escape

        if self._live:
            self._spinner.update(text=Text(text))
            self._live.update(Group(self._spinner, _bar(progress)) if progress else self._spinner)
        elif always or time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._console.print(escape(text), soft_wrap=True)
            self._last_line = time.monotonic()


def _bar(progress: Progress) -> Table:
    """How much of the planned load is done, and how long the rest takes."""
    remaining_s = max(0.0, progress.remaining_s)
    grid = Table.grid(padding=(0, 2, 0, 0))
    bar = ProgressBar(total=max(progress.elapsed_s + remaining_s, 1.0), completed=progress.elapsed_s, width=BAR_WIDTH)
    grid.add_row(bar, Text(f"{format_duration(remaining_s)} left"))
    return grid
