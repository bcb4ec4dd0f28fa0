"""What Prometheus scrapes, from real run folders and a real history; and the dashboard that reads it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from loadtest.analysis.models import RunMetrics
from loadtest.analysis.prometheus import prometheus_text
from loadtest.deployment.exporter import Runs
from loadtest.history.rebuild import rebuild
from loadtest.reporting.report import write_report
from loadtest.vocabulary import Outcome
from tests.support.run_folders import build_run_folder

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime.now(UTC)


@pytest.fixture
def scraped(tmp_path: Path) -> dict[str, list]:
    """Two series, one of them with an older run, another with a run that was swept; as a scraper sees them."""
    database_url = f"sqlite:///{tmp_path}/history.db"
    for number, (days, profile, outcome) in enumerate(
        [(2, "medium", Outcome.PASS), (1, "medium", Outcome.FAIL), (1, "light", Outcome.INVALID), (400, "smoke", Outcome.PASS)]
    ):
        folder = build_run_folder(
            tmp_path / "runs", outcome=outcome, profile=profile, run_id=f"run-{number}", started_at=NOW - timedelta(days=days)
        )
        folder.prometheus.write_bytes(prometheus_text(RunMetrics.read(folder.metrics)))
        write_report(folder)
    rebuild(tmp_path / "runs", database_url=database_url)
    registry = CollectorRegistry()
    registry.register(Runs("http://127.0.0.1:9", database_url))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        answer = httpx.get(f"http://127.0.0.1:{server.server_port}/metrics")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answer.status_code == 200
    names = re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE)
    assert len(names) == len(set(names))
    return {family.name: family.samples for family in text_string_to_metric_families(answer.text)}


def test_the_newest_run_of_each_series_and_how_all_ended(scraped: dict[str, list]) -> None:
    outcomes = {(one.labels["profile"], one.labels["outcome"]) for one in scraped["loadtest_run_outcome"] if one.value == 1}
    assert outcomes == {("medium", "fail"), ("light", "invalid")}
    assert {one.labels["run_id"] for one in scraped["loadtest_run_info"]} == {"run-1", "run-2"}
    counted = {(one.labels["profile"], one.labels["outcome"]): one.value for one in scraped["loadtest_runs"]}
    assert counted == {("medium", "pass"): 1, ("medium", "fail"): 1, ("light", "invalid"): 1}
    assert all(one.labels["endpoint"] for one in scraped["loadtest_request_duration_seconds"])


def test_an_airflow_that_does_not_answer_is_not_healthy(scraped: dict[str, list]) -> None:
    assert [(one.labels, one.value) for one in scraped["loadtest_airflow_healthy"]] == [({"component": "api_server"}, 0.0)]


def test_the_dashboard_asks_for_what_is_there(scraped: dict[str, list]) -> None:
    folder = ROOT / "deployment" / "compose" / "monitoring"
    panels = json.loads((folder / "grafana" / "loadtest.json").read_text())["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in re.findall(r"loadtest_\w+", target["expr"])}
    assert len(asked) >= 8
    assert asked <= set(scraped)
    labels = {
        name for panel in panels for target in panel["targets"] for name in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    }
    assert labels <= {name for samples in scraped.values() for one in samples for name in one.labels}
