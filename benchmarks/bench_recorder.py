"""What the recorder costs and what it is worth: throughput with and without it, memory, bytes, exactness.

    python benchmarks/bench_recorder.py [--pairs 200 --slice 0.4 --requests 1000000 --seed 1]

The throughput: two whole Locust processes at saturation (users without wait time, a server several times as fast), one with
the recorder as a load test starts it, one without. While one works for a slice of 0.4 s the other is stopped (SIGSTOP), in
turn, so that what other tenants do to the machine hits both alike: between whole runs of ten seconds its speed was seen to
change by 40 %. At saturation requests per CPU second are the throughput.

Each figure is a line `FIGURE name value unit bar ok|short`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.fast_server import FastServer
from loadtest.load import locust_command
from loadtest.load.agent_config import AgentConfig
from loadtest.load.job import Scratch

SCENARIO = """
from itertools import count
from locust import FastHttpUser, constant, task

numbers = count()


class Reader(FastHttpUser):
    wait_time = constant(0)

    @task(3)
    def student(self):
        self.client.get(f"/api/v1/students/{next(numbers) % 1000}?skip=3", name="/api/v1/students/[id]")

    @task
    def courses(self):
        self.client.get("/api/v1/courses")
"""

STANDALONE = """
import json, sys, time
from pathlib import Path
import numpy as np, psutil
from geventhttpclient.header import Headers
from loadtest.load.supervision.convert import convert_streams
from loadtest.load.inside_locust.recorder import Recorder

root, requests, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(seed)
latencies = rng.lognormal(np.log(20), 0.5, 1 << 17).tolist()
picks = rng.integers(0, 20, 1 << 17).tolist()
names = [f"/api/v1/things{number}/17" for number in range(20)]

class Plain:
    status_code = 200
    headers = Headers()

class Response(Plain):
    headers = Headers()

Plain.headers["Content-Type"] = "application/json"
Response.headers["Server-Timing"] = "app;dur=1.25, db;dur=0.75"

def drive(recorder, response):
    begun, start, fire = time.process_time(), time.time(), recorder.on_request
    for number in range(requests):
        recorder.next_traceparent("GET", "/x")
        fire(request_type="GET", name=names[picks[number & 131071]],
             response_time=latencies[number & 131071], response_length=1200 + picks[-(number & 131071)],
             response=response, exception=None, start_time=start,
             url="http://h/x", context={})
        start += latencies[(number * 7) & 131071] * 2e-5
        if number % 2500 == 0:
            recorder.flush()
    recorder.flush()
    return (time.process_time() - begun) / requests * 1e9

process = psutil.Process()
recorder = Recorder(root / "timed", worker="local/0", patterns=[])
before = process.memory_info().rss
with_timing_ns = drive(recorder, Response)
grown = process.memory_info().rss - before
plain_ns = drive(Recorder(root / "plain" / "streams" / "local-0", worker="local/0", patterns=[]), Plain)
raw = sum(path.stat().st_size for path in (root / "plain" / "streams").rglob("*.bin"))
begun = time.process_time()
convert_streams(root / "plain" / "streams", root / "samples.parquet", root / "exemplars.json")
print(json.dumps({"memory_mb": grown / 1e6, "plain_ns": plain_ns, "with_timing_ns": with_timing_ns,
                  "raw_bytes": raw / requests, "parquet_bytes": (root / "samples.parquet").stat().st_size / requests,
                  "convert_s": time.process_time() - begun}))
"""

EXACT = """
import sys
from pathlib import Path
import numpy as np, pyarrow.parquet as pq
from loadtest.load.supervision.convert import convert_streams
from loadtest.load.inside_locust.recorder import Recorder

root, median_ms, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
raw = np.random.default_rng(seed).lognormal(np.log(median_ms), 0.3, 50_000)
recorder = Recorder(root / "streams" / "local-0", worker="local/0", patterns=[])
for latency in raw.tolist():
    recorder.on_request("GET", "/x", latency, 7, None, None, 1.7e9, "/x")
recorder.flush()
convert_streams(root / "streams", root / "samples.parquet", root / "exemplars.json")
ours = pq.read_table(root / "samples.parquet")["latency_us"].to_numpy() / 1000
q = [0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1]
print(np.abs(np.quantile(ours, q) - np.quantile(raw, q)).max() * 1000)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200, help="pairs of neighboring slices")
    parser.add_argument("--slice", type=float, default=0.4, help="seconds")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        exactness(Path(root), options.seed, figures)
        standalone(Path(root), options.requests, options.seed, figures)
        throughput(Path(root), options, figures)
    print(*figures, sep="\n")


def figure(figures: list[str], name: str, value: float, unit: str, bar: str = "-") -> None:
    ok = True
    if bar.startswith("<="):
        ok = value <= float(bar[2:])
    elif bar.startswith(">="):
        ok = value >= float(bar[2:])
    figures.append(f"FIGURE {name} {value:.4g} {unit} {bar} {'ok' if ok else 'short'}")


def run_python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def exactness(root: Path, seed: int, figures: list[str]) -> None:
    for median_ms in (2, 7, 45, 180, 950):
        error_us = float(run_python(EXACT, root / f"exact-{median_ms}", median_ms, seed))
        figure(figures, f"recorder_quantile_error_at_{median_ms}_ms", error_us, "us", "<=1")


def standalone(root: Path, requests: int, seed: int, figures: list[str]) -> None:
    found = json.loads(run_python(STANDALONE, root / "alone", requests, seed))
    figure(figures, "recorder_memory_growth", found["memory_mb"], "MB", "<=20")
    figure(figures, "recorder_request", found["plain_ns"], "ns")
    figure(figures, "recorder_request_with_server_timing", found["with_timing_ns"], "ns")
    figure(figures, "recorder_raw_bytes_per_request", found["raw_bytes"], "bytes")
    figure(figures, "recorder_parquet_bytes_per_request", found["parquet_bytes"], "bytes")
    figure(figures, "recorder_convert", found["convert_s"], "s")


def throughput(root: Path, options: argparse.Namespace, figures: list[str]) -> None:
    scenario = root / "locustfile.py"
    scenario.write_text(SCENARIO)
    with ExitStack() as stack:
        saturated = {}
        for on in (True, False):
            saturated[on] = stack.enter_context(Saturated(root / f"{on}", scenario, options.users, recorder=on))
        per_cpu_s: dict[bool, list[float]] = {True: [], False: []}
        for pair in range(options.pairs):
            for on in (True, False) if pair % 2 else (False, True):
                per_cpu_s[on].append(saturated[on].work(options.slice))
            if (pair + 1) % 20 == 0:
                medians = [statistics.median(per_cpu_s[on]) for on in (True, False)]
                print(f"{pair + 1} pairs: requests per CPU second {medians[0]:.0f} with, {medians[1]:.0f} without", flush=True)
    ratios = sorted(on / off for on, off in zip(per_cpu_s[True], per_cpu_s[False], strict=True))
    low, high = (100 * (1 - ratio) for ratio in median_interval(ratios))
    figure(figures, "recorder_throughput_cost", 100 * (1 - statistics.median(ratios)), "%", "<=2")
    figure(figures, "recorder_throughput_cost_at_least", high, "%")
    figure(figures, "recorder_throughput_cost_at_most", low, "%")
    figure(figures, "recorder_off_requests_per_cpu_second", statistics.median(per_cpu_s[False]), "1/s")


def median_interval(ordered: list[float]) -> tuple[float, float]:
    """95 % interval of the median from order statistics."""
    reach = round(0.98 * len(ordered) ** 0.5)
    middle = len(ordered) // 2
    return ordered[max(0, middle - reach)], ordered[min(len(ordered) - 1, middle + reach)]


class Saturated:
    """A Locust process at saturation with a server of its own; stopped but for its slices."""

    def __init__(self, root: Path, scenario: Path, users: int, *, recorder: bool) -> None:
        root.mkdir()
        self.server = FastServer()
        scratch = Scratch(root)
        for folder in (scratch.empty, scratch.streams):
            folder.mkdir()
        config = AgentConfig(
            streams=str(scratch.streams), locustfile=str(scenario), base_url=self.server.base_url, open_loop=False,
            duration_s=3600, users=users, spawn_rate=users, arrivals_per_s=0, stages=(), max_concurrency=1, stop_timeout_s=1,
            expected_workers=1, remote_workers=0, patterns=(),
        )  # fmt: skip
        scratch.agent_config.write_text(config.to_json())
        self._arguments = [*locust_command.common_arguments(config), *locust_command.users_arguments(config)]
        self._environment = locust_command.scrubbed_environment(scratch, "local/0")
        if not recorder:
            self._arguments[self._arguments.index("-f") + 1] = str(scenario)
            self._environment.pop("LOADTEST_RECORDER")
        self._cwd = scratch.empty

    def __enter__(self) -> Saturated:
        self.process = subprocess.Popen(
            self._arguments,
            cwd=self._cwd,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while self.server.count < 10_000:
            time.sleep(0.05)
            if self.process.poll() is not None:
                raise RuntimeError(f"Locust ended with exit code {self.process.returncode}")
        self.process.send_signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.server.close()

    def work(self, seconds: float) -> float:
        """Requests per CPU second of a slice."""
        count, cpu_s = self.server.count, self._cpu_s()
        self.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        return (self.server.count - count) / (self._cpu_s() - cpu_s)

    def _cpu_s(self) -> float:
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
