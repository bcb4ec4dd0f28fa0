"""Names of endpoints, errors that they give, and how long each takes in a made-up run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

ENDPOINTS = (
    "GET /api/v1/students",
    "GET /api/v1/students/{id}",
    "POST /api/v1/students",
    "GET /api/v1/courses",
    "GET /api/v1/courses/{id}",
    "POST /api/v1/enrollments",
    "GET /api/v1/enrollments/{id}",
    "POST /api/v1/auth/login",
    "GET /health",
)

# Names and error bodies that a target can make a report carry.
HOSTILE_TEXTS = (
    "<script>window.hurt=1</script>",
    "<img src=x onerror=window.hurt=1>",
    "](javascript:window.hurt=1) [click",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "user\u202egnp.exe \u2066isolated\u2069",
    "]]><testcase name='forged'/>",
    "<!channel> <!here> <@U123> @everyone",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "| cell | <b>bold</b> `code` ```\n# heading\n",
    "</script><script>window.hurt=1</script>",
    "nul\x00 bell\x07 back\x08 del\x7f lone\ud800 surrogate",
    "' onmouseover='window.hurt=1' \" onfocus=\"window.hurt=1",
)

BASE_P50_MS = (18.0, 9.0, 31.0, 14.0, 8.0, 42.0, 11.0, 96.0, 2.5)

REGRESSED = 1  # index of the endpoint that is slower in a failed run


def names_of(endpoints: int | Sequence[str]) -> tuple[str, ...]:
    """So many endpoints (more than 9 get invented names), or these."""
    return endpoint_names(endpoints) if isinstance(endpoints, int) else tuple(endpoints)


def endpoint_names(count: int) -> tuple[str, ...]:
    more = tuple(f"GET /api/v1/resource-{number}/{{id}}" for number in range(max(0, count - len(ENDPOINTS))))
    return (ENDPOINTS + more)[:count]


def error_causes(count: int, *, hostile: bool) -> tuple[str, ...]:
    usual = ("HTTP 503: Service Unavailable", "ConnectionResetError: connection reset by peer")
    more = tuple(f"HTTP 500: Internal error, reference {number:05d}" for number in range(max(0, count - len(usual))))
    nasty = tuple(clean_surrogates(text)[:500] for text in HOSTILE_TEXTS) if hostile else ()
    return nasty + (usual + more)[:count]


def clean_surrogates(text: str) -> str:
    """Half a surrogate pair cannot be written as UTF-8; the recorder replaces it, so no file holds one."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def base_p50_ms(index: int) -> float:
    return BASE_P50_MS[index % len(BASE_P50_MS)] * (1 + 0.1 * (index // len(BASE_P50_MS) % 7))


def quantile_ms(index: int, factor: float, share: float) -> float:
    """A log-normal latency with sigma 0.6: p95 is 2.7 times, p99 4 times the median."""
    return round(base_p50_ms(index) * factor * math.exp(0.6 * NormalDist().inv_cdf(share)), 3)
