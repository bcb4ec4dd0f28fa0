"""The load tests' DAGs: Airflow reads a file of its dags folder only when it names both a dag and airflow."""

from loadtest.dags import *  # noqa: F403
