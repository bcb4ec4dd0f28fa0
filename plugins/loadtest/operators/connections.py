"""Airflow connections that a scenario's `env:` and `secrets:` name, put where the core looks for them."""

from __future__ import annotations

import os

from loadtest.operators.stage import hide_secrets_from_logs
from loadtest.planning.models import Plan
from loadtest.planning.variables import connection_variable, connections_of


def bring_connections(plan: Plan) -> None:
    """Into `AIRFLOW_CONN_*` of this task's process, which ends with it; one that is unknown stays unset, and the load says so."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    for connection in connections_of(plan.scenario, plan.environment):
        variable = connection_variable(connection)
        if variable in os.environ:
            continue
        try:
            os.environ[variable] = Connection.get(connection).as_json()
        except AirflowNotFoundException:
            continue
    hide_secrets_from_logs()
