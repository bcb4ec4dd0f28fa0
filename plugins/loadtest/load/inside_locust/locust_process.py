"""Starts Locust in a process that ends when its parent does.

`python -m loadtest.load.inside_locust.locust_process <locust arguments>`
"""

from __future__ import annotations

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Linux: SIGTERM to this process when the supervisor's thread that started it ends (the agent also looks itself)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


if __name__ == "__main__":
    end_with_parent()
    from locust.main import main

    sys.exit(main())
