"""The command line `loadtest`: the same stages as the DAG, without Airflow. Commands are loaded when they are called."""

from __future__ import annotations

import sys

from loadtest.errors import EXIT_USAGE, LoadTestError


def main(arguments: list[str] | None = None) -> None:
    """Entry point. A user's mistake ends in one sentence on standard error and exit code 2, never in a traceback."""
    from loadtest.cli.app import app

    try:
        app(arguments if arguments is not None else sys.argv[1:])
    except LoadTestError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_USAGE)
