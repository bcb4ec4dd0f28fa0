"""A parsed run as a run folder and in the history: all of it, or nothing."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upath import UPath

from loadtest.analysis.models import EndpointMetrics, RunInfo, RunMetrics
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import write_bytes
from loadtest.history.imported import ImportRecord
from loadtest.history.models import TOTAL
from loadtest.importing.parsed import ParsedRun, Totals
from loadtest.importing.samples import write_samples
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.build import Build
from loadtest.planning.models import Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
from loadtest.planning.profiles import LoadModel, Profile
from loadtest.planning.quantities import slugify
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Evidence

SHORTEST_S = 0.001
LONGEST_S = 30 * 86_400


@dataclass(frozen=True)
class Place:
    """Where an imported run is kept, and what is known of it beside its file."""

    runs_root: UPath
    scenario: str
    environment: str
    profile: str
    commit: str | None = None
    by: str = ""


@dataclass(frozen=True)
class Span:
    """From the first request to the end of the last one, or what the file tells of it."""

    started_at: datetime
    ended_at: datetime

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()


def digest_of(paths: Sequence[Path]) -> str:
    """Of the files' content, so that the same are not imported twice."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:10]


def folder_of(run: ParsedRun, place: Place, content: str) -> RunFolder:
    """Raises ConfigurationError where the same files were imported before, or a name cannot be part of a path."""
    run_id = f"imported-{slugify(run.tool)}-{content}"
    folder = RunFolder.of(place.runs_root, place.scenario, place.environment, place.profile, run_id)
    if folder.plan.exists():
        raise ConfigurationError(f"The same content was imported before, as run {run_id} ({folder.path}); nothing was imported.")
    return folder


def span_of(run: ParsedRun, *, otherwise: datetime) -> Span:
    """When it ran; `otherwise`: the start where the file does not tell (such as when the file was written)."""
    if run.requests is not None:
        first = min(run.requests.start_us)
        last = max(start + latency for start, latency in zip(run.requests.start_us, run.requests.latency_us, strict=True))
        if last - first > LONGEST_S * 1e6:
            raise ConfigurationError(
                f"The requests lie {(last - first) / 86_400e6:,.0f} days apart, so the file is of several runs or its clock is "
                "broken; nothing was imported."
            )
        moments = [datetime.fromtimestamp(us / 1e6, UTC) for us in (first, max(last, first + 1000))]
        return Span(*moments)
    started_at = datetime.fromtimestamp(run.started_s, UTC) if run.started_s is not None else otherwise
    return Span(started_at, started_at + timedelta(seconds=min(max(run.duration_s or 0.0, SHORTEST_S), LONGEST_S)))


def keep(run: ParsedRun, place: Place, folder: RunFolder, span: Span) -> RunMetrics:
    """Write the run folder, its plan last, so that a run that is there is whole; then the history. Raises InfrastructureError
    where a file cannot be written."""
    from loadtest.analysis.analyze import analyze

    with tempfile.TemporaryDirectory(prefix="loadtest-import-") as scratch:
        local = RunFolder(UPath(scratch) / folder.run_id)
        plan = _plan(run, place, folder.run_id, span)
        plan.write(local.plan)
        _load(run, span).write(local.load)
        _record(run, place, folder.run_id).write(local.imported)
        if run.requests is not None:
            write_samples(run.requests, Path(str(local.samples)), run.tool)
            metrics = analyze(local, push=False)
        else:
            metrics = _metrics(run, plan, span)
            metrics.write(local.metrics)
        files = sorted((path for path in local.path.iterdir() if path.is_file()), key=lambda path: path.name == "plan.json")
        try:
            for path in files:
                write_bytes(folder.path / path.name, path.read_bytes())
        except OSError as error:
            raise InfrastructureError(f"{folder.path} cannot be written: {error.strerror or error}.") from error
    return metrics


def _plan(run: ParsedRun, place: Place, run_id: str, span: Span) -> Plan:
    told = f"measured by {run.tool}"
    users = min(_users(run), 20_000)
    return Plan(
        run_id=run_id,
        scenario=Scenario(name=place.scenario, purpose=told, folder=""),
        profile=Profile(
            name=place.profile, purpose=told, users=users, duration=min(max(span.seconds, 1.0), 6 * 3600),
            evidence=Evidence.INDICATIVE,
        ),
        environment=Environment(name=place.environment, purpose=told, health=None),
        trigger=Trigger(kind=TriggerKind.CLI, by=place.by, reason=f"imported from {', '.join(run.files)}", commit=place.commit),
        created_at=datetime.now(UTC),
        build=Build(version=place.commit) if place.commit else None,
        # runs of one tool under one name are one kind in the trends; nothing else is ever compared with them
        digest=f"imported-{slugify(run.tool)}-{'totals' if run.aggregated else 'samples'}",
        host_class=_unknown_host(run.tool),
    )  # fmt: skip


def _unknown_host(tool: str) -> HostClass:
    return HostClass(cpu_model="unknown", cores=0, memory_gib=0, os="unknown", python="none", locust="none", executor=tool)


def _users(run: ParsedRun) -> int:
    return max(run.requests.users, default=0) if run.requests is not None else run.users or 0


def _load(run: ParsedRun, span: Span) -> LoadResult:
    return LoadResult(
        attempt=1,
        load_model=LoadModel.CLOSED,
        stop_reason=StopReason.COMPLETED,
        exit_code=0,
        started_at=span.started_at,
        ended_at=span.ended_at,
        steady_started_at=span.started_at,
        steady_ended_at=span.ended_at,
        planned_users=_users(run),
        reached_users=_users(run),
        planned_duration_s=span.seconds,
        expected_workers=0,
        workers=(),
        samples=len(run.requests) if run.requests is not None else sum(row.n for row in run.totals),
    )


def _record(run: ParsedRun, place: Place, run_id: str) -> ImportRecord:
    return ImportRecord(
        run_id=run_id,
        tool=run.tool,
        aggregated=run.aggregated,
        files=run.files,
        imported_at=datetime.now(UTC),
        imported_by=place.by,
        notes=run.notes,
    )


def _metrics(run: ParsedRun, plan: Plan, span: Span) -> RunMetrics:
    n, errors = sum(row.n for row in run.totals), sum(row.errors for row in run.totals)
    total = run.total if run.total and run.total.n else Totals(TOTAL, n, errors, {})
    return RunMetrics(
        run=RunInfo(
            run_id=plan.run_id,
            scenario=plan.scenario.name,
            environment=plan.environment.name,
            profile=plan.profile.name,
            digest=plan.digest,
            host_class=plan.host_class,
            commit=plan.trigger.commit,
            started_at=span.started_at,
            ended_at=span.ended_at,
            steady_started_at=span.started_at,
            steady_ended_at=span.ended_at,
        ),
        load_model=LoadModel.CLOSED,
        users=_users(run),
        duration_s=span.seconds,
        endpoints=tuple(sorted((_endpoint(row, row.endpoint, run, span) for row in run.totals), key=lambda row: row.endpoint)),
        total=_endpoint(total, TOTAL, run, span),
    )


def _endpoint(row: Totals, name: str, run: ParsedRun, span: Span) -> EndpointMetrics:
    # without a duration nobody knows the rate
    rps = row.n / span.seconds if run.duration_s else 0.0
    share = row.errors / row.n if row.n else 0.0
    known = {"endpoint": name, "n": row.n, "errors": row.errors, "error_rate": share, "rps": rps}
    return EndpointMetrics.model_validate(known | row.values)
