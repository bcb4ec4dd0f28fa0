"""Schedules on a real Airflow: two run at once, one that is broken says so, all are on the dashboard."""

from __future__ import annotations

import pytest

from loadtest.airflow_api.client import AirflowClient
from tests.support.waiting import until

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(400)]


def test_two_schedules_and_a_broken_one(airflow: AirflowClient, tmp_path) -> None:
    for name in ("nightly", "weekly", "broken"):
        until(lambda dag_id=f"load_test__{name}": airflow.get_json(f"/api/v2/dags/{dag_id}", missing=True), f"{name} is read")
    assert "five fields" in airflow.get_json("/api/v2/dags/load_test__broken")["description"]
    assert airflow.get_json("/api/v2/importErrors")["total_entries"] == 0
    for name in ("nightly", "weekly"):
        airflow.create_run(f"load_test__{name}", "manual__same_id", {})
    for name in ("nightly", "weekly"):
        run = airflow.wait_for_run(f"load_test__{name}", "manual__same_id", timeout_s=240)
        assert run.state == "success", airflow.task_states(f"load_test__{name}", "manual__same_id")
        page = f"/loadtest/dags/load_test__{name}/dag-runs/manual__same_id/report.html"
        assert airflow.download(page, tmp_path / f"{name}.html") and "</html>" in (tmp_path / f"{name}.html").read_text()
    shown = {one["name"]: one["state"] for one in airflow.get_json("/loadtest/api/runs")["schedules"]}
    assert shown == {"broken": "damaged", "nightly": "pass", "weekly": "pass"}
