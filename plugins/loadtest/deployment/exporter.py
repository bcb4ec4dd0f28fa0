"""Runs and the pipeline itself for Prometheus to scrape: `python -m loadtest.deployment.exporter`, port 9105, path /metrics.

Of each scenario, environment and profile it serves `metrics.prom` and `verdict.prom` of the newest judged run, beside how many
runs ended how, and what Airflow's own health address says of its parts (`LOADTEST_AIRFLOW_URL`).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from upath import UPath

from loadtest.analysis.prometheus import gauge, series_labels
from loadtest.history.models import RunRow
from loadtest.history.queries import recent_runs
from loadtest.vocabulary import Outcome

PORT = 9105
COUNTED = timedelta(days=90)  # as long as the bulk of runs is kept
MOST_RUNS = 10_000


class Runs(Collector):
    """Reads history and run folders at each scrape: once a minute is plenty. A history that cannot be read fails the scrape,
    so that Prometheus' own `up` says so."""

    def __init__(self, airflow_url: str | None, database_url: str | None = None) -> None:
        self.airflow_url = airflow_url
        self.database_url = database_url

    def describe(self) -> Iterable[Metric]:
        """Nothing: else registering would collect, and the exporter starts before the history is there."""
        return ()

    def collect(self) -> Iterator[Metric]:
        since = datetime.now(UTC) - COUNTED
        runs = recent_runs(since=since, outcomes=tuple(Outcome), limit=MOST_RUNS, database_url=self.database_url)
        newest: dict[tuple[str, str, str], RunRow] = {}
        for run in runs:
            newest.setdefault(_series(run), run)
        yield from _merged(_families_of(run) for run in newest.values())
        counted = Counter((*_series(run), run.outcome) for run in runs)
        meaning = f"Judged runs of the last {COUNTED.days} days"
        yield gauge(
            "loadtest_runs", meaning, [({**series_labels(*series), "outcome": str(outcome)}, float(number))
                                       for (*series, outcome), number in counted.items()],
        )  # fmt: skip
        if self.airflow_url:
            yield gauge("loadtest_airflow_healthy", "What Airflow says of its parts: 1 when healthy", self._airflow())

    def _airflow(self) -> Iterator[tuple[dict[str, str], float]]:
        try:
            answer = httpx.get(f"{self.airflow_url}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            yield {"component": "api_server"}, 0.0
            return
        yield {"component": "api_server"}, 1.0
        for component, said in sorted(answer.items()):
            if isinstance(said, dict) and said.get("status"):
                yield {"component": component}, float(said["status"] == "healthy")


def _series(run: RunRow) -> tuple[str, str, str]:
    return run.scenario, run.environment, run.profile


def _families_of(run: RunRow) -> Iterator[Metric]:
    """What the run's folder holds; nothing when it was swept, or the run came from elsewhere."""
    for name in ("metrics.prom", "verdict.prom"):
        if run.folder:
            try:
                text = (UPath(run.folder) / name).read_text(encoding="utf-8")
            except OSError:
                continue
            yield from text_string_to_metric_families(text)


def _merged(parts: Iterable[Iterator[Metric]]) -> Iterable[Metric]:
    """One family for each name, as the format wants it, with the samples of all runs."""
    families: dict[str, Metric] = {}
    for part in parts:
        for family in part:
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type)).samples += family.samples
    return families.values()


def main() -> None:
    registry = CollectorRegistry()
    registry.register(Runs(os.environ.get("LOADTEST_AIRFLOW_URL") or None))
    start_http_server(PORT, registry=registry)
    print(f"metrics on port {PORT}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
