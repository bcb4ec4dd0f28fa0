"""What the tasks of a DAG run import, in seconds of CPU: as forks of a plain worker, and of one that has imported it already.

    python -m benchmarks.bench_task_imports

CPU time of forks, which a busy machine disturbs less than time by the clock.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import figure

DAG = "loadtest.dags.load_test"
STAGES = {
    "resolve_plan": ("loadtest.pipeline.stages", "loadtest.gate.verdict"),
    "check_health": ("loadtest.pipeline.side_by_side",),
    "run_load": ("loadtest.load.control.run", "loadtest.pipeline.own_backend"),
    "analyze": ("loadtest.analysis.analyze", "loadtest.pipeline.side_by_side", "pandas"),
    "judge": ("loadtest.pipeline.stages", "loadtest.gate.decide", "loadtest.history.queries"),
    "data_contract": ("loadtest.analysis.data_contract", "great_expectations"),
    "conclude": ("loadtest.gate.verdict",),
    "record_history": ("loadtest.history.record", "loadtest.baselines.promotion"),
    "report": ("loadtest.pipeline.publishing", "loadtest.reporting.report", "loadtest.reporting.run_charts"),
    "notify": ("loadtest.notifications.notify",),
}


def main() -> None:
    import airflow.sdk.execution_time.task_runner  # noqa: F401 (each worker has it)

    from loadtest.deployment.warm_workers import import_what_tasks_need

    cold = {task: cpu_s_of_fork((DAG, *modules)) for task, modules in STAGES.items()}
    import_what_tasks_need()
    warm = {task: cpu_s_of_fork((DAG, *modules)) for task, modules in STAGES.items()}
    for task in STAGES:
        print(f"{task:16s} {cold[task]:5.2f} s {warm[task]:5.2f} s")
    figure("imports_of_ten_tasks_cold", sum(cold.values()), "s")
    figure("imports_of_ten_tasks_warm", sum(warm.values()), "s")


def cpu_s_of_fork(modules: tuple[str, ...]) -> float:
    """CPU seconds that a fork of this process needs to import `modules`."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries that greet
        before = time.process_time()
        for module in modules:
            importlib.import_module(module)
        os.write(writable, f"{time.process_time() - before:.6f}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writable)
    with os.fdopen(readable) as answer:
        return float(answer.read())


if __name__ == "__main__":
    main()
