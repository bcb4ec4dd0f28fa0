"""Starts Locust with its `request` event recorded, in a process that ends when its parent does (not a remote worker).

`python -m loadtest.load.inside_locust.locust_process <locust arguments>`
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from loadtest.load import streams
from loadtest.load.inside_locust.own_packages import add_packages

PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Linux: SIGTERM to this process when the supervisor's thread that started it ends (the agent also looks itself)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


if __name__ == "__main__":
    if streams.WORKER_VARIABLE in os.environ:  # set for those that our supervisor starts
        end_with_parent()
    add_packages()
    from locust import events
    from locust.main import main

    from loadtest.load.inside_locust.own_arguments import hand_over, taken
    from loadtest.load.inside_locust.request_hook import make_recorded

    hand_over(taken(), is_worker="--worker" in sys.argv)
    make_recorded(events.request)  # before a scenario keeps a reference to its `fire`

    sys.exit(main())
