"""Give this file to Locust beside a scenario: `locust -f scenario.py,loadtest_recorder.py`. It changes no scenario.

Without the environment variable LOADTEST_RECORDER (set by the supervisor) and outside a worker it does nothing.
"""

from loadtest.load.inside_locust.agent import install

if not __name__.startswith("loadtest."):  # pytest, which Locust asks for files without user classes, imports this once more
    install()
