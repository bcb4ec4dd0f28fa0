"""What may go from the run folders: bulky artifacts past their environment's days, unless something speaks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from upath import UPath

from loadtest.errors import ConfigurationError, LoadTestError
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.models import OpenRegression
from loadtest.history.queries import known_runs
from loadtest.history.rebuild import run_folders
from loadtest.history.regressions import open_regressions
from loadtest.load.control.run import find_live_load
from loadtest.planning.config import load_environment
from loadtest.planning.models import Environment, Plan
from loadtest.planning.quantities import slug_pattern
from loadtest.retention.artifacts import bulky_artifacts, is_link, is_remains, size_and_age
from loadtest.retention.models import Deletion, DeletionKind, Kept
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings

DEFAULT_DAYS = 90
# Nothing that changed this recently is touched: it may belong to a run in progress, or to somebody who looks at it.
QUIET = timedelta(hours=24)
_REMAINS_OLD = timedelta(days=2)


class RunSweep:
    """Looks at every run folder once; collects what may go, what stays and what could not be read."""

    def __init__(self, settings: Settings, *, now: datetime) -> None:
        self._settings, self._now = settings, now
        self.deletions: list[Deletion] = []
        self.kept: list[Kept] = []
        self.problems: list[str] = []
        self._environments: dict[str, Environment | None] = {}
        # Without the history it is unknown which regressions are open: then this raises, and nothing is swept.
        self._evidence = {run_id: item for item in open_regressions() for run_id in item.runs}
        self._recorded = known_runs()

    def look(self) -> None:
        for folder in run_folders(self._settings.runs_root):
            try:
                self._look_at(folder)
            except (LoadTestError, OSError) as error:
                self.problems.append(f"{folder.path} was left alone: {error}")

    def _look_at(self, folder: RunFolder) -> None:
        refused = folder.path.parent.name == "_refused"
        plan = Plan.read(folder.plan) if folder.plan.exists() else None
        verdict = Verdict.read(folder.verdict) if folder.verdict.exists() else None
        _, newest = size_and_age(folder.path)
        made_at = max(
            (item.created_at for item in (plan, verdict) if item is not None),
            default=datetime.fromtimestamp(newest, UTC),
        )
        days = DEFAULT_DAYS if refused else self._days_of(folder, plan)
        age = self._now - made_at
        is_old = age > timedelta(days=days)
        is_quiet = self._now - datetime.fromtimestamp(newest, UTC) > (QUIET if is_old else _REMAINS_OLD)
        if not is_quiet:
            if is_old:
                self._keep(folder, "it changed within the last day")
            return
        if is_old and refused:
            self._delete(DeletionKind.REFUSED, folder, folder.path, f"refused {age.days} days ago")
        elif is_old and (reason := self._reason_to_stay(folder, plan, verdict)):
            self._keep(folder, reason)
        elif is_old:
            for path in bulky_artifacts(folder):
                self._delete(DeletionKind.ARTIFACT, folder, path, f"{age.days} days old, kept for {days}")
        self._look_at_remains(folder)

    def _reason_to_stay(self, folder: RunFolder, plan: Plan | None, verdict: Verdict | None) -> str:
        try:
            if find_live_load(folder) is not None:
                return "its load is running"
        except LoadTestError as error:
            return str(error).rstrip(".")
        regression = self._evidence_of(folder, plan)
        if regression is not None:
            subject = regression.endpoint or "all requests"
            return f"evidence of an open regression of {subject} since {regression.since:%Y-%m-%d}"
        if verdict is not None and verdict.run_id not in self._recorded:
            return "the history does not know it yet; run `loadtest history rebuild`"
        return ""

    def _evidence_of(self, folder: RunFolder, plan: Plan | None) -> OpenRegression | None:
        confirmed = plan.confirms if plan else None
        return self._evidence.get(folder.run_id) or (self._evidence.get(confirmed) if confirmed else None)

    def _look_at_remains(self, folder: RunFolder) -> None:
        for path in _files(folder.path):
            if is_remains(path.name) and not is_link(path):
                self._delete(DeletionKind.REMAINS, folder, path, "left by an interrupted write")

    def _days_of(self, folder: RunFolder, plan: Plan | None) -> int:
        """The environment's days as configured today; if that environment is gone, those of the plan."""
        name = folder.path.parent.parent.name
        if name not in self._environments:
            self._environments[name] = self._configured(name)
        environment = self._environments[name] or (plan.environment if plan else None)
        return environment.artifact_retention_days if environment else DEFAULT_DAYS

    def _configured(self, name: str) -> Environment | None:
        if not re.fullmatch(slug_pattern, name):
            return None
        try:
            return load_environment(self._settings, name)
        except ConfigurationError:
            return None

    def _delete(self, kind: DeletionKind, folder: RunFolder, path: UPath, reason: str) -> None:
        if is_link(path):
            self._keep_path(path, "it is a link, and links are left alone")
            return
        size, _ = size_and_age(path)
        self.deletions.append(Deletion(kind=kind, path=str(path), reason=reason, size_bytes=size, run_folder=str(folder.path)))

    def _keep(self, folder: RunFolder, reason: str) -> None:
        if bulky_artifacts(folder):
            self._keep_path(folder.path, reason)

    def _keep_path(self, path: UPath, reason: str) -> None:
        self.kept.append(Kept(path=str(path), reason=reason))


def _files(folder: UPath) -> Iterator[UPath]:
    return (entry for entry in folder.iterdir() if not entry.is_dir())
