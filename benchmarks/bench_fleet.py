"""What the fleet's encrypted connection costs, against Locust's plain one: chunks of samples from a worker to a master.

`make bench-fleet`. One process, loopback: both sides' work is in the figure.
"""

from __future__ import annotations

import os
import time

import zmq

from loadtest.load.inside_locust.fleet_door import master_keys

CHUNK_BYTES = 20_000  # a second of 1,000 requests, before compression
CHUNKS = 5_000


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


def main() -> None:
    plain, locked = (sorted(seconds(token) for _ in range(3))[1] for token in ("", "a token of the fleet"))
    print(f"FIGURE fleet_plain_us_per_chunk {plain / CHUNKS * 1e6:.0f}")
    print(f"FIGURE fleet_locked_us_per_chunk {locked / CHUNKS * 1e6:.0f}")


if __name__ == "__main__":
    main()
