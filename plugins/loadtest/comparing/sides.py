"""The runs that two names mean, and what is known of each: from its folder, or from the history where the folder is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from loadtest import wording
from loadtest.analysis.models import Analysis, EndpointMetrics, RunMetrics
from loadtest.errors import ConfigurationError, LoadTestError
from loadtest.files import AnyPath, FileModel
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.history.folders import runs_named
from loadtest.history.models import TOTAL, RunEntry
from loadtest.history.queries import run_entry, runs_of_build
from loadtest.planning.models import HostClass, Plan
from loadtest.planning.profiles import LoadModel
from loadtest.planning.quantities import format_duration
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome

Model = TypeVar("Model", bound=FileModel)


@dataclass(frozen=True)
class Side:
    """One run. `plan`: None where only the history knows it; `summary`: None of aggregated numbers; `quantiles`: latency in ms at
    each of `analysis.models.QUANTILES`, by endpoint; `origin`: the tool that measured it, empty for our own runs."""

    run_id: str
    series: tuple[str, str, str]
    facts: dict[str, str]
    digest: str
    host_class: str
    entry_or_metrics: RunMetrics | RunEntry
    summary: RunSummary | None
    endpoints: dict[str, EndpointMetrics]
    total: EndpointMetrics
    quantiles: dict[str, tuple[float, ...]]
    verdict_outcome: Outcome | None
    verdict_sentence: str
    origin: str = ""
    plan: Plan | None = None

    @property
    def commit(self) -> str | None:
        if isinstance(self.entry_or_metrics, RunEntry):
            return self.entry_or_metrics.run.commit
        return (self.plan.measured_commit if self.plan else None) or self.entry_or_metrics.run.commit


def find_sides(first: str, second: str) -> tuple[Side, Side]:
    """Each a run folder, a run id, `latest`, or a build: its newest run, of the same plan and host class as the other's if there
    is one. Raises ConfigurationError for what cannot be found or has no measurements."""
    candidates = [_candidates(name) for name in (first, second)]
    pairs = [(one, other) for one in candidates[0] for other in candidates[1] if one != other]
    if not pairs:
        raise ConfigurationError(f"{first!r} and {second!r} are the same run; name two.")
    alike = next((pair for pair in pairs if len({_like(side) for side in pair}) == 1), None)
    chosen = alike or pairs[0]
    return read_side(chosen[0]), read_side(chosen[1])


def _candidates(name: str) -> list[str | RunFolder]:
    """Run folders, or ids of runs whose folders are gone, that `name` can mean; the best first."""
    folders = runs_named(name)
    if len(folders) > 1:
        raise ConfigurationError(f"{name!r} is the id of {len(folders)} runs; give the path of a run folder.")
    if folders:
        return list(folders)
    try:
        if run_entry(name) is not None:
            return [name]
        of_build = runs_of_build(name)
    except LoadTestError:  # without a history only folders can be found
        of_build = []
    found: list[str | RunFolder] = []
    for run_id in of_build:
        found += runs_named(run_id)[:1] or [run_id]
    if not found:
        raise ConfigurationError(
            f"{name!r} is neither a run nor a build that was measured; see `loadtest history list` for both, or give the path "
            "of a run folder."
        )
    return found


def _like(one: str | RunFolder) -> tuple[str | None, str | None] | str:
    """What must be alike in two runs to be compared."""
    if isinstance(one, RunFolder):
        plan = _read(Plan, one.plan)
        return (plan.digest, plan.host_class.label) if plan else str(one.path)
    entry = run_entry(one)
    return (entry.run.digest, entry.run.host_class) if entry else one


def read_side(one: str | RunFolder) -> Side:
    return _from_folder(one) if isinstance(one, RunFolder) else _from_history(one)


def _from_folder(folder: RunFolder) -> Side:
    from loadtest.gate.decide import summarize
    from loadtest.history.imported import ImportRecord

    verdict = _read(Verdict, folder.verdict)
    metrics = _read(RunMetrics, folder.metrics)
    plan = _read(Plan, folder.plan)
    if metrics is None or plan is None or metrics.total.n == 0:
        why = f": {verdict.sentence}" if verdict else ""
        raise ConfigurationError(f"Run {folder.run_id} has no measurements to compare{why}".rstrip(".") + ".")
    imported = _read(ImportRecord, folder.imported)
    report = _read(RegressionReport, folder.regression_report)
    summary = report.summary if report else None
    if summary is None and not (imported and imported.aggregated):
        summary = summarize(folder)
    analysis = _read(Analysis, folder.analysis)
    return Side(
        run_id=folder.run_id,
        series=(plan.scenario.name, plan.environment.name, plan.profile.name),
        facts=_facts_of_imported(plan) if imported else facts_of(plan),
        digest=plan.digest,
        host_class=plan.host_class.label,
        entry_or_metrics=metrics,
        summary=summary,
        endpoints={row.endpoint: row for row in metrics.endpoints},
        total=metrics.total,
        quantiles={row.endpoint: row.quantiles_ms for row in analysis.distributions} if analysis else {},
        verdict_outcome=verdict.outcome if verdict else None,
        verdict_sentence=verdict.sentence if verdict else "",
        origin=imported.tool if imported else "",
        plan=plan,
    )


def _from_history(run_id: str) -> Side:
    entry = run_entry(run_id)
    if entry is None or not entry.metrics:
        raise ConfigurationError(f"Run {run_id} has no measurements in the history to compare.")
    row = entry.run
    names = set(EndpointMetrics.model_fields) - {"endpoint", "server"}
    values: dict[str, dict[str, Any]] = {}
    for metric in entry.metrics:
        if metric.metric in names:
            values.setdefault(metric.endpoint, {"n": 0, "errors": 0, "error_rate": 0.0, "rps": 0.0})[metric.metric] = metric.value
    rows = {name: EndpointMetrics.model_validate({"endpoint": name} | found) for name, found in values.items()}
    total = rows.pop(TOTAL, EndpointMetrics(endpoint=TOTAL, n=0, errors=0, error_rate=0.0, rps=0.0))
    known = {"Scenario": row.scenario, "Environment": row.environment, "Profile": row.profile}
    optional = {"Users": row.users, "Slowdown": row.slowdown or "none", "Host": row.host_class}
    return Side(
        run_id=row.run_id,
        series=(row.scenario, row.environment, row.profile),
        facts=known | {name: str(value) for name, value in optional.items() if value is not None},
        digest=row.digest or f"unknown, of {row.run_id}",
        host_class=row.host_class or "unknown",
        entry_or_metrics=entry,
        summary=RunSummary.model_validate_json(entry.summary) if entry.summary else None,
        endpoints=rows,
        total=total,
        quantiles={},
        verdict_outcome=row.outcome,
        verdict_sentence=row.sentence,
    )


def facts_of(plan: Plan) -> dict[str, str]:
    """What was planned, label and text, in the order of reading."""
    profile, scenario, environment = plan.profile, plan.scenario, plan.environment
    load = f"{profile.arrivals_per_s or 0:g} arrivals/s" if profile.load_model is LoadModel.OPEN else str(profile.users)
    facts = {
        "Scenario": scenario.name,
        "Locust file": ", ".join((scenario.locustfile,) if isinstance(scenario.locustfile, str) else scenario.locustfile),
        "Scenario files": scenario.files_digest[:12],
        "Environment": environment.name,
        "Profile": profile.name,
        "Users": load,
        "Spawn rate": f"{profile.spawn_rate:g} per second",
        "Duration": format_duration(profile.planned_duration_s),
        "Stages": ", ".join(
            f"{format_duration(stage.duration_s)} {stage.users if stage.users is not None else stage.arrivals_per_s}"
            for stage in profile.stages
        ),
        "Workers": str(profile.workers),
        "Tags": ", ".join(scenario.tags) + (f" without {', '.join(scenario.exclude_tags)}" if scenario.exclude_tags else ""),
        "Arguments": ", ".join(f"{name}={value}" for name, value in scenario.arguments.items()),
        "Side by side": "yes" if plan.against else "no",
        **_host_facts(plan.host_class),
        "Started by": plan.host_class.executor,
        "Slowdown": plan.slowdown or "none",
        "Build": wording.commit(plan.measured_commit),
    }
    return {name: text or "none" for name, text in facts.items()}


def _facts_of_imported(plan: Plan) -> dict[str, str]:
    """What a file of another tool tells; how long it ran was measured, not planned."""
    known = facts_of(plan)
    told = {name: known[name] for name in ("Scenario", "Environment", "Profile", "Users", "Build")}
    return told | {"Lasted": known["Duration"]}


def _host_facts(host: HostClass) -> dict[str, str]:
    labels = {
        "cpu_model": "CPU",
        "cores": "Cores",
        "memory_gib": "Memory (GiB)",
        "os": "OS",
        "python": "Python",
        "locust": "Locust",
    }
    return {labels.get(name, name): str(value) for name, value in host.compared.items()}


def _read(model: type[Model], path: AnyPath) -> Model | None:
    return model.read(path) if path.exists() else None
