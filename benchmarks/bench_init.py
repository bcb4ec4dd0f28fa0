"""OpenAPI documents against a service that is nothing but the document: does `loadtest init` write what it accepts?

    python benchmarks/bench_init.py DOCUMENT... [--seconds 5] [--writes]

For each document: operations written and left out, requests that Locust sent, the share that openapi-core found valid.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from loadtest.cli.init import left_out_because  # noqa: E402
from loadtest.scaffolding.documents import read_document  # noqa: E402
from loadtest.scaffolding.locustfile import write_locustfile  # noqa: E402
from loadtest.scaffolding.openapi import read_service  # noqa: E402
from tests.support.validating_stub import ValidatingStub  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="+")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--writes", action="store_true")
    options = parser.parse_args()
    print(f"{'document':40} {'tasks':>5} {'asked':>5} {'requests':>8} {'valid':>7}  first refusal")
    for source in options.documents:
        print(row(source, options.seconds, options.writes), flush=True)


def row(source: str, seconds: int, writes: bool) -> str:
    data = read_document(source)
    service = read_service(data, source).without(lambda call: left_out_because(call, writes))
    source_text = write_locustfile(service).replace("between(0.5, 1.5)", "between(0.01, 0.03)")
    with tempfile.TemporaryDirectory() as folder, ValidatingStub(data, urlsplit(service.server or "").path.rstrip("/")) as stub:
        file = Path(folder) / "locustfile.py"
        file.write_text(source_text)
        secrets = {name: "secret" for credential in service.credentials for name in credential.variables}
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "locust",
                "-f",
                file,
                "--headless",
                "-u",
                "3",
                "-r",
                "3",
                "-t",
                f"{seconds}s",
                "--host",
                stub.url,
            ],
            env={"PATH": os.environ["PATH"]} | secrets,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    good, bad = stub.accepted.total(), stub.refused.total()
    name, asked = Path(source).name[:40], len(stub.accepted | stub.refused)
    share = f"{100 * good / (good + bad):.1f} %" if good + bad else "-"
    problem = next((f"{name} {reason}" for name, reason in stub.reasons.items()), "")[:120]
    if "Traceback" in done.stderr or done.returncode not in (0, 1):
        problem = f"LOCUST: {done.stderr.strip().splitlines()[-1][:120]}"
    return f"{name:40} {len(service.calls):5} {asked:5} {good + bad:8} {share:>7}  {problem}"


if __name__ == "__main__":
    main()
