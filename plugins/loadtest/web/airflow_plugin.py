"""The one file that Airflow's plugin manager loads: the web app and its places in the UI."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from loadtest.web import run_notes
from loadtest.web.app import create_app


class LoadTestPlugin(AirflowPlugin):
    """Adds *Load tests* to the navigation, and to each run of a load test the report and the verdict as its note."""

    name = "loadtest"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/loadtest", "name": "Load tests"}]
    listeners = [run_notes]
    external_views = [
        {
            "name": "Load tests",
            "href": "loadtest/",
            "destination": "nav",
            "category": "browse",
            "url_route": "load-tests",
        },
        {
            "name": "Load test report",
            "href": "loadtest/dags/{DAG_ID}/dag-runs/{RUN_ID}/report.html",
            "destination": "dag_run",
            "url_route": "load-test-report",
        },
    ]
