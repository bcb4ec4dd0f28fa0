"""Where open incidents are remembered: `<runs root>/_alerts/<scenario>/<environment>.json`, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from upath import UPath

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import is_local
from loadtest.notifications.models import AlertState

FOLDER = "_alerts"
LOCK_WAIT_S = 60.0


class AlertStore:
    """The alert state of one scenario on one environment. On object storage there is no lock: there, one run at a time per
    scenario and environment (the DAG's own rule) is what keeps two writers apart."""

    def __init__(self, runs_root: UPath | Path | str, scenario: str, environment: str) -> None:
        self._scenario, self._environment = scenario, environment
        self.path = UPath(runs_root) / FOLDER / scenario / f"{environment}.json"

    def read(self) -> AlertState:
        """The state; an empty one if there is none yet. A damaged file is put aside (`.damaged`) and forgotten: issues and
        comments are found again by their markers, at worst an alert is repeated."""
        try:
            return AlertState.read(self.path)
        except ConfigurationError:
            if self.path.exists():
                self.path.rename(self.path.with_name(self.path.name + ".damaged"))
            return AlertState(scenario=self._scenario, environment=self._environment)

    def write(self, state: AlertState) -> None:
        state.write(self.path)

    @contextlib.contextmanager
    def lock(self, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
        """Keep other notifiers of this scenario and environment out; raises InfrastructureError after `wait_s`."""
        if not is_local(self.path):
            yield
            return
        lock_file = Path(str(self.path)).with_suffix(".lock")
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        with lock_file.open("w") as stream:
            deadline = time.monotonic() + wait_s
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise InfrastructureError(
                            f"Another notifier of {self._scenario} on {self._environment} held {lock_file} for {wait_s:.0f} s."
                        ) from None
                    time.sleep(0.1)
            yield
