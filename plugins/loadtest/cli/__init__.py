"""The command line `loadtest`: the same stages as the DAG, without Airflow. Commands are loaded when they are called."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

from loadtest.errors import EXIT_INTERRUPTED, EXIT_USAGE, LoadTestError


def command() -> None:
    """`loadtest` itself. It ends at once: taking down what was imported takes most of a second, and nothing needs it."""
    code: str | int | None = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(1 if isinstance(code, str) else code or 0)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. A user's mistake ends in one sentence on standard error and exit code 2, never in a traceback."""
    try:
        from loadtest.cli.app import app

        app(arguments if arguments is not None else sys.argv[1:])
    except LoadTestError as error:
        from loadtest.wording import as_called

        print(f"loadtest: {as_called(str(error))}", file=sys.stderr)
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
