"""What a person sees while a run runs: a bar with the remaining time in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from loadtest.cli.watch import TerminalWatcher
from loadtest.load.models import Progress


def progress(elapsed_s: float, remaining_s: float) -> Progress:
    return Progress(
        run_id="run", stage="steady", updated_at=datetime.now(UTC), elapsed_s=elapsed_s, remaining_s=remaining_s, users=5,
        requests=302, rps=17.4, p50_ms=20.0, p95_ms=68.0, failures=0,
    )  # fmt: skip


def watched(*, terminal: bool) -> str:
    stream = io.StringIO()
    with TerminalWatcher(Console(file=stream, force_terminal=terminal, width=100, highlight=False)) as watcher:
        watcher.stage("load")
        watcher.progress(progress(15, 45))
    return stream.getvalue()


def test_a_terminal_has_a_bar_with_the_remaining_time() -> None:
    assert "━" in watched(terminal=True) and "45s left" in watched(terminal=True)


def test_a_log_has_plain_lines_without_terminal_codes() -> None:
    text = watched(terminal=False)
    assert text.splitlines() == ["load"] and "\x1b" not in text


def test_a_progress_beyond_its_plan_draws_a_full_bar() -> None:
    stream = io.StringIO()
    with TerminalWatcher(Console(file=stream, force_terminal=True, width=80)) as watcher:
        watcher.stage("load")
        watcher.progress(progress(70, -10))
    assert "0s left" in stream.getvalue()
