"""From the history to a trends report: slopes, jumps, availability and proposals per scenario, environment and profile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from loadtest.errors import ConfigurationError
from loadtest.history.acknowledgements import acknowledgements
from loadtest.history.models import Acknowledgement, RunRow
from loadtest.history.queries import all_series, metric_table, recent_runs
from loadtest.history.regressions import open_regressions
from loadtest.planning.config import load_scenario
from loadtest.planning.criteria import Target
from loadtest.settings import settings
from loadtest.trends.availability import availability
from loadtest.trends.capacity import METRIC, capacity_points, capacity_sentence
from loadtest.trends.models import SeriesTrends, TrendsReport
from loadtest.trends.proposals import propose_targets
from loadtest.trends.series import metric_trends, recent_values
from loadtest.trends.words import series_sentence

WEEKS = 26
MOST_RUNS = 300  # of one series, the newest: a slope looks at every pair of runs
_EVERY = 1_000_000
_METRICS = ("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", METRIC)


def compute_trends(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    scenario: str | None = None,
    environment: str | None = None,
    profile: str | None = None,
    database_url: str | None = None,
) -> TrendsReport:
    """Trends of every series that has a run between `since` (26 weeks before `until`) and `until` (now).

    Errors: ConfigurationError when there is no time between the two, InfrastructureError when the history is away.
    """
    until = until or datetime.now(UTC)
    since = since or until - timedelta(weeks=WEEKS)
    if since >= until:
        raise ConfigurationError(f"There is no time between {since:%Y-%m-%d} and {until:%Y-%m-%d}; give an earlier beginning.")
    wanted = (scenario, environment, profile)
    runs = recent_runs(*wanted, since=since, before=until, limit=_EVERY, database_url=database_url)
    marks = acknowledgements(database_url=database_url)
    series = []
    for name in all_series(since=since, database_url=database_url):
        of_series = [run for run in runs if (run.scenario, run.environment, run.profile) == name]
        if of_series:
            series.append(_series(name, of_series, marks, since, until, database_url))
    return TrendsReport(
        month=f"{until:%Y-%m}",
        since=since,
        until=until,
        series=tuple(series),
        availability=availability(runs, marks, until=until, weekly=True),
        created_at=datetime.now(UTC),
    )


def _series(
    name: tuple[str, str, str],
    runs: Sequence[RunRow],
    marks: Sequence[Acknowledgement],
    since: datetime,
    until: datetime,
    database_url: str | None,
) -> SeriesTrends:
    notes = []
    if len(runs) > MOST_RUNS:
        since = max(since, runs[MOST_RUNS - 1].started_at)  # runs come newest first
        notes.append(f"There are {len(runs):,} runs; the trends are of the newest {MOST_RUNS}, since {since:%Y-%m-%d}.")
    table = metric_table(*name, _METRICS, since=since, until=until, database_url=database_url)
    capacity = capacity_points(table)
    metrics, changes = ([], []) if capacity else metric_trends(table)
    if any(len({point.segment for point in trend.points}) > 1 for trend in metrics):
        notes.append(
            "The load plan or the host changed in this time; runs are compared only with runs of the same plan and host."
        )
    targets, problem = _targets(name[0])
    notes += [problem] if problem else []
    directions = {trend.endpoint: trend.slope.direction for trend in metrics if trend.metric == "p95_ms"}
    return SeriesTrends(
        scenario=name[0],
        environment=name[1],
        profile=name[2],
        metrics=tuple(metrics),
        changes=tuple(changes),
        availability=availability(runs, marks, until=until, weekly=False),
        proposals=() if capacity else tuple(propose_targets(targets, recent_values(table, changes), directions)),
        open_regressions=tuple(item.sentence for item in open_regressions(*name, database_url=database_url)),
        notes=tuple(notes),
        sentence=capacity_sentence(capacity) if capacity else series_sentence(metrics, changes),
        capacity=capacity,
    )


def _targets(scenario: str) -> tuple[Sequence[Target], str]:
    """The scenario's targets of today, and why there are none."""
    try:
        return load_scenario(settings(), scenario).targets, ""
    except ConfigurationError:
        return (), f"There are no proposals for targets, since the scenario {scenario!r} is not in include/scenarios any more."
