"""Runs as the web app shows them, read from the run folders: what is there is shown, nothing else is needed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from upath import UPath

from loadtest.analysis.models import RunMetrics
from loadtest.errors import LoadTestError
from loadtest.files import AnyPath, FileModel, is_local
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.imported import ImportRecord
from loadtest.load.models import Progress
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.planning.schedules import LOAD_TEST, BrokenSchedule, all_schedules, run_id_of, sends_load
from loadtest.reporting.escape import NAME_LIMIT, plain
from loadtest.reporting.format import headline, outcome_sign, verdict_label
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings
from loadtest.storage import StoredPath, modified_at
from loadtest.vocabulary import Outcome

LOAD_TASK = "load_test.run_load"
JUDGED = frozenset(Outcome)
TREND_RUNS = 20
SLOWEST_SHOWN = 5
SILENT_AFTER_S = 60  # a living load writes each second, its copy in the run folder every few seconds
LISTED_FOR_S = 4
STORED_LISTED_FOR_S = 15  # object storage wants money for each listing
Model = TypeVar("Model", bound=FileModel)


@dataclass(frozen=True)
class Stored:
    """What one listing of object storage says about all files of all runs, so that a page does not ask for each."""

    root: UPath
    files: dict[str, float]  # by path below the root: when it changed
    with_attempts: frozenset[str]

    @classmethod
    def of(cls, root: StoredPath) -> Stored:
        files = {name: modified_at(info) for name, info in root.files_below().items()}
        return cls(root, files, frozenset(name.partition("/attempts/")[0] for name in files if "/attempts/" in name))

    def modified_at(self, path: UPath) -> float | None:
        return self.files.get(self._name(path))

    def has_attempts(self, folder: RunFolder) -> bool:
        return self._name(folder.path) in self.with_attempts

    def runs(self) -> list[Run]:
        """The newest first, confirmations left out."""
        found = []
        for name, changed_at in self.files.items():
            parts = name.split("/")
            refused = len(parts) == 3 and parts[0] == "_refused" and parts[2] == "verdict.json"
            folder = RunFolder(self.root / name.rpartition("/")[0])
            if refused or (len(parts) == 5 and parts[4] == "plan.json" and not folder.is_confirmation):
                found.append((changed_at, Run(folder, refused, self)))
        return [run for _, run in sorted(found, key=lambda one: one[0], reverse=True)]

    def _name(self, path: UPath) -> str:
        return path.path.removeprefix(self.root.path.rstrip("/") + "/")


@dataclass(frozen=True)
class Run:
    """One run folder. Every text of its rows is visible plain text, to be set as text and never as HTML."""

    folder: RunFolder
    refused: bool = False
    stored: Stored | None = None

    def progress(self) -> Progress | None:
        from loadtest.load.control.following import current_progress

        return current_progress(self.folder)

    def as_row(self) -> dict[str, Any]:
        """A row of the dashboard. A finished run is read once: every open dashboard asks every few seconds, perhaps on the
        host that sends load."""
        if self.stored is not None:
            judged_at = self.stored.modified_at(self.folder.verdict)
            has_report = self.stored.modified_at(self.folder.report) is not None
        else:
            judged_at = _modified_at(self.folder.verdict)
            has_report = judged_at is not None and self.folder.report.exists()
        return self._unfinished_row() if judged_at is None else _finished_row(str(self.folder.path), judged_at, has_report)

    def _unfinished_row(self) -> dict[str, Any]:
        plan, problem = _read(Plan, self.folder.plan)
        row = _row_of(self.folder, plan, None)
        imported, _ = _read(ImportRecord, self.folder.imported)
        if imported is not None:
            return row | _imported(self.folder, imported)
        if problem:
            return row | {"state": "damaged", "label": "Damaged", "sign": "⊘", "sentence": problem}
        live = self._live(plan)
        if live:
            return row | {"state": "running", "label": "Running", "sign": "▶", "live": live}
        return row | {"sentence": self._how_far()}

    def _live(self, plan: Plan | None) -> dict[str, Any] | None:
        """The load that runs now, the run's own or one that measures a suspicion again, and the task that sends it."""
        loads = [(LOAD_TASK, self)]
        loads += [(f"regression.confirm_{number}", Run(self.folder.confirmation(number))) for number in (1, 2)]
        for task_id, run in loads:
            if self.stored is not None and not self.stored.has_attempts(run.folder):
                continue
            progress = run.progress()
            if progress is None or _age_s(progress) > SILENT_AFTER_S:
                continue
            slowest = sorted(progress.endpoints, key=lambda endpoint: endpoint.p95_ms or 0, reverse=True)[:SLOWEST_SHOWN]
            shown = progress.model_dump(mode="json", exclude={"schema_version", "run_id", "stage", "endpoints", "warnings"})
            trigger = plan.trigger if plan else None
            task = None
            if trigger and sends_load(trigger.airflow_dag_id) and trigger.airflow_run_id:
                task = {"dag_id": trigger.airflow_dag_id, "dag_run_id": trigger.airflow_run_id, "task_id": task_id}
            return shown | {
                "stage": plain(progress.stage, NAME_LIMIT),
                "confirmation": None if run is self else task_id.removeprefix("regression.confirm_"),
                "warnings": [plain(warning) for warning in progress.warnings],
                "slowest": [row.model_dump() | {"endpoint": plain(row.endpoint, NAME_LIMIT)} for row in slowest],
                "task": task,
            }
        return None

    def _how_far(self) -> str:
        attempts = self.folder.attempts()
        if not attempts:
            return "Planned; no load has been sent (yet)."
        if attempts[-1].load.exists():
            return "The load has ended; not judged (yet)."
        last = self.progress()
        return f"The load went silent {format_duration(_age_s(last))} ago." if last else "The load is starting."


def _imported(folder: RunFolder, record: ImportRecord) -> dict[str, Any]:
    """What a row says of a run that another tool measured."""
    kind = "totals" if record.aggregated else "every request"
    found = {"label": "Imported", "sign": "⇩", "sentence": f"Measured by {plain(record.tool, NAME_LIMIT)}, {kind}; not judged."}
    metrics, problem = _read(RunMetrics, folder.metrics)
    return found | (_numbers(metrics) if metrics else {"sentence": problem})


def _numbers(metrics: RunMetrics) -> dict[str, Any]:
    total = metrics.total
    return {"digest": metrics.run.digest, "p95_ms": total.p95_ms, "rps": total.rps, "error_rate": total.error_rate}


@lru_cache(maxsize=2_000)
def _finished_row(path: str, judged_at: float, has_report: bool) -> dict[str, Any]:
    """`judged_at` and `has_report` are part of the key: a run that is judged or reported again is read again."""
    folder = RunFolder(UPath(path))
    plan, plan_problem = _read(Plan, folder.plan)
    verdict, problem = _read(Verdict, folder.verdict)
    metrics, metrics_problem = _read(RunMetrics, folder.metrics)
    row = _row_of(folder, plan, verdict) | {"report": has_report}
    if verdict is None:
        return row | {"state": "damaged", "label": "Damaged", "sign": "⊘", "sentence": problem}
    row |= {
        "state": verdict.outcome or verdict.status,
        "label": verdict_label(verdict.outcome, verdict.evidence),
        "sign": outcome_sign(verdict.outcome),
        "sentence": " ".join(filter(None, (plain(headline(verdict.sentence, verdict.outcome)), plan_problem, metrics_problem))),
    }
    if metrics:
        row |= _numbers(metrics)
    return row


def _row_of(folder: RunFolder, plan: Plan | None, verdict: Verdict | None) -> dict[str, Any]:
    """Who, what and when. The folder's place names what; a refused run has no such place and no plan."""
    trigger = plan.trigger if plan else None
    series = folder.path.parts[-4:-1]
    if folder.path.parent.name == "_refused":
        series = (verdict.scenario, verdict.environment, verdict.profile) if verdict else ()
    created_at = plan.created_at if plan else verdict.created_at if verdict else None
    commit = verdict.commit if verdict else plan.measured_commit or (trigger and trigger.commit) if plan else None
    return {
        "run_id": folder.run_id,
        "series": plain(" / ".join(filter(None, series)) or folder.run_id, NAME_LIMIT),
        "by": plain(trigger.by or trigger.kind, NAME_LIMIT) if trigger else "",
        "commit": plain(commit or "", NAME_LIMIT),
        "slowdown": plain(plan.slowdown or "", NAME_LIMIT) if plan else "",
        "created_at": created_at.isoformat() if created_at else None,
        "airflow_url": trigger.airflow_url if trigger else verdict.airflow_url if verdict else None,
        "state": "no_verdict",
        "label": "No verdict",
        "sign": "–",
        "sentence": "",
        "report": False,
    }


def _read(model: type[Model], path: AnyPath) -> tuple[Model | None, str]:
    """The file and no problem, or None and why; a file that is not there is no problem."""
    try:
        return (model.read(path) if path.exists() else None), ""
    except (LoadTestError, OSError) as error:
        # where the runs root is says nothing to a reader elsewhere
        return None, plain(str(error).replace(str(path), path.name))


def _age_s(progress: Progress) -> float:
    return (datetime.now(UTC) - progress.updated_at).total_seconds()


def overview(settings: Settings, limit: int) -> dict[str, Any]:
    """All that the dashboard shows: the newest runs, and the latest verdict and trend of each series."""
    runs = all_runs(settings)
    series = _series(runs)
    return {"runs": [run.as_row() for run in runs[:limit]], "series": series, "schedules": _schedules(settings, series)}


def _schedules(settings: Settings, series: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each file of include/schedules: when it runs next and what its last verdict was, or why it cannot be used."""
    latest, found = {row["series"]: row for row in series}, []
    for schedule in all_schedules(settings):
        row = {"name": plain(schedule.name, NAME_LIMIT), "dag_id": schedule.dag_id, "series": "", "when": "", "next_at": None}
        if isinstance(schedule, BrokenSchedule):
            reason = plain(schedule.reason.replace(str(settings.include), "include"))
            found.append(row | {"state": "damaged", "label": "Broken", "sign": "⊘", "sentence": reason})
            continue
        name = plain(" / ".join(schedule.series), NAME_LIMIT)
        last = latest.get(name, {"state": "no_verdict", "label": "No verdict yet", "sign": "–"})
        found.append(
            row
            | {key: last[key] for key in ("state", "label", "sign")}
            | {"series": name, "when": schedule.when, "next_at": schedule.next_due(datetime.now(UTC)).isoformat(), "sentence": ""}
        )
    return found


def _series(runs: list[Run]) -> list[dict[str, Any]]:
    """Per scenario, environment and profile, the most recently used first: the newest judged run, and the p95 of the runs that
    are comparable with it, oldest first."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if not run.refused:
            groups.setdefault(str(run.folder.path.parent), []).append(run)
    found = []
    for group in groups.values():
        rows = [run.as_row() for run in group[:TREND_RUNS]]
        latest = next((row for row in rows if row["state"] in JUDGED), None)
        if latest:
            trend = [row for row in reversed(rows) if _is_comparable(row, latest)]
            found.append(latest | {"trend": [{"state": row["state"], "p95_ms": row["p95_ms"]} for row in trend]})
    return found


def _is_comparable(row: dict[str, Any], latest: dict[str, Any]) -> bool:
    """As in the history's trends: the same load, measured validly, not slowed down on purpose."""
    measured = row.get("p95_ms") is not None and row["state"] in JUDGED and row["state"] != Outcome.INVALID
    return measured and not row["slowdown"] and row["digest"] == latest.get("digest")


def find_run(settings: Settings, name: str, dag_id: str = LOAD_TEST) -> Run | None:
    """The run of an Airflow run id or of a run id; None when there is none. No part of a path comes from the name."""
    run_id = run_id_of(dag_id, name)
    root = settings.runs_root
    if not root.exists():
        return None
    for wanted in dict.fromkeys((run_id, name)):
        match = next((path for path in root.glob("*/*/*/*") if path.name == wanted), None)
        if match is not None:
            return Run(RunFolder(match))
    refused = RunFolder.refused(root, f"{dag_id}-{name}")
    return Run(refused, refused=True) if refused.verdict.exists() else None


def all_runs(settings: Settings) -> list[Run]:
    """The newest first, confirmations left out; a few seconds old, since walking thousands of folders costs a tenth of one."""
    listed_for_s = LISTED_FOR_S if is_local(settings.runs_root) else STORED_LISTED_FOR_S
    return _listed(settings.runs_root, time.monotonic() // listed_for_s)


@lru_cache(maxsize=1)
def _listed(root: UPath, period: float) -> list[Run]:
    if isinstance(root, StoredPath):
        return Stored.of(root).runs()
    if not root.exists():
        return []
    plans = [path for path in root.glob("*/*/*/*/plan.json") if not RunFolder(path.parent).is_confirmation]
    refused = list(root.glob("_refused/*/verdict.json"))
    newest = sorted([*plans, *refused], key=_changed_at, reverse=True)
    return [Run(RunFolder(path.parent), refused=path.name == "verdict.json") for path in newest]


def _changed_at(path: UPath) -> float:
    return _modified_at(path) or 0.0  # it may have been removed since it was listed


def _modified_at(path: UPath) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
