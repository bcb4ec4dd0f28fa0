"""Workers import what their tasks need before they are forked."""

import subprocess
import sys

from airflow.executors.executor_loader import ExecutorLoader
from airflow.executors.executor_utils import ExecutorName
from airflow.executors.local_executor import LocalExecutor

SCRIPT = """
import logging, os, sys
from loadtest.deployment.warm_workers import LIBRARIES, OWN, WarmLocalExecutor, import_what_tasks_need
logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
import_what_tasks_need()
before = set(sys.modules)
missing = [name for name in (*LIBRARIES, *OWN) if name not in before]
child = os.fork()
if child == 0:
    import loadtest.dags.load_test
    heavy = {"pandas", "scipy", "sqlalchemy", "altair", "great_expectations", "pyarrow", "httpx", "jinja2"}
    late = {name for name in set(sys.modules) - before if name.partition(".")[0] in heavy and name.count(".") == 0}
    os._exit(1 if late else 0)
print("missing", missing, "fork", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_of_a_warm_worker_has_what_tasks_need() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert "missing [] fork 0" in done.stdout, done.stderr[-2000:]
    assert "import" not in done.stderr  # no "Tasks have to import ... themselves"


def test_airflow_knows_the_executor() -> None:
    executor, _ = ExecutorLoader.import_executor_cls(ExecutorName("loadtest.deployment.warm_workers.WarmLocalExecutor"))
    assert issubclass(executor, LocalExecutor)
