"""Slow chosen endpoints on purpose, so that people can watch a regression being caught.

    GET /api/v1/courses=+400ms                    every request takes 400 ms more
    GET /api/v1/courses=x1.5                      every request takes half as long again
    GET /api/v1/students/{id}=+300ms@5%           one request of twenty takes 300 ms more

Several rules are joined by `;`.
"""

from __future__ import annotations

import asyncio
import difflib
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_RULE = re.compile(
    r"(?P<method>GET|POST|PUT|PATCH|DELETE)\s+(?P<path>/[^\s=;]*)\s*=\s*"
    r"(?:\+(?P<added>\d{1,5}(?:\.\d{1,3})?)(?P<unit>ms|s)|x(?P<factor>\d{1,3}(?:\.\d{1,3})?))"
    r"(?:@(?P<share>\d{1,3}(?:\.\d{1,3})?)%)?"
)
_LONGEST_S = 60.0
_WHOLE_MS_S = 0.002  # what an event loop may be off: uvloop rounds to whole milliseconds, asyncio rounds up to the next one
_FORM = "write METHOD /path=+400ms, =x1.5 or =+300ms@5%, several joined by ';'"


@dataclass(frozen=True)
class Slowdown:
    """A request to `method` `path` takes `factor` times as long plus `added_s`, with probability `share`."""

    method: str
    path: str
    added_s: float = 0.0
    factor: float = 1.0
    share: float = 1.0

    def delay_s(self, elapsed_s: float, luck: float) -> float:
        """How long to wait after `elapsed_s` of work; `luck` is uniform in [0, 1)."""
        return self.added_s + (self.factor - 1) * elapsed_s if luck < self.share else 0.0


def parse_slowdown(text: str) -> tuple[Slowdown, ...]:
    """Rules of `text`, none for blank text; ValueError with one sentence for anything malformed."""
    pieces = [piece.strip() for piece in text.split(";")]
    if len(pieces) > 1 and not any(pieces):
        raise ValueError(f"the slowdown {text!r} holds no rule: {_FORM}.")
    return tuple(_rule(piece) for piece in pieces if piece)


def _rule(text: str) -> Slowdown:
    match = _RULE.fullmatch(text)
    if not match:
        raise ValueError(f"the slowdown {text!r} cannot be read: {_FORM}.")
    added_s = float(match["added"] or 0) * (0.001 if match["unit"] == "ms" else 1)
    factor = float(match["factor"] or 1)
    share = float(match["share"] or 100) / 100
    if added_s > _LONGEST_S or factor < 1 or not 0 < share <= 1:
        raise ValueError(
            f"the slowdown {text!r} is out of range: at most +{_LONGEST_S:.0f}s, a factor of at least 1, a share of up to 100%."
        )
    return Slowdown(match["method"], _template(match["path"]), added_s, factor, share)


class SlowdownMiddleware:
    """Holds back the answer of slowed endpoints; the wait blocks nobody else."""

    def __init__(self, app: ASGIApp, rules: Iterable[Slowdown]) -> None:
        self._app = app
        self._rules: dict[tuple[str, str], list[Slowdown]] = {}
        for rule in rules:
            self._rules.setdefault((rule.method, rule.path), []).append(rule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._rules:
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()

        async def hold_back(message: Message) -> None:
            route = scope.get("route")  # set by the router, so known only now
            if message["type"] == "http.response.start" and route is not None:
                elapsed_s = time.perf_counter() - start
                rules = self._rules.get((scope["method"], _template(route.path)), ())
                if delay_s := sum(rule.delay_s(elapsed_s, random.random()) for rule in rules):
                    await wait(delay_s)
            await send(message)

        await self._app(scope, receive, hold_back)


async def wait(delay_s: float) -> None:
    """To a tenth of a millisecond on an idle machine: half a millisecond is a fifth of a quick request, and nothing to an event
    loop. The last part is slept in a thread, where it blocks nobody; on a busy machine the way there and back takes longer."""
    until = time.perf_counter() + delay_s
    if delay_s > _WHOLE_MS_S:
        await asyncio.sleep(delay_s - _WHOLE_MS_S)
    if (left_s := until - time.perf_counter()) > 0:
        await asyncio.to_thread(time.sleep, left_s)


def check_endpoints(rules: Iterable[Slowdown], endpoints: Iterable[tuple[str, str]]) -> None:
    """ValueError when a rule names an endpoint that does not exist: it would slow nothing, unnoticed."""
    known = {f"{method} {_template(path)}" for method, path in endpoints}
    for rule in rules:
        name = f"{rule.method} {rule.path}"
        if name not in known:
            nearest = ", ".join(difflib.get_close_matches(name, known, n=3, cutoff=0.3)) or "none"
            raise ValueError(f"the slowdown names {name}, which is not an endpoint; the nearest are: {nearest}.")


def _template(path: str) -> str:
    """`/students/{student_id}` and `/students/{id}` are the same endpoint."""
    return re.sub(r"\{[^/}]*\}", "{id}", path)
