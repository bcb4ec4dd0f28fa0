"""Hosts beside the service that a scenario may call: an identity provider, a CDN."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

Origin = tuple[str, str, int]  # scheme, host in lower case, port

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:\d{1,5})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _checked(value: str) -> str:
    try:
        origins_of([value])
    except ValueError:
        raise ValueError("give a host such as login.example.com, or an address such as https://login.example.com:8443") from None
    return value


AllowedHost = Annotated[str, AfterValidator(_checked)]


def origins_of(hosts: Sequence[str]) -> tuple[Origin, ...]:
    """What requests may go to; a bare host is allowed by http and https. Raises ValueError for what is neither."""
    found: list[Origin] = []
    for host in hosts:
        schemes = (host.partition("://")[0],) if "://" in host else tuple(_DEFAULT_PORTS)
        rest = host.partition("://")[2] if "://" in host else host
        if not _HOST.fullmatch(rest) or not set(schemes) <= _DEFAULT_PORTS.keys():
            raise ValueError(host)
        for scheme in schemes:
            parts = urlsplit(f"{scheme}://{rest}")
            found.append((scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS[scheme]))
    return tuple(dict.fromkeys(found))
