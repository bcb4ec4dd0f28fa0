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
from geventhttpclient.header import Headers as FastHeaders

from loadtest.load import streams
from loadtest.load.exemplars import Slowest
from loadtest.load.grouping import EndpointNames
from loadtest.load.server_timing import parse_server_timing
from loadtest.load.streams import MAX_U16, MAX_U32, NO_ERROR, SAMPLE, SERVER_RECORD

FLUSH_MASK = 0x7FF  # written at least every 2,048 requests (56 KiB), and each second
INTENDED = "loadtest_intended_us"  # of a greenlet: the intended start of its arrival
MAX_CACHED_NAMES = 20_000  # raw names (ids in paths) are unbounded, the cache of their endpoints is not
MAX_ENDPOINTS = 5_000
MAX_ERRORS = 1_000
MAX_COMPONENTS = 32
LATEST_US = 4_100_000_000_000_000  # in the year 2099
OTHER = "(other)"
BAD_STATUS = ("HTTPError", "BadStatusCode", "LocustBadStatusCode")  # their text repeats the URL

_pack, _pack_server, dict_get = SAMPLE.pack, SERVER_RECORD.pack, dict.get
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_URL_TAIL = re.compile(r" (?:for|with) url: \S+")


class Recorder:
    """Writes the streams of one process to `folder`, or gives them to `ship` (file name, bytes), or both.

    `stats`: Locust's own statistics, which then see endpoints instead of every single URL (their memory would grow with
    each); None leaves them to Locust. `patterns`: (regular expression, name) of the scenario's own endpoint grouping.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        worker: str,
        patterns: list[tuple[str, str]],
        exemplars_per_endpoint: int = 5,
        ship: Callable[[str, bytes], None] | None = None,
        stats: object = None,
    ) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self.worker = worker
        self.users = 0
        self.earliest_us = int((time() - 3600) * 1_000_000)
        self.open_loop = False
        self.stats = stats
        self._stats_names: list[str] = []
        self.samples = 0
        self.raw_names = 0
        self.requests_sent = 0  # by HTTP sessions that carry our trace header
        self.requests_answered = 0
        self._ship = ship
        self._files = {
            name: os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) for name in streams.FILES if folder
        }
        self._buffer = bytearray()
        self._server = bytearray()
        self._pending: dict[str, list[str]] = {streams.NAMES: [], streams.FACTS: [], streams.EXEMPLARS: []}
        self._names = EndpointNames(patterns)
        self._endpoint_of: dict[tuple[str, str], int] = {}
        self._endpoints: dict[str, int] = {}
        self._errors: dict[str, int] = {"": NO_ERROR}
        self._component_names: dict[str, int] = {}
        self._components: dict[str, int] = {}  # by the spellings of the header
        self._slowest = Slowest(exemplars_per_endpoint)
        self._thresholds = self._slowest.thresholds
        self._trace_prefix = f"00-{secrets.token_hex(8)}"
        self.fact({"event": "process", "worker": worker, "pid": os.getpid(), "host": socket.gethostname(), "t": time()})

    # -- the hot path: each line of it was measured (benchmarks/bench_recorder.py) --------------------------------

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
        endpoint = self._endpoint_of.get((request_type, name))
        if endpoint is None:
            endpoint = self._intern_endpoint(request_type, name, url)
        try:
            milliseconds = response_time or 0.0
            latency_us = int(milliseconds * 1000)
            start_us = int((start_time or time() - milliseconds / 1000) * 1_000_000)
        except (TypeError, ValueError, OverflowError):  # infinite, not a number, no number at all
            latency_us = start_us = 0
        if not 0 <= latency_us <= MAX_U32:
            latency_us = min(MAX_U32, max(0, latency_us))
        if not self.earliest_us < start_us < LATEST_US:  # some clients report another clock than the time of day
            start_us = max(self.earliest_us, int(time() * 1_000_000) - latency_us)
        status = headers = None
        if response is not None:
            status = getattr(response, "status_code", 0)
            headers = getattr(response, "headers", None)
        error = NO_ERROR if exception is None else self._intern_error(exception, status or 0)
        late_us = 0
        if self.open_loop:
            intended = getcurrent().__dict__.pop(INTENDED, None)
            if intended is not None:
                late_us = max(0, start_us - intended)
                start_us -= late_us
                latency_us += late_us
        try:
            self._buffer += _pack(start_us, latency_us, late_us, response_length or 0, endpoint, error, status or 0, self.users)
        except Exception:  # a custom client may report anything: odd numbers are brought into range, never dropped
            self._buffer += _pack_odd(start_us, latency_us, late_us, response_length, endpoint, error, status, self.users)
        if headers:
            # geventhttpclient keeps (name, value) under lower-case names: one look-up in C instead of its own `get`
            found = dict_get(headers, "server-timing") if type(headers) is FastHeaders else headers.get("server-timing")
            if found is not None:
                self._record_server_timing(found)
        if url is not None:
            self.requests_answered += 1
        if latency_us > self._thresholds.get(endpoint, -1):
            self._slowest.add(endpoint, latency_us, start_us, status or 0, error, _trace_id(response))
        self.samples = samples = self.samples + 1
        if not samples & FLUSH_MASK:
            self.flush()
        if self.stats is not None:
            self.stats.log_request(request_type, self._stats_names[endpoint], response_time, response_length)
            if exception:
                self.stats.log_error(request_type, self._stats_names[endpoint], exception)

    def _record_server_timing(self, found: object) -> None:
        header = found[1] if type(found) is tuple else found
        row = self.samples & MAX_U32
        try:
            for part in header.split(","):
                component, duration_ms = part.split(";dur=")
                self._server += _pack_server(row, int(float(duration_ms) * 1000), self._components[component])
        except Exception:  # another notation, a new component, an odd number: read it properly, from the start
            del self._server[len(self._server) - self._server_bytes_of(row) :]
            self._record_unusual_timing(found, row)

    def _server_bytes_of(self, row: int) -> int:
        """Bytes at the end of the buffer that belong to `row`."""
        size, end = SERVER_RECORD.size, len(self._server)
        while end >= size and SERVER_RECORD.unpack_from(self._server, end - size)[0] == row:
            end -= size
        return len(self._server) - end

    def _record_unusual_timing(self, found: object, row: int) -> None:
        values = [pair[1] for pair in found] if isinstance(found, list) else found[1] if isinstance(found, tuple) else found
        for component, duration_ms in parse_server_timing(values):
            number = self._component_names.get(component)
            if number is None:
                if len(self._component_names) >= MAX_COMPONENTS:
                    continue
                number = self._intern(self._component_names, component, "component")
            for spelling in (component, " " + component):  # as the quick way finds it, first and further down the header
                self._components.setdefault(spelling, number)
            self._server += _pack_server(row, min(MAX_U32, int(duration_ms * 1000)), number)

    # -- traces -------------------------------------------------------------------------------------------------

    def next_traceparent(self) -> str:
        """Value of a `traceparent` header of a new trace."""
        self.requests_sent = number = self.requests_sent + 1
        span = "%016x" % number  # noqa: UP031 (half the time of a format specifier)
        return f"{self._trace_prefix}{span}-{span}-01"

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
                self._stats_names.append(endpoint.removeprefix(f"{request_type} "))
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
            data, self._buffer = self._buffer, bytearray()
            return bytes(data)
        if name == streams.SERVER:
            data, self._server = self._server, bytearray()
            return bytes(data)
        lines = self._pending[name]
        self._pending[name] = []
        return "".join(line + "\n" for line in lines).encode()

    @staticmethod
    def _write(descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


def _pack_odd(*values: object) -> bytes:
    """A record of values that are perhaps no numbers or out of range."""
    limits = (None, MAX_U32, MAX_U32, MAX_U32, MAX_U16, MAX_U16, MAX_U16, MAX_U16)
    bounded = []
    for value, limit in zip(values, limits, strict=True):
        try:
            number = int(value)  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            number = 0
        bounded.append(number if limit is None else min(limit, max(0, number)))
    return SAMPLE.pack(*bounded)


def _trace_id(response: object) -> str:
    """From the header that the request was sent with; empty where there is none."""
    headers = getattr(getattr(response, "request", None), "headers", None)
    try:
        return str(headers["traceparent"]).split("-")[1]  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        return ""


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
