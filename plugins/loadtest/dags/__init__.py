"""The DAGs of the product, one a module, and one a file of include/schedules. A file in Airflow's dags folder imports them all:
see `dags/load_tests.py`."""

from loadtest.dags.load_test import dag as load_test
from loadtest.dags.load_test_baseline import dag as load_test_baseline
from loadtest.dags.load_test_retention import dag as load_test_retention
from loadtest.dags.load_test_trends import dag as load_test_trends
from loadtest.dags.load_test_watch import dag as load_test_watch
from loadtest.dags.schedules import scheduled_dags
from loadtest.settings import settings

_SCHEDULED = scheduled_dags(settings())
globals().update(_SCHEDULED)

__all__ = ["load_test", "load_test_baseline", "load_test_retention", "load_test_trends", "load_test_watch", *_SCHEDULED]
