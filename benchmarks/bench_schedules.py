"""How long Airflow takes to read the DAGs of many schedules, imports apart (they are the same for one).

    python benchmarks/bench_schedules.py --schedules 30

Each schedule has a scenario and an environment of its own, as thirty services do. Airflow itself is imported before the clock
starts. CPU time, so that what else the machine does makes no difference; the time by the clock stands beside. First what
Airflow calls the parse time of a DAG file; then what its own serialization of all tasks takes, which is the same for anybody's
DAGs of that size.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]


def services(include: Path, number: int) -> None:
    """An include/ of many services, each with all of its files."""
    for index in range(number):
        name = f"service_{index:02d}"
        for folder in ("environments", "schedules", f"scenarios/{name}"):
            (include / folder).mkdir(parents=True, exist_ok=True)
        (include / f"environments/{name}.yaml").write_text("base_url: http://127.0.0.1:9\n")
        (include / f"scenarios/{name}/locustfile.py").write_text("from locust import HttpUser\n")
        (include / f"schedules/{name}.yaml").write_text(
            f'scenario: {name}\nenvironment: {name}\nprofile: light\ncron: "{index % 60} 2 * * MON"\nowners: [team_{index}]\n'
        )


def read_all() -> tuple[float, float, float]:
    """Seconds of CPU to read the DAGs once, and to serialize them; seconds by the clock to read them."""
    from airflow.serialization.serialized_objects import DagSerialization

    from loadtest.dags.load_test import load_test_dag
    from loadtest.dags.schedules import scheduled_dags
    from loadtest.settings import settings

    load_test_dag()  # what only the first one costs
    began, started = time.perf_counter(), time.process_time()
    dags = scheduled_dags(settings())
    read, by_the_clock = time.process_time(), time.perf_counter() - began
    for dag in dags.values():
        DagSerialization.to_dict(dag)
    return read - started, time.process_time() - read, by_the_clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"LOADTEST_HOME": folder, "AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        services(Path(folder) / "include", options.schedules)
        from benchmarks.figures import figure

        took = [read_all() for _ in range(options.repeats)]
        read, serialized, by_the_clock = (statistics.median(column) for column in zip(*took, strict=True))
        figure(f"schedules_{options.schedules}_read", read, "s of CPU", "<=2")
        print(f"by the clock {by_the_clock:.1f} s; Airflow's serialization of them: {serialized:.1f} s of CPU")


if __name__ == "__main__":
    main()
