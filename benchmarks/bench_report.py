"""How long a report takes to write, how large it is, and how soon a browser shows it: ordinary and very large runs.

    python benchmarks/bench_report.py [--endpoints 500 --failures 100000 --causes 2000 --no-browser]

Each figure is a line `FIGURE name value unit bar ok|short`. Browser figures need Chromium (Debian's, or LOADTEST_CHROMIUM).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import figure
from loadtest.run_folder import RunFolder
from tests.support.browser import open_browser, watched_page
from tests.support.run_folders import build_run_folder, make_baseline_runs, make_trend

WRITE = """
import sys, time
start = time.perf_counter()
from upath import UPath
from loadtest.reporting.report import write_report
from benchmarks.figures import figure
from loadtest.run_folder import RunFolder
write_report(RunFolder(UPath(sys.argv[1])))
print(time.perf_counter() - start, time.process_time())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=500)
    parser.add_argument("--failures", type=int, default=100_000)
    parser.add_argument("--causes", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        os.environ["LOADTEST_SCRATCH"] = f"{root}/scratch"
        ordinary = build_run_folder(root, run_id="ordinary")
        large = build_run_folder(
            root,
            run_id="large",
            endpoints=options.endpoints,
            failures=options.failures,
            failure_causes=options.causes,
            hostile=True,
        )
        measure_writing(ordinary, options.repeats)
        sizes = {
            "ordinary": (ordinary, write(ordinary, 9)),
            "large": (large, write(large, options.endpoints)),
        }
        for name, (folder, seconds) in sizes.items():
            figure(f"report_{name}_write_in_process", seconds, "s", "<=2")
            figure(f"report_{name}_size", folder.report.stat().st_size / 1e6, "MB", "<=5")
        if not options.no_browser:
            for name, (folder, _) in sizes.items():
                for width in (1280, 390):
                    seconds = min(shown_after_s(folder, width) for _ in range(options.repeats))
                    figure(f"report_{name}_shown_at_{width}px", seconds, "s", "<=3")


def measure_writing(folder: RunFolder, repeats: int) -> None:
    """In a process of its own, imports included, as `loadtest run` pays it; the first also bundles Vega. Processor time
    beside the clock, since a busy machine stretches the latter."""
    times = []
    for _ in range(repeats + 1):
        done = subprocess.run([sys.executable, "-c", WRITE, str(folder.path)], capture_output=True, text=True, check=True)
        wall, cpu = done.stdout.split()
        times.append((float(wall), float(cpu)))
    figure("report_first_ever", times[0][0], "s", "<=5")
    figure("report_new_process", min(wall for wall, _ in times[1:]), "s", "<=2")
    figure("report_new_process_cpu", min(cpu for _, cpu in times[1:]), "s", "<=2")


def write(folder: RunFolder, endpoints: int) -> float:
    from loadtest.reporting.report import write_report

    baseline, trend = make_baseline_runs(endpoints), make_trend(endpoints)
    write_report(folder, baseline=baseline, trend=trend)
    start = time.perf_counter()
    write_report(folder, baseline=baseline, trend=trend)
    return time.perf_counter() - start


def shown_after_s(folder: RunFolder, width: int) -> float:
    """From the start of navigation until every chart is drawn, as if all of the page was scrolled through at once."""
    with open_browser() as browser, watched_page(browser, width=width) as watched:
        start = time.perf_counter()
        watched.page.goto(f"file://{folder.report}")
        watched.draw_all_charts()
        elapsed = time.perf_counter() - start
        if watched.problems or watched.requests:
            raise SystemExit(f"the page complained: {watched.problems} {watched.requests}")
        return elapsed


if __name__ == "__main__":
    main()
