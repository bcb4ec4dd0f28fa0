"""Runs as the web app shows them, read from the run folders: what is there is shown, nothing else is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.gate.models import Verdict
from loadtest.load.models import Progress
from loadtest.planning.models import Plan
from loadtest.planning.resolve import run_id_from
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings


@dataclass(frozen=True)
class Run:
    """One run folder, its verdict if it has one, and its progress while it has none."""

    folder: RunFolder
    refused: bool = False

    def verdict(self) -> Verdict | None:
        try:
            return Verdict.read(self.folder.verdict) if self.folder.verdict.exists() else None
        except LoadTestError:
            return None

    def progress(self) -> Progress | None:
        from loadtest.load.following import current_progress

        return current_progress(self.folder)

    def as_row(self) -> dict[str, Any]:
        """A row of the dashboard; every text in it is plain and must be set as text, never as HTML."""
        row: dict[str, Any] = {"run_id": self.folder.run_id, "refused": self.refused}
        if self.folder.plan.exists():
            try:
                plan = Plan.read(self.folder.plan)
            except LoadTestError as error:
                return row | {"sentence": str(error)}
            row |= {
                "scenario": plan.scenario.name,
                "environment": plan.environment.name,
                "profile": plan.profile.name,
                "commit": plan.trigger.commit,
                "by": plan.trigger.by or plan.trigger.kind,
                "created_at": plan.created_at.isoformat(),
                "airflow_url": plan.trigger.airflow_url,
            }
        verdict = self.verdict()
        if verdict:
            row |= {"outcome": verdict.outcome or verdict.status, "sentence": verdict.sentence}
            row["created_at"] = row.get("created_at") or verdict.created_at.isoformat()
        else:
            progress = self.progress()
            row["progress"] = progress.model_dump(mode="json") if progress else None
        row["report"] = self.folder.report.exists()
        return row


def find_run(settings: Settings, name: str) -> Run | None:
    """The run of an Airflow run id or of a run id; None when there is none. No part of a path comes from the name."""
    run_id = run_id_from(name)
    root = settings.runs_root
    if not root.exists():
        return None
    for wanted in dict.fromkeys((run_id, name)):
        match = next((path for path in root.glob("*/*/*/*") if path.name == wanted), None)
        if match is not None:
            return Run(RunFolder(match))
    refused = RunFolder.refused(root, f"load_test-{name}")
    return Run(refused, refused=True) if refused.verdict.exists() else None


def recent_runs(settings: Settings, limit: int) -> list[Run]:
    """The newest runs first, confirmations left out."""
    root = settings.runs_root
    if not root.exists():
        return []
    plans = [path for path in root.glob("*/*/*/*/plan.json") if not RunFolder(path.parent).is_confirmation]
    refused = list(root.glob("_refused/*/verdict.json"))
    newest = sorted([*plans, *refused], key=lambda path: path.stat().st_mtime, reverse=True)[:limit]
    return [Run(RunFolder(path.parent), refused=path.name == "verdict.json") for path in newest]
