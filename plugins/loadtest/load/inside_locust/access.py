"""What an environment needs for each request of Locust's own HTTP clients: headers, and its way of TLS.

A header that a scenario sets by itself is left as it is. Other hosts, where the environment allows any, see neither these headers
nor its certificates.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from geventhttpclient.client import HTTPClient
from locust.clients import LocustHttpAdapter

from loadtest.load.inside_locust.tracing import origin

Origin = tuple[str, str, int | None]


def give_access(base_url: str, headers: Mapping[str, str], tls: Mapping[str, Any] | None, context: ssl.SSLContext | None) -> None:
    """To the service at `base_url`. `tls`: as in the agent's configuration, with the `context` made of it; both None where
    clients do as they like."""
    own = origin(base_url)
    if headers:
        _add_headers(headers, own)
    if tls is not None and context is not None:
        _use_tls(tls, context, own)


def _add_headers(headers: Mapping[str, str], own: Origin) -> None:
    build, send = HTTPClient._build_request, LocustHttpAdapter.send
    lines = [(f"\r\n{name.lower()}: ", f"{name}: {value}\r\n") for name, value in headers.items()]

    def build_with_headers(client, method, request_uri, body=b"", headers=None, chunked=None):
        head = build(client, method, request_uri, body, headers, chunked)
        if not _goes_to(client, own):
            return head
        lower = head.lower()
        return f"{head[:-2]}{''.join(line for mark, line in lines if mark not in lower)}\r\n"

    def send_with_headers(adapter, request, *args, **kwargs):
        for name, value in headers.items() if origin(request.url) == own else ():
            request.headers.setdefault(name, value)
        return send(adapter, request, *args, **kwargs)

    HTTPClient._build_request = build_with_headers  # type: ignore[method-assign]
    LocustHttpAdapter.send = send_with_headers  # type: ignore[method-assign, assignment]


def _use_tls(tls: Mapping[str, Any], context: ssl.SSLContext, own: Origin) -> None:
    """One context for all users: each would read the authorities' file anew."""
    init, send = HTTPClient.__init__, LocustHttpAdapter.send
    verify = (tls["ca_file"] or True) if tls["verify"] else False
    certificate = (tls["cert_file"], tls["key_file"] or tls["cert_file"]) if tls["cert_file"] else None

    def init_with_tls(client, host, port=None, *args, **kwargs):
        if host.lower() == own[1] and (port or 443) == own[2]:
            kwargs |= {"ssl_context_factory": lambda cafile=None: context, "insecure": not tls["verify"]}
        init(client, host, port, *args, **kwargs)

    def send_with_tls(adapter, request, *args, **kwargs):
        if origin(request.url) != own:
            return send(adapter, request, *args, **kwargs)
        return send(adapter, request, *args, **kwargs | {"verify": verify, "cert": certificate})

    HTTPClient.__init__ = init_with_tls  # type: ignore[method-assign, assignment]
    LocustHttpAdapter.send = send_with_tls  # type: ignore[method-assign, assignment]


def _goes_to(client: HTTPClient, own: Origin) -> bool:
    return client.port == own[2] and client.host.lower() == own[1]
