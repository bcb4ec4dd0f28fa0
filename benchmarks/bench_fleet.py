"""What a fleet costs: the encrypted connection against Locust's plain one, and a worker's samples on their way to the master.

`make bench-fleet`. One process, loopback: both sides' work is in the figures of the connection.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import zmq

from benchmarks.bench_collecting import write_stream
from benchmarks.figures import figure
from loadtest.load import streams
from loadtest.load.inside_locust.fleet_door import master_keys
from loadtest.load.inside_locust.shipping import CHUNK, Receiver, Shipper

CHUNK_BYTES = 20_000  # a second of 1,000 requests, before compression
CHUNKS = 5_000
REQUESTS, A_SECOND = 1_000_000, 1_000  # of one worker, each second


def seconds(token: str) -> float:
    """Processor seconds for CHUNKS chunks."""
    context = zmq.Context()
    master, worker = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    if token:
        public, secret = master_keys(token)
        master.curve_server, master.curve_publickey, master.curve_secretkey = True, public, secret
        worker.curve_publickey, worker.curve_secretkey = zmq.curve_keypair()
        worker.curve_serverkey = public
    port = master.bind_to_random_port("tcp://127.0.0.1")
    worker.connect(f"tcp://127.0.0.1:{port}")
    chunk = os.urandom(CHUNK_BYTES)
    worker.send(chunk)
    master.recv_multipart()  # the handshake is over
    began = time.process_time()
    for _ in range(CHUNKS):
        worker.send(chunk)
        master.recv_multipart()
    spent = time.process_time() - began
    context.destroy(linger=0)
    return spent


class Wire:
    """Stands for Locust's runners on both sides: keeps what a worker sends, hands it to the master when told to."""

    def __init__(self) -> None:
        self.sent: list[SimpleNamespace] = []

    def send_message(self, _: str, data: object) -> None:
        self.sent.append(SimpleNamespace(data=data))

    def register_message(self, name: str, listener) -> None:
        if name == CHUNK:
            self.receive = listener


def shipping() -> tuple[float, float, float]:
    """Microseconds of the worker and of the master, and bytes on the wire, for each request."""
    with tempfile.TemporaryDirectory() as folder:
        root, wire = Path(folder), Wire()
        write_stream(root / "sent", "eu/0", REQUESTS, np.random.default_rng(1))
        data = (root / "sent" / streams.SAMPLES).read_bytes()
        size = A_SECOND * streams.SAMPLE.size
        shipper = Shipper(wire, "eu/0")
        Receiver(wire, root / "received")  # listens on the wire from now on
        began = time.process_time()
        for start in range(0, len(data), size):
            shipper(streams.SAMPLES, data[start : start + size])
        worker_s, began = time.process_time() - began, time.process_time()
        for message in wire.sent:
            wire.receive(environment=None, msg=message)
        master_s = time.process_time() - began
        assert next((root / "received").rglob(streams.SAMPLES)).read_bytes() == data
        wire_bytes = sum(len(message.data["data"]) for message in wire.sent)
    return worker_s / REQUESTS * 1e6, master_s / REQUESTS * 1e6, wire_bytes / REQUESTS


def main() -> None:
    plain, locked = (sorted(seconds(token) for _ in range(3))[1] for token in ("", "a token of the fleet"))
    figure("fleet_plain_per_chunk", plain / CHUNKS * 1e6, "us")
    figure("fleet_locked_per_chunk", locked / CHUNKS * 1e6, "us")
    worker_us, master_us, wire_bytes = shipping()
    figure("fleet_worker_per_request", worker_us, "us")
    figure("fleet_master_per_request", master_us, "us")
    figure("fleet_wire_per_request", wire_bytes, "bytes")


if __name__ == "__main__":
    main()
