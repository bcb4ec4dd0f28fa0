"""What `loadtest init` writes from a document, run by a real Locust against a service that is nothing but the document."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.cli.init import left_out_because
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.openapi import read_service
from tests.support.validating_stub import ValidatingStub


@dataclass(frozen=True)
class Tried:
    """`tasks`: written ones; `asked`: distinct paths that were asked for; `problem`: the first refusal, or what Locust said."""

    tasks: int
    asked: int
    accepted: int
    refused: int
    problem: str
    is_loaded: bool

    @property
    def share_accepted(self) -> float | None:
        sent = self.accepted + self.refused
        return self.accepted / sent if sent else None


def try_document(data: dict[str, Any], source: str, *, seconds: int, writes: bool = False) -> Tried:
    """Three impatient users for some seconds; each secret is the word `secret`."""
    service = read_service(data, source).without(lambda call: left_out_because(call, writes))
    text = write_locustfile(service).replace("between(0.5, 1.5)", "between(0.01, 0.03)")
    secrets = {name: "secret" for credential in service.credentials for name in credential.variables}
    locust = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless"]
    load = ["-u", "3", "-r", "3", "-t", f"{seconds}s"]
    with tempfile.TemporaryDirectory() as folder, ValidatingStub(data, urlsplit(service.server or "").path.rstrip("/")) as stub:
        (Path(folder) / "locustfile.py").write_text(text)
        done = subprocess.run(
            [*locust, *load, "--host", stub.url],
            env={"PATH": os.environ["PATH"]} | secrets,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 60,
        )
    refusals = [f"{name}: {reason}" for name, reason in stub.reasons.items()]
    is_loaded = "Traceback" not in done.stderr and done.returncode in (0, 1)
    return Tried(
        tasks=len(service.calls),
        asked=len(stub.accepted | stub.refused),
        accepted=stub.accepted.total(),
        refused=stub.refused.total(),
        problem="".join(refusals[:1]) if is_loaded else done.stderr,
        is_loaded=is_loaded,
    )
