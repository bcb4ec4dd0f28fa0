"""Records every request of a Locust process, next to an unchanged scenario: low cost, flat memory, nothing lost on a kill.

Loaded into Locust by `locust_plugin/loadtest_recorder.py`. Standard library and Locust's own dependencies only. The
request hook is the one hot path of the product: about 2 us of the ~200 us that a request costs the generator.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from time import time

from gevent import getcurrent

from loadtest.load import streams
from loadtest.load.exemplars import Slowest
from loadtest.load.grouping import EndpointNames
from loadtest.load.server_timing import parse_server_timing
from loadtest.load.streams import MAX_U16, MAX_U32, NO_ERROR, SAMPLE, SERVER_RECORD

BUFFER_BYTES = 64 * 1024
MAX_CACHED_NAMES = 20_000  # raw names (ids in paths) are unbounded, the cache of their endpoints is not
MAX_ENDPOINTS = 5_000
MAX_ERRORS = 1_000
MAX_COMPONENTS = 32
OTHER = "(other)"
BAD_STATUS = ("HTTPError", "BadStatusCode", "LocustBadStatusCode")  # their text repeats the URL

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_URL_TAIL = re.compile(r" (?:for|with) url: \S+")


class Recorder:
    """Writes the streams of one process to `folder`, or gives them to `ship` (file name, bytes), or both.

    `patterns`: (regular expression, name) of the scenario's own endpoint grouping.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        worker: str,
        patterns: list[tuple[str, str]],
        exemplars_per_endpoint: int = 5,
        ship: Callable[[str, bytes], None] | None = None,
    ) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self.worker = worker
        self.users = 0
        self.samples = 0
        self.raw_names = 0
        self.requests_sent = 0  # by HTTP sessions that carry our trace header
        self.requests_answered = 0
        self._ship = ship
        self._files = {
            name: os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for name in streams.FILES if folder
        }
        self._buffer = bytearray(BUFFER_BYTES)
        self._position = 0
        self._server = bytearray()
        self._pending: dict[str, list[str]] = {streams.NAMES: [], streams.FACTS: [], streams.EXEMPLARS: []}
        self._names = EndpointNames(patterns)
        self._endpoint_of: dict[tuple[str, str], int] = {}
        self._endpoints: dict[str, int] = {}
        self._errors: dict[str, int] = {"": NO_ERROR}
        self._components: dict[str, int] = {}
        self._slowest = Slowest(exemplars_per_endpoint)
        self._trace_prefix = secrets.token_hex(8)
        self.fact({"event": "process", "worker": worker, "pid": os.getpid(), "host": socket.gethostname(), "t": time()})

    # -- the hot path -------------------------------------------------------------------------------------------

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        response: object = None,
        exception: BaseException | str | None = None,
        start_time: float | None = None,
        url: str | None = None,
        **_: object,
    ) -> None:
        """Listener of Locust's `request` event: any protocol, any user class."""
        milliseconds = response_time or 0.0
        start_us = int((start_time or time() - milliseconds / 1000) * 1_000_000)
        latency_us = int(milliseconds * 1000)
        endpoint = self._endpoint_of.get((request_type, name))
        if endpoint is None:
            endpoint = self._intern_endpoint(request_type, name, url)
        status = getattr(response, "status_code", None) or 0
        error = NO_ERROR if exception is None else self._intern_error(exception, status)
        late_us = 0
        current = getcurrent()
        intended = current.__dict__.pop("loadtest_intended_us", None)
        if intended is not None:
            late_us = max(0, start_us - intended)
            start_us -= late_us
            latency_us += late_us
        if url is not None:
            self.requests_answered += 1
        if latency_us > MAX_U32:
            latency_us = MAX_U32
        if self._position + SAMPLE.size > BUFFER_BYTES:
            self.flush()
        try:
            SAMPLE.pack_into(
                self._buffer,
                self._position,
                start_us,
                latency_us,
                late_us,
                response_length or 0,
                endpoint,
                error,
                status,
                self.users,
            )
        except Exception:  # a custom client may report anything: odd numbers are brought into range, never dropped
            self._pack_odd(start_us, latency_us, late_us, response_length, endpoint, error, status)
        self._position += SAMPLE.size
        headers = getattr(response, "headers", None)
        if headers:
            timing = headers.get("server-timing")
            if timing:
                self._record_server_timing(timing)
        self.samples += 1
        if latency_us > self._slowest.threshold(endpoint):
            trace = current.__dict__.get("loadtest_trace")
            self._slowest.add(endpoint, latency_us, start_us, status, error, "" if trace is None else self.trace_id(trace))

    def _record_server_timing(self, timing: object) -> None:
        for component, duration_ms in parse_server_timing(timing):
            number = self._components.get(component)
            if number is None:
                if len(self._components) >= MAX_COMPONENTS:
                    continue
                number = self._intern(self._components, component, "component")
            duration_us = min(MAX_U32, max(0, int(duration_ms * 1000)))
            self._server += SERVER_RECORD.pack(self.samples & MAX_U32, duration_us, number)

    def _pack_odd(self, start_us, latency_us, late_us, response_length, endpoint, error, status) -> None:
        def bounded(value: object, limit: int) -> int:
            try:
                return min(limit, max(0, int(value)))  # type: ignore[call-overload]
            except (TypeError, ValueError, OverflowError):
                return 0

        SAMPLE.pack_into(
            self._buffer,
            self._position,
            start_us,
            bounded(latency_us, MAX_U32),
            bounded(late_us, MAX_U32),
            bounded(response_length, MAX_U32),
            endpoint,
            error,
            bounded(status, MAX_U16),
            bounded(self.users, MAX_U16),
        )

    # -- traces -------------------------------------------------------------------------------------------------

    def next_traceparent(self) -> str:
        """Value of a `traceparent` header; the current greenlet remembers it for the exemplars."""
        self.requests_sent = number = self.requests_sent + 1
        getcurrent().__dict__["loadtest_trace"] = number
        return f"00-{self._trace_prefix}{number:016x}-{number:016x}-01"

    def trace_id(self, number: int) -> str:
        return f"{self._trace_prefix}{number:016x}"

    # -- names --------------------------------------------------------------------------------------------------

    def _intern_endpoint(self, request_type: str, name: str, url: str | None) -> int:
        self.raw_names += 1
        endpoint = self._names.name_of(str(request_type or ""), str(name or ""), str(url) if url is not None else None)
        number = self._endpoints.get(endpoint)
        if number is None:
            if len(self._endpoints) >= MAX_ENDPOINTS:
                endpoint = OTHER
            number = self._endpoints.get(endpoint)
            if number is None:
                number = self._intern(self._endpoints, endpoint, "endpoint")
        if len(self._endpoint_of) >= MAX_CACHED_NAMES:
            self._endpoint_of.clear()
        self._endpoint_of[(request_type, name)] = number
        return number

    def _intern_error(self, exception: BaseException | str, status: int) -> int:
        text = describe_error(exception, status)
        number = self._errors.get(text)
        if number is None:
            if len(self._errors) > MAX_ERRORS:
                text = OTHER
            number = self._errors.get(text)
            if number is None:
                number = self._intern(self._errors, text, "error")
        return number

    def _intern(self, table: dict[str, int], name: str, kind: str) -> int:
        number = len(table)
        table[name] = number
        self._pending[streams.NAMES].append(json.dumps({"kind": kind, "id": number, "name": name}))
        return number

    # -- writing ------------------------------------------------------------------------------------------------

    def fact(self, fact: dict[str, object]) -> None:
        """Add a line to the facts stream; on disk with the next flush."""
        self._pending[streams.FACTS].append(json.dumps(fact))

    def flush(self) -> None:
        """Write everything so far: names before the records that use them."""
        for endpoint, slowest in self._slowest.take_changed():
            self._pending[streams.EXEMPLARS].append(json.dumps({"endpoint": endpoint, "slowest": slowest}))
        for name in streams.FILES:
            data = self._take(name)
            if not data:
                continue
            if name in self._files:
                self._write(self._files[name], data)
            if self._ship:
                self._ship(name, data)

    def _take(self, name: str) -> bytes:
        if name == streams.SAMPLES:
            data = bytes(memoryview(self._buffer)[: self._position])
            self._position = 0
            return data
        if name == streams.SERVER:
            data, self._server = bytes(self._server), bytearray()
            return data
        lines = self._pending[name]
        self._pending[name] = []
        return "".join(line + "\n" for line in lines).encode()

    @staticmethod
    def _write(descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


def describe_error(exception: BaseException | str, status: int) -> str:
    """The cause of a failure in words that repeat: no addresses, no URLs, at most 300 characters."""
    if isinstance(exception, str):
        text = exception
    elif type(exception).__name__ in BAD_STATUS and status:
        return f"HTTP {status}"
    else:
        message = str(exception)
        kind = type(exception).__name__
        text = message if kind in ("CatchResponseError", "Exception") and message else f"{kind}: {message}" if message else kind
    text = _URL_TAIL.sub("", _ADDRESS.sub("0x…", text))
    return " ".join(text.split())[:300] or "unknown error"
