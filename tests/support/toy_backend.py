"""A backend that starts in no time, for tests of everything around it. Misbehaves on demand.

    python toy_backend.py PORT [--delay-ms N] [--unhealthy] [--errors] [--die-after N] [--exit N]

Serves GET /health and anything else, after `--delay-ms` and what TOY_SLOWDOWN adds (`GET /items=+12ms`); `--errors`
answers 500 to all but the health check; `--die-after N` ends the process at the N-th request; `--exit N` ends it at once
with that code.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

served = 0


def slowdown_ms(endpoint: str) -> float:
    found = re.fullmatch(r"(.+)=\+(\d+)ms", os.environ.get("TOY_SLOWDOWN", ""))
    return float(found[2]) if found and found[1] == endpoint else 0.0


def handler(options: argparse.Namespace) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            global served
            health = self.path == "/health"
            served += not health
            if not health:
                time.sleep((options.delay_ms + slowdown_ms("GET " + self.path)) / 1000)
            if options.die_after and served >= options.die_after:
                os._exit(9)
            bad = options.unhealthy if health else options.errors
            body = b'{"detail": "broken on purpose"}' if bad else b'{"ok": true}'
            self.send_response(500 if bad else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--unhealthy", action="store_true")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--die-after", type=int, default=0)
    parser.add_argument("--exit", type=int)
    options = parser.parse_args()
    if options.exit is not None:
        print("cannot read my configuration", file=sys.stderr)
        sys.exit(options.exit)
    ThreadingHTTPServer(("127.0.0.1", options.port), handler(options)).serve_forever()


if __name__ == "__main__":
    main()
