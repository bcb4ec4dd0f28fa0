"""moto's S3 server on port 7070, which holds all in memory: SIGUSR1 stops it (connections are refused), SIGUSR2 starts it again
with what it held."""

from __future__ import annotations

import signal

from moto.server import ThreadedMotoServer

HEARD = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT}


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)  # before the first thread, which inherits it
    server = _started()
    while (heard := signal.sigwait(HEARD)) in (signal.SIGUSR1, signal.SIGUSR2):
        if heard == signal.SIGUSR1 and server is not None:
            server.stop()
            server = None
        elif heard == signal.SIGUSR2 and server is None:
            server = _started()


def _started() -> ThreadedMotoServer:
    server = ThreadedMotoServer(ip_address="0.0.0.0", port=7070, verbose=False)
    server.start()
    return server


if __name__ == "__main__":
    main()
