"""Workers that have imported what tasks need: each task is a fork of its worker, and has it at once.

Otherwise every task imports pandas, SQLAlchemy, Great Expectations and our own rooms anew, seconds of CPU in each run. A change
of the code takes effect with the next start of the workers, as Airflow has it for all plugins.

* LocalExecutor: `AIRFLOW__CORE__EXECUTOR=loadtest.deployment.warm_workers.WarmLocalExecutor`
* Celery: `loadtest.deployment.celery_config`
"""

from __future__ import annotations

import gc
import importlib
import logging
import os

from airflow.executors.local_executor import LocalExecutor

LIBRARIES = (
    "httpx",
    "pandas",
    "pyarrow.parquet",
    "scipy.special",
    "sqlalchemy.orm",
    "altair",
    "jinja2",
    "great_expectations",
)
OWN = (
    "loadtest.operators.setup",
    "loadtest.operators.backend",
    "loadtest.operators.load",
    "loadtest.operators.judgment",
    "loadtest.operators.publishing",
    "loadtest.operators.failure_notifier",
    "loadtest.pipeline.stages",
    "loadtest.pipeline.side_by_side",
    "loadtest.pipeline.publishing",
    "loadtest.load.control.scenario_check",
    "loadtest.load.control.run",
    "loadtest.analysis.analyze",
    "loadtest.analysis.data_contract",
    "loadtest.gate.decide",
    "loadtest.gate.verdict",
    "loadtest.history.record",
    "loadtest.history.queries",
    "loadtest.baselines.promotion",
    "loadtest.reporting.report",
    "loadtest.reporting.run_charts",
    "loadtest.notifications.notify",
)

log = logging.getLogger(__name__)


def import_what_tasks_need() -> None:
    """In the process that is to be forked. What cannot be imported is left to the task that needs it, which says so."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # else a line for each function that it documents
    for module in (*LIBRARIES, *OWN):
        try:
            importlib.import_module(module)
        except Exception as error:
            log.warning("Tasks have to import %s themselves: %s", module, error)
    gc.collect()
    gc.freeze()  # the collector of a task does not touch, and so copy, what it shares with its worker


class WarmLocalExecutor(LocalExecutor):
    """Airflow's LocalExecutor, whose workers are forks of a scheduler that has what tasks need."""

    def start(self) -> None:
        if self.is_mp_using_fork:
            import_what_tasks_need()
        super().start()
