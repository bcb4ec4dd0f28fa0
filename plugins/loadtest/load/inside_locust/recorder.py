"""Records every request of a Locust process, next to an unchanged scenario: low cost, flat memory, little lost on a kill.

Loaded into Locust by `loadtest_recorder.py`. Standard library and Locust's own dependencies only.

The listener of each request only takes down what it was told; the work is done for BATCH requests at once. Measured in a
running Locust, where each request finds cold caches, this costs a third of doing the same work request by request.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

from gevent import getcurrent
from geventhttpclient.header import Headers as FastHeaders

from loadtest.load import streams
from loadtest.load.grouping import EndpointNames
from loadtest.load.inside_locust.exemplars import Slowest
from loadtest.load.inside_locust.server_timing import component_name, parse_server_timing
from loadtest.load.inside_locust.statistics_feed import Requests, StatisticsFeed
from loadtest.load.inside_locust.stream_writer import NameTable, StreamWriter
from loadtest.load.streams import LONGEST_US, MAX_U16, MAX_U32, NO_ERROR, NO_TIME, SAMPLE, SERVER_RECORD

BATCH = 64  # worked off in a fraction of a millisecond, so that the event loop is not held up
MAX_CACHED_NAMES = 20_000  # raw names (ids in paths) are unbounded, the cache of their endpoints is not
MAX_ENDPOINTS = 5_000
MAX_ERRORS = 1_000
MAX_COMPONENTS = 32
FLUSH_BYTES = 64 * 1024  # written then, and each second
LATEST_US = 4_100_000_000_000_000  # in the year 2099
INTENDED = "loadtest_intended_us"  # of a greenlet: the intended start of its arrival
OWN_TRACE = 0
NOTHING_SENT = (OWN_TRACE, "", "")
BAD_STATUS = ("HTTPError", "BadStatusCode", "LocustBadStatusCode")  # their text repeats the URL

Sent = tuple[int, str, str]  # number of the trace, method, path with query
Known = tuple[int, str, str]  # endpoint's id; name and method for Locust's statistics

_pack, _pack_server, dict_get = SAMPLE.pack, SERVER_RECORD.pack, dict.get
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_URL_TAIL = re.compile(r" (?:for|with) url: \S+")


class Recorder:
    """Writes the streams of one process to `folder`, or gives them to `ship` (file name, bytes), or both.

    `stats`: Locust's own statistics, which then see endpoints instead of every single URL (their memory would grow with
    each); None leaves them to Locust. `patterns`: (regular expression, name) of the scenario's own endpoint grouping.
    `longest_s`: no request of this run can take longer; a time that cannot be is recorded as NO_TIME.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        worker: str,
        patterns: list[tuple[str, str]],
        exemplars_per_endpoint: int = 5,
        ship: Callable[[str, bytes], None] | None = None,
        stats: Any = None,
        open_loop: bool = False,
        longest_s: float = LONGEST_US / 1e6,
    ) -> None:
        self.users = 0  # kept up to date by the agent
        self.samples = 0
        self.raw_names = 0
        self.in_flight: dict[Any, Sent] = {}  # what the greenlets wait for
        self._traces = 0
        self._stats = StatisticsFeed(stats) if stats is not None else None
        self._open_loop = open_loop
        self._longest_us = min(LONGEST_US, int(longest_s * 1_000_000))
        self._earliest_us = int((time() - 3600) * 1_000_000)
        self._batch: list[tuple[Any, ...]] = []
        self._writer = StreamWriter(folder, ship)
        names = self._writer.lines[streams.NAMES]
        self._endpoints = NameTable("endpoint", MAX_ENDPOINTS, names)
        self._errors = NameTable("error", MAX_ERRORS, names, first="")
        self._component_table = NameTable("component", MAX_COMPONENTS, names)
        self._components: dict[str, int] = {}  # ids by the spellings of the header
        self._grouping = EndpointNames(patterns)
        self._endpoint_of: dict[tuple[str, str], Known] = {}  # by raw name
        self._slowest = Slowest(exemplars_per_endpoint)
        self._trace_prefix = secrets.token_hex(8)
        self._trace_form = f"00-{self._trace_prefix}%016x-%016x-01"
        self.fact({"event": "process", "worker": worker, "pid": os.getpid(), "host": socket.gethostname(), "t": time()})

    def on_request(
        self,
        request_type: str = "",
        name: str = "",
        response_time: float | None = None,
        response_length: int | None = None,
        response: Any = None,
        exception: BaseException | str | None = None,
        start_time: float | None = None,
        url: str | None = None,
        **_: object,
    ) -> None:
        """A `request` event of Locust: any protocol, any user class, however little it tells. Keeps no body and no exception."""
        known = self._known_name(request_type, name, url)
        if response is None:
            status = timing = None
        else:
            status = getattr(response, "status_code", None)
            headers = getattr(response, "headers", None)
            # geventhttpclient keeps (name, value) under lower-case names: one look-up instead of its own `get`
            timing = dict_get(headers, "server-timing") if type(headers) is FastHeaders else server_timing_of(headers)
        error = self._record_error(request_type, known, exception, status) if exception else NO_ERROR
        greenlet = getcurrent()
        trace = self.in_flight.pop(greenlet, NOTHING_SENT)[0]
        intended = greenlet.__dict__.pop(INTENDED, None) if self._open_loop else None
        ended = time() if start_time is None else None
        batch = self._batch
        batch.append((known, response_time, response_length, start_time, ended, status, timing, error, intended, trace))
        if len(batch) >= BATCH:
            self.drain()

    def drain(self) -> None:  # noqa: C901 (one loop, hot: a call costs more than the lines)
        """Work off what was taken down."""
        batch, self._batch = self._batch, []
        thresholds, writer = self._slowest.thresholds, self._writer
        earliest_us, longest_us, users, feed = self._earliest_us, self._longest_us, self.users, self._stats
        pending = feed.pending if feed else {}
        for known, took_ms, length, start_time, ended, status, timing, error, intended, trace in batch:
            endpoint = known[0]
            try:
                latency_us = int(took_ms * 1000)
            except Exception:  # infinite, not a number, no number at all
                latency_us = -1
            is_timed = 0 <= latency_us <= longest_us
            if not is_timed:
                latency_us, took_ms = 0, None
            try:
                start_us = int(start_time * 1_000_000) if ended is None else int(ended * 1_000_000) - latency_us
            except Exception:
                start_us = 0
            if not earliest_us < start_us < LATEST_US:  # some clients report another clock than the time of day
                start_us = max(earliest_us, int(time() * 1_000_000) - latency_us)
            late_us = 0
            if intended is not None:
                late_us = max(0, start_us - intended)
                start_us -= late_us
                latency_us = min(LONGEST_US, latency_us + late_us)
            if not is_timed:
                latency_us = NO_TIME
            if type(status) is not int:
                status = _whole_number(status, MAX_U16)
            try:
                writer.samples += _pack(start_us, latency_us, late_us, length or 0, endpoint, error, status, users)
            except Exception:  # a custom client may report anything: odd numbers are brought into range, never dropped
                writer.samples += _pack_odd(start_us, latency_us, late_us, length, endpoint, error, status, users)
            if timing is not None:
                self._record_server_timing(timing[1] if type(timing) is tuple else timing)
            if is_timed and latency_us > thresholds.get(endpoint, -1):
                self._slowest.add(endpoint, latency_us, start_us, status, error, self.trace_id(trace))
            self.samples += 1
            if feed:
                requests = pending.get(known)
                if requests is None:
                    requests = pending[known] = Requests(known[2], known[1])
                requests.times_ms.append(took_ms)
                requests.lengths.append(length)
        if len(writer.samples) >= FLUSH_BYTES:
            self.flush()

    # -- server time --------------------------------------------------------------------------------------------

    def _record_server_timing(self, found: Any) -> None:
        row, server = self.samples & MAX_U32, self._writer.server
        before = len(server)
        try:
            for part in found.split(","):
                component, duration_ms = part.split(";dur=")
                server += _pack_server(row, int(float(duration_ms) * 1000), self._components[component])
        except Exception:  # another notation, a new component, an odd number: read it properly, from the start
            del server[before:]
            try:
                self._record_unusual_timing(found, row)
            except Exception:  # cannot even be printed
                del server[before:]

    def _record_unusual_timing(self, found: Any, row: int) -> None:
        header = ",".join(str(pair[1]) for pair in found) if isinstance(found, list) else str(found)
        numbers = {}
        for component, duration_ms in parse_server_timing(header):
            numbers[component] = self._component_table.id_of(component)
            self._writer.server += _pack_server(row, min(MAX_U32, int(duration_ms * 1000)), numbers[component])
        for part in header.split(","):
            spelling = part.split(";", 1)[0]
            if component_name(spelling) in numbers and len(self._components) < 4 * MAX_COMPONENTS:
                self._components[spelling] = numbers[component_name(spelling)]

    # -- traces -------------------------------------------------------------------------------------------------

    def next_traceparent(self, method: str, path: str) -> str:
        """Value of a `traceparent` header of a new trace, remembered for the request that this greenlet waits for.

        What follows a redirect, or is sent inside the `with` of another request, takes the place of the one before.
        """
        self._traces = number = self._traces + 1
        self.in_flight[getcurrent()] = (number, method, path)
        return self._trace_form % (number, number)

    def own_trace(self, method: str, path: str) -> None:
        """A request goes out with a `traceparent` of the scenario's own, which the exemplars do not know."""
        self.in_flight[getcurrent()] = (OWN_TRACE, method, path)

    def unanswered(self) -> dict[str, int]:
        """Number of requests in flight by endpoint; by their paths, as their names are told only with the answer."""
        return dict(Counter(self._grouping.name_of(method, path, path) for _, method, path in self.in_flight.values()))

    def trace_id(self, number: int) -> str:
        return "" if number == OWN_TRACE else f"{self._trace_prefix}{number:016x}"

    # -- names --------------------------------------------------------------------------------------------------

    def _known_name(self, request_type: str, name: str, url: str | None) -> Known:
        try:
            return self._endpoint_of.get((request_type, name)) or self._new_name(request_type, name, url)
        except TypeError:  # not hashable: no name that anybody should use, but a request all the same
            return self._known_name(str(request_type), str(name), url)

    def _new_name(self, request_type: str, name: str, url: str | None) -> Known:
        self.raw_names += 1
        method = str(request_type or "")
        endpoint = self._grouping.name_of(method, str(name or ""), str(url) if url is not None else None)
        if len(self._endpoint_of) >= MAX_CACHED_NAMES:
            self._endpoint_of.clear()
        first, _, rest = endpoint.partition(" ")
        shown = rest if rest and first.upper() == method.upper() else endpoint  # Locust's tables have a column for the method
        known = self._endpoints.id_of(endpoint), shown, request_type
        self._endpoint_of[request_type, name] = known
        return known

    def _record_error(self, request_type: str, known: Known, exception: BaseException | str, status: Any) -> int:
        try:
            if self._stats:
                self._stats.log_error(request_type, known[1], exception)
            return self._errors.id_of(describe_error(exception, status or 0))
        except Exception:  # an exception that cannot even be printed is still a failed request
            return self._errors.id_of(type(exception).__name__)

    # -- writing ------------------------------------------------------------------------------------------------

    def fact(self, fact: dict[str, object]) -> None:
        """Add a line to the facts stream; on disk with the next flush."""
        self._writer.lines[streams.FACTS].append(json.dumps(fact))

    def flush(self) -> None:
        """Write everything so far."""
        if self._batch:
            self.drain()
        if self._stats:
            self._stats.feed()
        for endpoint, slowest in self._slowest.take_changed():
            self._writer.lines[streams.EXEMPLARS].append(json.dumps({"endpoint": endpoint, "slowest": slowest}))
        self._writer.flush()


def server_timing_of(headers: Any) -> Any:
    """Server-Timing of some client's headers, which may be a mapping or anything else; None without one."""
    try:
        return headers.get("server-timing")
    except Exception:  # no mapping at all; then there is no server time
        return None


def _pack_odd(*values: object) -> bytes:
    """A record of values that are perhaps no numbers or out of range."""
    limits = (None, MAX_U32, MAX_U32, MAX_U32, MAX_U16, MAX_U16, MAX_U16, MAX_U16)
    return SAMPLE.pack(*(_whole_number(value, limit) for value, limit in zip(values, limits, strict=True)))


def _whole_number(value: object, limit: int | None) -> int:
    """`value` brought into 0 to `limit`; 0 where it is no number; unbounded without a limit."""
    try:
        number = int(value)  # type: ignore[call-overload]
    except Exception:
        return 0
    return number if limit is None else min(limit, max(0, number))


def describe_error(exception: BaseException | str, status: int) -> str:
    """The cause of a failure in words that repeat: no addresses, no URLs, at most 300 characters."""
    if isinstance(exception, str):
        text = exception
    elif type(exception).__name__ in BAD_STATUS and status:
        return f"HTTP {status}"
    else:
        message, kind = str(exception), type(exception).__name__
        text = f"{kind}: {message}" if message else kind
        if message and kind in ("CatchResponseError", "Exception"):
            text = message
    text = _URL_TAIL.sub("", _ADDRESS.sub("0x…", text))
    return " ".join(text.split())[:300] or "unknown error"
