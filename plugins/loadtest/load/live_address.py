"""Where a load's figures can be scraped while it runs, if anywhere: `LOADTEST_LIVE_METRICS_PORT` and `_BIND`."""

from __future__ import annotations

import os
import re

from loadtest.errors import ConfigurationError

PORT_VARIABLE, BIND_VARIABLE = "LOADTEST_LIVE_METRICS_PORT", "LOADTEST_LIVE_METRICS_BIND"
LOOPBACK = "127.0.0.1"


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
