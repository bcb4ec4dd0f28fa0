"""What the recorder costs and what it is worth: throughput with and without it, memory, bytes, exactness.

    python benchmarks/bench_recorder.py [--slices 150 --pairs 5 --seconds 8 --requests 1000000 --seed 1]

Two measurements of the same cost, at saturation (one core of Locust, users without wait time, a server several times as
fast). `recorder_throughput_cost`: one Locust in which the recorder is switched on and off in neighboring slices of 0.3 s; at
saturation CPU per request is throughput, and noise of a shared machine hits neighbors alike. `recorder_runs_*`: whole runs with
and without, interleaved; on a quiet machine they say the same, on a busy one mostly noise.

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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.fast_server import FastServer, fast_server
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
from loadtest.load.convert import convert_streams
from loadtest.load.recorder import Recorder

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
        recorder.next_traceparent()
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
from loadtest.load.convert import convert_streams
from loadtest.load.recorder import Recorder

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
    parser.add_argument("--slices", type=int, default=150, help="pairs of neighboring slices")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        exactness(Path(root), options.seed, figures)
        standalone(Path(root), options.requests, options.seed, figures)
        switching(options, figures)
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


def switching(options: argparse.Namespace, figures: list[str]) -> None:
    toggle = Path(__file__).with_name("recorder_toggle.py")
    with fast_server() as server:
        command = [sys.executable, "-m", "locust", "-f", str(toggle), "--headless", "--only-summary", "--host", server.base_url]
        users = ["-u", str(options.users), "-r", str(options.users)]
        environment = {**os.environ, "PAIRS": str(options.slices), "SLICE_S": "0.3"}
        found = subprocess.run([*command, *users], check=True, capture_output=True, text=True, env=environment).stdout
    pairs = json.loads(found.splitlines()[-1])
    ratios = sorted(on / off for on, off in pairs)
    cost = 100 * (1 - 1 / statistics.median(ratios))
    spread = 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5  # standard error of a median
    figure(figures, "recorder_throughput_cost", cost, "%", "<=2")
    figure(figures, "recorder_throughput_cost_standard_error", 100 * spread, "%")
    figure(figures, "recorder_off_cpu_per_request", statistics.median(off for _, off in pairs), "us")


def throughput(root: Path, options: argparse.Namespace, figures: list[str]) -> None:
    scenario = root / "locustfile.py"
    scenario.write_text(SCENARIO)
    ratios, cpu_ratios, rates = [], [], []
    with fast_server() as server:
        for pair in range(options.pairs):
            order = (True, False) if pair % 2 else (False, True)
            found = {on: saturate(root / f"{pair}-{on}", scenario, server, options, recorder=on) for on in order}
            ratios.append(found[True][0] / found[False][0])
            cpu_ratios.append(found[True][1] / found[False][1])
            rates.append(found[True][0])
            print(
                f"pair {pair + 1}: on {found[True][0]:.0f} rps, off {found[False][0]:.0f} rps, ratio {ratios[-1]:.3f}; "
                f"per CPU second {found[True][1]:.0f} and {found[False][1]:.0f}, ratio {cpu_ratios[-1]:.3f}",
                flush=True,
            )
    figure(figures, "recorder_runs_rps", statistics.median(rates), "1/s")
    figure(figures, "recorder_runs_throughput_cost", 100 * (1 - statistics.median(ratios)), "%")
    figure(figures, "recorder_runs_cpu_cost", 100 * (1 - statistics.median(cpu_ratios)), "%")


def saturate(
    root: Path, scenario: Path, server: FastServer, options: argparse.Namespace, *, recorder: bool
) -> tuple[float, float]:
    """(requests per second, requests per CPU second of Locust) of one run at saturation."""
    root.mkdir()
    scratch = Scratch(root)
    for folder in (scratch.empty, scratch.streams):
        folder.mkdir()
    config = AgentConfig(
        streams=str(scratch.streams), locustfile=str(scenario), base_url=server.base_url, open_loop=False, duration_s=3600,
        users=options.users, spawn_rate=options.users, arrivals_per_s=0, stages=(), max_concurrency=1, stop_timeout_s=1,
        expected_workers=1, remote_workers=0, patterns=(),
    )  # fmt: skip
    scratch.agent_config.write_text(config.to_json())
    arguments = [*locust_command.common_arguments(config), *locust_command.users_arguments(config)]
    environment = locust_command.scrubbed_environment(scratch, "local/0")
    if not recorder:
        arguments[arguments.index("-f") + 1] = str(scenario)
        environment.pop("LOADTEST_RECORDER")
    started_with = server.count
    process = subprocess.Popen(
        arguments,
        cwd=scratch.empty,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while server.count < started_with + 2000:
            time.sleep(0.05)
        watched = psutil.Process(process.pid)
        count, clock, cpu = server.count, time.perf_counter(), sum(watched.cpu_times()[:2])
        time.sleep(options.seconds)
        count, clock, cpu = server.count - count, time.perf_counter() - clock, sum(watched.cpu_times()[:2]) - cpu
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return count / clock, count / cpu


if __name__ == "__main__":
    main()
