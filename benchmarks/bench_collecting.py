"""What it takes at the end of a load to make `samples.parquet` of what its processes recorded.

    python -m benchmarks.bench_collecting [--rows 1000000 10000000] [--processes 4] [--folder DIR] [--seed 1]

Writes the raw streams of load-generating processes (20 endpoints, 0.5 % failures, no server times), collects them in a process of
its own, and prints one FIGURE line per figure. Disk: 50 bytes a row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.figures import figure
from loadtest.load import streams
from loadtest.load.supervision.tail import SAMPLE_DTYPE

ENDPOINTS, BLOCK = 20, 1_000_000
COLLECT = """
import json, resource, sys, time
from pathlib import Path
from loadtest.load.supervision.convert import convert_streams
root = Path(sys.argv[1])
began, began_cpu = time.perf_counter(), time.process_time()
conversion = convert_streams(root / "streams", root / "samples.parquet", root / "exemplars.json")
print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - began_cpu, "rows": conversion.samples,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "bytes": (root / "samples.parquet").stat().st_size}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--folder", help="where the streams and samples are written and deleted again")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            root = Path(folder)
            for number in range(options.processes):
                rng = np.random.default_rng([options.seed, number])
                write_stream(root / "streams" / f"local-{number}", f"local/{number}", rows // options.processes, rng)
            done = subprocess.run([sys.executable, "-c", COLLECT, folder], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        assert found["rows"] == rows // options.processes * options.processes
        name = f"collect_{rows // 1_000_000}m"
        figure(f"{name}_wall", found["seconds"], "s")
        figure(f"{name}_processor", found["cpu_s"], "s")
        figure(f"{name}_peak", found["peak_mb"], "MB")
        figure(f"{name}_parquet_bytes_per_request", found["bytes"] / rows, "bytes")


def write_stream(folder: Path, worker: str, rows: int, rng: np.random.Generator) -> None:
    """What the recorder of one process leaves after `rows` requests."""
    folder.mkdir(parents=True)
    names = [{"kind": "endpoint", "id": number, "name": f"GET /api/{number}"} for number in range(ENDPOINTS)]
    names.append({"kind": "error", "id": 1, "name": "HTTP 503"})
    (folder / streams.NAMES).write_text("".join(json.dumps(name) + "\n" for name in names))
    (folder / streams.FACTS).write_text(json.dumps({"event": "process", "worker": worker}) + "\n")
    start_us = 1_772_416_800_000_000
    with (folder / streams.SAMPLES).open("wb") as stream:
        for done in range(0, rows, BLOCK):
            block = np.zeros(min(BLOCK, rows - done), SAMPLE_DTYPE)
            block["start_us"] = start_us + rng.integers(0, 500, len(block)).cumsum()
            start_us = int(block["start_us"][-1])
            block["latency_us"] = rng.lognormal(np.log(30_000), 0.4, len(block))
            block["late_us"] = rng.integers(0, 900, len(block))
            block["endpoint"] = rng.integers(0, ENDPOINTS, len(block))
            failed = rng.random(len(block)) < 0.005
            block["error"] = failed
            block["status"] = np.where(failed, 503, 200)
            block["response_bytes"] = rng.integers(900, 1_100, len(block))
            block["users"] = 200
            block.tofile(stream)


if __name__ == "__main__":
    main()
