"""A backend that misbehaves as asked: `python tiny_backend.py PORT [statuses] [flags...]`.

statuses: such as `503,503,200`, one for each request, the last one for all that follow.
flags: `stubborn` ignores SIGTERM; `child` starts a child process in a group of its own; `late` listens after a second;
`deaf` never listens; `talkative` prints secrets; `redirect` sends its answers elsewhere; `silent` accepts and never answers.
"""

from __future__ import annotations

import http.server
import signal
import subprocess
import sys
import time

port, statuses, flags = int(sys.argv[1]), sys.argv[2].split(",") if len(sys.argv) > 2 else ["200"], sys.argv[3:]

if "child" in flags:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if "stubborn" in flags:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "talkative" in flags:
    print("connecting to postgresql://me:hunter2@db/school", flush=True)
    print("Authorization: Bearer abcdefghijk", flush=True)
if "late" in flags:
    time.sleep(1)
if "deaf" in flags:
    time.sleep(600)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "silent" in flags:
            time.sleep(600)
        status = int(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        body = b"the database is away, password=hunter2" if status != 200 else b"ok"
        self.send_response(302 if "redirect" in flags else status)
        if "redirect" in flags:
            self.send_header("Location", "http://example.invalid/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
