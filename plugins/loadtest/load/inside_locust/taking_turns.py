"""Holds the requests of Locust's own HTTP clients back while it is the other side's turn. The wait is no part of a latency."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import gevent
from gevent.event import Event
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from loadtest.load.turns import SETTLE_S, Turns

POLL_S = 0.2


class TurnTaker:
    """Follows the file of the turns; `ended` is set when the last slice is over."""

    def __init__(self, path: Path, side: int) -> None:
        self._path, self._side = path, side
        self._turns: Turns | None = None
        self._mine = Event()
        self.ended = Event()
        gevent.spawn(self._follow)

    def hold_requests_back(self) -> None:
        for client in (HttpSession, FastHttpSession):
            client.request = self._waiting(client.request)  # type: ignore[method-assign]

    def _waiting(self, request: Callable[..., Any]) -> Callable[..., Any]:
        def when_it_is_our_turn(*args: Any, **kwargs: Any) -> Any:
            while not self._is_our_turn():
                self._mine.wait()
                gevent.sleep(random.uniform(0, SETTLE_S))  # not all of them at once
            return request(*args, **kwargs)

        return when_it_is_our_turn

    def _is_our_turn(self) -> bool:
        """By the clock: on a busy machine the event is a moment late at the end of a slice."""
        number = None if self._turns is None else self._turns.slice_at(time())
        return self._turns is not None and number is not None and self._turns.order[number] == self._side

    def _follow(self) -> None:
        while True:
            self._turns = turns = Turns.read(self._path)
            now = time()
            if turns is None or now < turns.starts_at:
                gevent.sleep(POLL_S if turns is None else min(POLL_S, turns.starts_at - now))
                continue
            number = turns.slice_at(now)
            if number is None:
                self._mine.clear()
                self.ended.set()
                return
            if turns.order[number] == self._side:
                self._mine.set()
            else:
                self._mine.clear()
            gevent.sleep(max(0.0, min(POLL_S, turns.edge_after(now) - time())))
