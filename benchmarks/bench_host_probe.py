"""How well does the host probe follow what really happens to a host? Real runs beside real disturbances, on this machine.

    python -m benchmarks.bench_host_probe [--rounds 3] [--duration 8] [--users 5]

Each round measures the unchanged sample backend undisturbed, beside a busy process on one core, on all cores, beside a
flood of loopback traffic, and beside a writer that syncs to disk. What the endpoints have in common, against the undisturbed
runs, is what the host did; the probe's change is what the gate is told. Printed for each disturbance, with the slope of one on
the other and what it leaves unexplained (docs/gate.md, "The host probe").
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.bench_real_runs import measure_once, prepare
from benchmarks.figures import figure

BUSY = "while True: pass"
FLOOD = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
def drain():
    while peer.recv(1 << 16): pass
threading.Thread(target=drain, daemon=True).start()
while True: client.sendall(b"x" * (1 << 16))
"""
WRITE = """
import os, tempfile
with tempfile.NamedTemporaryFile() as file:
    while True:
        file.seek(0); file.write(os.urandom(1 << 20)); file.flush(); os.fsync(file.fileno())
"""
DISTURBANCES = {
    "undisturbed": (),
    "one core busy": (BUSY,),
    "all cores busy": (BUSY,) * (os.cpu_count() or 1),
    "loopback flood": (FLOOD,),
    "disk writer": (WRITE,),
}


@contextlib.contextmanager
def disturbed(programs: tuple[str, ...]) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=int, default=8, help="seconds of load per run")
    parser.add_argument("--users", type=int, default=5)
    options = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory(prefix="loadtest-host-probe-") as home:
        prepare(Path(home))
        for _ in range(options.rounds):
            for name, programs in DISTURBANCES.items():
                with disturbed(programs):
                    runs.append((name, measure_once(options.users, options.duration, None)))
                print(f"{name}: measured", flush=True)
    report(runs)


def report(runs: list) -> None:
    from loadtest.gate.statistics.host import probe_time

    names = [name for name, _ in runs]
    common = np.array([np.mean([row.lm for row in run.endpoints if row.lm is not None]) for _, run in runs])
    probes = {"together": np.log([probe_time(run) for _, run in runs])}
    for part in ("cpu", "loopback"):
        times = [(getattr(run.host_probe, f"{part}_before_s"), getattr(run.host_probe, f"{part}_after_s")) for _, run in runs]
        probes[part] = np.log(times).mean(axis=1)
    quiet = np.array([name == "undisturbed" for name in names])
    common -= common[quiet].mean()
    print("\ndisturbance       all endpoints   probe   (its CPU part, its loopback part)")
    for name in DISTURBANCES:
        of = np.array([each == name for each in names])
        told = {part: np.expm1((value - value[quiet].mean())[of].mean()) * 100 for part, value in probes.items()}
        print(
            f"{name:16}  {np.expm1(common[of].mean()) * 100:+10.0f} %  {told['together']:+5.0f} %  "
            f"({told['cpu']:+.0f} %, {told['loopback']:+.0f} %)"
        )
    x = probes["together"] - probes["together"][quiet].mean()
    slope = float(x @ common / (x @ x))
    explained = 1 - np.sum((common - slope * x) ** 2) / np.sum(common**2)
    figure("host_probe_slope", slope, "log per log", "-")
    figure("host_probe_explained", explained * 100, "%", "-")
    figure("host_probe_quiet_sd", float(x[quiet].std(ddof=1)) * 100, "%", "-")
    figure("host_probe_quiet_left_sd", float((common - slope * x)[quiet].std(ddof=1)) * 100, "%", "-")


if __name__ == "__main__":
    main()
