"""Starts loads from a test, and finds what belongs to them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import psutil

from loadtest.load.control import run
from loadtest.load.models import LoadResult
from loadtest.run_folder import RunFolder
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer


def start(tmp_path: Path, server: CountingServer, text: str | None = None, **profile: object) -> run.LoadHandle:
    plan = plan_of(write_scenario(tmp_path / "scenario", text), server.base_url, **profile)
    return run.start_load(plan, folder_of(tmp_path / "runs"))


def load(tmp_path: Path, server: CountingServer, text: str | None = None, **profile: object) -> LoadResult:
    return run.wait_for_load(start(tmp_path, server, text, **profile))


def samples_of(folder: RunFolder) -> pd.DataFrame:
    return pd.read_parquet(str(folder.samples))


def locust_processes(handle: run.LoadHandle) -> list[psutil.Process]:
    return psutil.Process(handle.identity.pid).children(recursive=True)


def supervisors(scratch: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if is_supervisor(process, scratch)]


def is_supervisor(process: psutil.Process, scratch: Path) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return "loadtest.load.supervision.supervisor" in command and command[-1].startswith(str(scratch))
