"""What can go wrong, by what the user can do about it.

Exit codes follow the verdict (see `loadtest.gate.records.EXIT_CODES`); these errors end a command before there is one.
"""

from __future__ import annotations

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # as the shell has it: 128 + SIGINT


class LoadTestError(Exception):
    """Base of all errors of the product. The message is one sentence that a user can act on."""


class ConfigurationError(LoadTestError):
    """A user's mistake: bad parameter, file, or combination. Never retried; exit code 2; shown without a traceback."""


class NotRunError(LoadTestError):
    """The run was refused or canceled before any load: rejected approval, foreign host, interrupted. Exit code 2."""


class InfrastructureError(LoadTestError):
    """Something outside failed and a retry may help: a port, a disk, a network, a database."""
