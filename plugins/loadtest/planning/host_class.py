"""What this machine is, so that only comparable runs are compared, and which versions took part."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

from loadtest.planning.models import HostClass

_PACKAGES = ("loadtest", "locust", "apache-airflow", "pandas", "numpy", "great-expectations")


def host_class(executor: str) -> HostClass:
    """Class of this host. `executor` says who starts the load: `cli`, or Airflow's executor."""
    return HostClass(
        cpu_model=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        os=_os_name(),
        python=".".join(platform.python_version_tuple()[:2]),
        locust=".".join(_version("locust").split(".")[:2]),
        executor=executor,
    )


@cache
def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


@cache
def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@cache
def _os_name() -> str:
    try:
        release = platform.freedesktop_os_release()
        return f"{release.get('ID', 'linux')} {release.get('VERSION_ID', '')}".strip()
    except OSError:
        return f"{platform.system()} {platform.release()}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
