"""Where open incidents are remembered: `<runs root>/_alerts/<scenario>/<environment>.json`, one writer at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.files import is_local
from loadtest.locks import locked_file
from loadtest.notifications.policy.models import AlertState

FOLDER = "_alerts"
LOCK_WAIT_S = 60.0


@contextlib.contextmanager
def one_writer(path: UPath) -> Iterator[None]:
    """Keep other writers of `path` out; raises InfrastructureError after a minute. On object storage there is no lock:
    there, one run at a time (the DAG's own rule) is what keeps two writers apart."""
    if not is_local(path):
        yield
        return
    lock_file = Path(str(path)).with_suffix(".lock")
    with locked_file(lock_file, wait_s=LOCK_WAIT_S, refusal=f"Another notifier has held {lock_file} for {LOCK_WAIT_S:.0f} s."):
        yield


def put_aside(path: UPath) -> None:
    """Move a damaged file out of the way (`.damaged`), if it is there."""
    if path.exists():
        path.rename(path.with_name(path.name + ".damaged"))


class AlertStore:
    """The alert state of one scenario on one environment."""

    def __init__(self, runs_root: UPath | Path | str, scenario: str, environment: str) -> None:
        self._scenario, self._environment = scenario, environment
        self.path = UPath(runs_root) / FOLDER / scenario / f"{environment}.json"

    def read(self) -> AlertState:
        """The state; an empty one if there is none yet. A damaged file is put aside and forgotten: issues and comments are
        found again by their markers, at worst an alert is repeated."""
        try:
            return AlertState.read(self.path)
        except ConfigurationError:
            put_aside(self.path)
            return AlertState(scenario=self._scenario, environment=self._environment)

    def write(self, state: AlertState) -> None:
        state.write(self.path)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        return one_writer(self.path)
