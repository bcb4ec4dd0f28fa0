"""Run the sample backend as people do: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

INCLUDE = Path(__file__).resolve().parents[2] / "include"
PASSWORD = "correct-horse-battery-staple"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sample_backend", *arguments]


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **variables}


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[str]:
    """A sample backend on a free port; its base URL."""
    with subprocess.Popen(
        command("--port", "0", *arguments), cwd=INCLUDE, env=environment(**variables), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()  # printed before it listens, with the port it was given
            base_url = line.split()[-1]
            with httpx.Client(base_url=base_url, trust_env=False, transport=httpx.HTTPTransport(retries=8)) as client:
                assert client.get("/health").status_code == 200
            yield base_url
        finally:
            process.terminate()
            process.wait(timeout=20)


def refused(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one that is expected to end by itself."""
    return subprocess.run(
        command(*arguments), cwd=INCLUDE, env=environment(**variables), capture_output=True, text=True, timeout=30
    )
