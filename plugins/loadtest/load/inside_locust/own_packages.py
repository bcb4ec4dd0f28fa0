"""The packages that a scenario asked for, importable in a Locust process."""

from __future__ import annotations

import os
import sys
import sysconfig

VARIABLE = "LOADTEST_PACKAGES"  # as in load.locust_command


def add_packages() -> None:
    """Before those that are installed here; Locust and what it needs are not among them (see `load.packages`)."""
    folder = os.environ.get(VARIABLE)
    if folder:
        installed = sysconfig.get_path("purelib")
        sys.path.insert(sys.path.index(installed) if installed in sys.path else len(sys.path), folder)
