"""What a running service tells before anything is written: whether it is up, what answers 2xx, where its document is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

TIMEOUT_S = 5.0
HEALTH_PATHS = ("/health", "/healthz", "/health/", "/api/health", "/livez", "/readyz", "/ping", "/status", "/-/healthy", "/")
DOCUMENT_PATHS = (
    "/openapi.json",
    "/openapi.yaml",
    "/api/openapi.json",
    "/v3/api-docs",
    "/api/schema/",
    "/schema/",
    "/swagger.json",
    "/api-docs",
)


@dataclass(frozen=True)
class Found:
    """`is_up`: anything answered at all."""

    is_up: bool
    document_url: str | None = None


def look_at(base_url: str, *, for_document: bool) -> Found:
    """Whether the service answers, and where its document is, if that is asked for."""
    with _client(base_url) as client:
        try:
            client.get("")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Found(is_up=False)
        paths = DOCUMENT_PATHS if for_document else ()
        document = next((path for path in paths if _is_openapi(_answers(client, path))), None)
        return Found(True, base_url.rstrip("/") + document if document else None)


def find_health_path(base_url: str, own_paths: Sequence[str]) -> str | None:
    """The first path that answers 2xx: of those that services give their health, else of the service's own."""
    with _client(base_url) as client:
        return next((path for path in (*HEALTH_PATHS, *own_paths[:10]) if _answers(client, path) is not None), None)


def _client(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, timeout=TIMEOUT_S, headers={"Accept": "application/json, */*"})


def _answers(client: httpx.Client, path: str) -> str | None:
    """The beginning of a successful answer; not all of it, which could be a stream without end."""
    try:
        with client.stream("GET", path.removeprefix("/")) as response:
            if not response.is_success:
                return None
            return next(response.iter_text(2_000), "")[:2_000]
    except httpx.HTTPError:
        return None


def _is_openapi(text: str | None) -> bool:
    return text is not None and "openapi" in text[:500] and "<html" not in text[:500].lower()
