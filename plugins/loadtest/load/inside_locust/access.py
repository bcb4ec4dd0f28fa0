"""What an environment needs for each request of Locust's own HTTP clients: headers, and its way of TLS.

A header that a scenario sets by itself is left as it is. Requests leave for the environment's own host only (see `tracing`), so
that no other sees its secrets.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from geventhttpclient.client import HTTPClient
from locust.clients import LocustHttpAdapter


def give_access(headers: Mapping[str, str], tls: Mapping[str, Any] | None, context: ssl.SSLContext | None) -> None:
    """`tls`: as in the agent's configuration, with the `context` made of it; both None where clients do as they like."""
    if headers:
        _add_headers(headers)
    if tls is not None and context is not None:
        _use_tls(tls, context)


def _add_headers(headers: Mapping[str, str]) -> None:
    build, send = HTTPClient._build_request, LocustHttpAdapter.send
    lines = [(f"\r\n{name.lower()}: ", f"{name}: {value}\r\n") for name, value in headers.items()]

    def build_with_headers(client, method, request_uri, body=b"", headers=None, chunked=None):
        head = build(client, method, request_uri, body, headers, chunked)
        lower = head.lower()
        return f"{head[:-2]}{''.join(line for mark, line in lines if mark not in lower)}\r\n"

    def send_with_headers(adapter, request, *args, **kwargs):
        for name, value in headers.items():
            request.headers.setdefault(name, value)
        return send(adapter, request, *args, **kwargs)

    HTTPClient._build_request = build_with_headers  # type: ignore[method-assign]
    LocustHttpAdapter.send = send_with_headers  # type: ignore[method-assign, assignment]


def _use_tls(tls: Mapping[str, Any], context: ssl.SSLContext) -> None:
    """One context for all users: each would read the authorities' file anew."""
    init, send = HTTPClient.__init__, LocustHttpAdapter.send
    verify = (tls["ca_file"] or True) if tls["verify"] else False
    certificate = (tls["cert_file"], tls["key_file"] or tls["cert_file"]) if tls["cert_file"] else None

    def init_with_tls(client, *args, **kwargs):
        kwargs |= {"ssl_context_factory": lambda cafile=None: context, "insecure": not tls["verify"]}
        init(client, *args, **kwargs)

    def send_with_tls(adapter, request, *args, **kwargs):
        return send(adapter, request, *args, **kwargs | {"verify": verify, "cert": certificate})

    HTTPClient.__init__ = init_with_tls  # type: ignore[method-assign, assignment]
    LocustHttpAdapter.send = send_with_tls  # type: ignore[method-assign, assignment]
