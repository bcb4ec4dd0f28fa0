"""Where a load's figures can be scraped while it runs, if anywhere: `LOADTEST_LIVE_METRICS_PORT` and `_BIND`; and how often they
are pushed over OTLP: `LOADTEST_LIVE_METRICS_OTLP`."""

from __future__ import annotations

import os
import re

from loadtest.errors import ConfigurationError
from loadtest.planning.quantities import parse_duration_s

PORT_VARIABLE, BIND_VARIABLE = "LOADTEST_LIVE_METRICS_PORT", "LOADTEST_LIVE_METRICS_BIND"
PUSH_VARIABLE = "LOADTEST_LIVE_METRICS_OTLP"
LOOPBACK = "127.0.0.1"
SHORTEST_S, LONGEST_S = 1.0, 300.0


def live_address() -> tuple[str, int] | None:
    """(address, port) of this machine; None: nowhere, the default. Raises ConfigurationError for what is no port or address."""
    text = os.environ.get(PORT_VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise ConfigurationError(f"{PORT_VARIABLE} is {text[:60]!r}, which is no port; set it to a number from 1 to 65535.")
    bind = os.environ.get(BIND_VARIABLE, "").strip() or LOOPBACK
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", bind):
        raise ConfigurationError(f"{BIND_VARIABLE} is {bind[:60]!r}, which is no address; leave it out, or set it to 0.0.0.0.")
    return bind, int(text)


def live_push_every_s() -> float | None:
    """Seconds between two pushes; None: none are wanted, the default. Raises ConfigurationError for what is no such interval."""
    text = os.environ.get(PUSH_VARIABLE, "").strip()
    if not text or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        every_s = parse_duration_s(text)
    except ValueError:
        every_s = 0.0
    if not SHORTEST_S <= every_s <= LONGEST_S:
        raise ConfigurationError(
            f"{PUSH_VARIABLE} is {text[:60]!r}; set it to how often live figures are pushed, from 1s to 5m, or leave it out."
        )
    return every_s
