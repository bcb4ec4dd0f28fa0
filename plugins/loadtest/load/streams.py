"""The raw streams of one load-generating process: what the recorder appends and the supervisor tails and converts.

One folder per process, `streams/<worker>/`; every file is only ever appended to, so a killed process loses at most the
second that it had not yet written, and a torn last record is recognized by its length.

- `samples.bin`: SAMPLE records, one per request
- `server.bin`: SERVER records, one per Server-Timing component of a request, by its row in samples.bin
- `names.jsonl`: what the ids in the records mean, {"kind": "endpoint" | "error" | "component", "id": int, "name": str};
  always on disk before a record that uses it
- `facts.jsonl`: first line: who the process is; then one self-observation a second, and events
- `exemplars.jsonl`: the slowest requests of an endpoint, again whenever they changed; an endpoint's last line counts

Standard library only: this module is loaded inside Locust.
"""

from __future__ import annotations

import struct

SAMPLES, SERVER, NAMES, FACTS, EXEMPLARS = "samples.bin", "server.bin", "names.jsonl", "facts.jsonl", "exemplars.jsonl"
FILES = (NAMES, SAMPLES, SERVER, EXEMPLARS, FACTS)  # in the order in which a flush writes them

# start_us, latency_us, late_us, response_bytes, endpoint, error, status, users
SAMPLE = struct.Struct("<qIIIHHHH")
SAMPLE_FIELDS = [
    ("start_us", "<i8"),
    ("latency_us", "<u4"),
    ("late_us", "<u4"),
    ("response_bytes", "<u4"),
    ("endpoint", "<u2"),
    ("error", "<u2"),
    ("status", "<u2"),
    ("users", "<u2"),
]
# row in samples.bin, duration_us, component
SERVER_RECORD = struct.Struct("<IIH")
SERVER_FIELDS = [("row", "<u4"), ("duration_us", "<u4"), ("component", "<u2")]

NO_ERROR = 0
OTHER = "(other)"  # the name that all share which a full table has no place for
MAX_U16, MAX_U32 = 0xFFFF, 0xFFFF_FFFF
NO_TIME = MAX_U32  # as latency_us: the client reported no time that a request of this run can have taken
LONGEST_US = NO_TIME - 1

CONFIG_VARIABLE, WORKER_VARIABLE = "LOADTEST_RECORDER", "LOADTEST_WORKER"
VARIABLES_VARIABLE = "LOADTEST_SCENARIO_VARIABLES"  # names, with commas between, of those that a scenario is to find
SCENARIO_VARIABLE = "LOADTEST_SCENARIO_DIGEST"  # of a remote worker: which scenario files it has
MASTER = "_master"  # folder of the master process: it sends no requests, only facts
OFFSET = "offset.json"  # written by the master for a remote worker: {"offset_s": master's clock minus the worker's}
