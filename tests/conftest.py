"""Tests that need Airflow run in a pytest session of their own (`-m airflow`): importing it costs seconds."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# No timing assertion on a shared machine; the rest as Hypothesis chooses (in CI: always the same examples).
settings.register_profile("loadtest", settings(), deadline=None)
settings.load_profile("loadtest")

# Loads of tests wait for each other, not for those that somebody else sends from this machine.
HOST_LOCK = Path(tempfile.gettempdir()) / f"loadtest-tests-{os.getpid()}.lock"
os.environ["LOADTEST_HOST_LOCK"] = str(HOST_LOCK)

AIRFLOW_TESTS = ("dags", "end_to_end")


def pytest_unconfigure() -> None:
    HOST_LOCK.unlink(missing_ok=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wants_airflow = "airflow" in (expression := config.getoption("markexpr") or "") and "not airflow" not in expression
    in_airflow_tests = any(part in AIRFLOW_TESTS for part in collection_path.parts)
    return True if in_airflow_tests and not wants_airflow else None
