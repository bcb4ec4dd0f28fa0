"""The command line `loadtest`: the same stages as the DAG, without Airflow. Commands are loaded when they are called."""

from __future__ import annotations

import sys

from loadtest.errors import EXIT_INTERRUPTED, EXIT_USAGE, LoadTestError


def main(arguments: list[str] | None = None) -> None:
    """Entry point. A user's mistake ends in one sentence on standard error and exit code 2, never in a traceback."""
    try:
        from loadtest.cli.app import app

        app(arguments if arguments is not None else sys.argv[1:])
    except LoadTestError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:  # while the command itself was being loaded
        print("loadtest: Interrupted.", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_USAGE)
    except OSError as error:  # a full or read-only disk, a folder without permission
        where = f" ({error.filename})" if error.filename else ""
        print(f"loadtest: Files cannot be read or written: {error.strerror or error}{where}.", file=sys.stderr)
        sys.exit(EXIT_USAGE)
