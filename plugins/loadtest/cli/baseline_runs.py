"""The runs behind `loadtest baseline collect`, shown while they run."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from rich.console import Console

from loadtest.baselines.collecting import Collected
from loadtest.cli.interrupts import Interrupts
from loadtest.cli.run import approve_by_typing, user_name
from loadtest.cli.watch import TerminalWatcher
from loadtest.errors import NotRunError
from loadtest.planning.models import Plan, Trigger, TriggerKind
from loadtest.planning.request import Request
from loadtest.run_folder import RunFolder
from loadtest.settings import settings


class Runner:
    """Runs the same request again and again; a context manager, so that the live line is gone at the end."""

    def __init__(self, asked: dict[str, Any], *, runs: int, commit: str | None, reason: str) -> None:
        self._asked = asked
        self._runs = runs
        self._approved = False
        self._interrupts = Interrupts()
        self._trigger = Trigger(kind=TriggerKind.BASELINE, by=user_name(), reason=reason or "baseline", commit=commit)
        self._console = Console(stderr=True, highlight=False)
        self._watcher = TerminalWatcher(self._console)

    def __enter__(self) -> Runner:
        self._interrupts.__enter__()
        self._watcher.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watcher.__exit__(kind, error, trace)
        self._interrupts.__exit__(kind, error, trace)

    def run_one(self, number: int) -> RunFolder:
        from loadtest.pipeline.stages import run_once

        request = Request.of(**self._asked, trigger=self._trigger)
        folder = run_once(request, settings(), watcher=self._watcher, approve=self._approve, confirm=False).folder
        if self._interrupts.came:  # the run ended in an orderly way; the collection must end too, not repeat it
            raise NotRunError("The collection was interrupted; what was collected is kept, see: loadtest baseline show")
        return folder

    def _approve(self, plan: Plan) -> None:
        """Asks once for all runs of the collection."""
        if not self._approved:
            self._console.print(f"Asked once for all {self._runs} runs of this load.", markup=False)
            approve_by_typing(plan)
            self._approved = True

    def report(self, collected: Collected) -> None:
        line = f"Run {collected.number}: {collected.good} of {collected.wanted} usable. {collected.run_id}: {collected.sentence}"
        self._console.print(line, markup=False, soft_wrap=True)
        sys.stderr.flush()
