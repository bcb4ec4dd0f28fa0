"""A service that fails in mid-load as asked, by itself and repeatably: `python failing_service.py PORT MODE [AFTER]`.

Counts requests other than the health check; after AFTER of them (600) it does what MODE says: `sigkill` kills itself, `exit`
ends with exit code 1 after a last word, `stop3` and `stop30` stop all of it for so many seconds, `refuse` closes its socket and
serves nobody any more, `hang` answers nothing any more, `back` closes its socket for 4 s. `none`: it is healthy. `saturated`: two
synchronous worker processes, as those of gunicorn, that share a socket, with 150 ms of work a request.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

PORT, MODE = int(sys.argv[1]), sys.argv[2]
AFTER = int(sys.argv[3]) if len(sys.argv) > 3 else 600
served = 0
hanging = threading.Event()


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        global served
        if MODE == "saturated":
            time.sleep(0.15)
        if hanging.is_set():
            time.sleep(600)
        if self.path != "/health":
            served += 1
            if served == AFTER:
                threading.Thread(target=fail, args=(self.server,)).start()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments: object) -> None:
        pass


def fail(server: Server) -> None:
    if MODE == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    if MODE == "exit":
        print("password=hunter2 the pool is exhausted", flush=True)
        os._exit(1)
    if MODE.startswith("stop"):
        wake = f"sleep {MODE.removeprefix('stop')}; kill -CONT {os.getpid()}"
        subprocess.Popen(["sh", "-c", wake], start_new_session=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    if MODE == "hang":
        hanging.set()
    if MODE in ("refuse", "back"):
        server.shutdown()
        server.server_close()


class SynchronousServer(HTTPServer):
    request_queue_size = 128


def main() -> None:
    if MODE == "saturated":
        with SynchronousServer(("127.0.0.1", PORT), Handler) as server:
            os.fork()
            server.serve_forever()
    while True:
        with Server(("127.0.0.1", PORT), Handler) as server:
            server.serve_forever(poll_interval=0.05)
        time.sleep(4 if MODE == "back" else 600)


main()
