"""A request made with `catch_response=True` is reported whatever the scenario does with its answer.

Locust reports such a request at the end of its `with` block. It says nothing of it when the block is left by an exception of
the scenario's (`assert`, a `KeyError`, `RescheduleTask`), or when there is no block at all: the server worked, nobody counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any

from gevent import Greenlet, GreenletExit, getcurrent
from locust import clients
from locust.contrib import fasthttp
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    ResponseError,
    StopTest,
    StopUser,
)

logger = logging.getLogger(__name__)

# They say where the user goes on, not that the answer is wrong: its status decides.
LEAVING = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser, GreenletExit)


# The last answer of each greenlet as long as no block was entered: `with` enters at once, so the greenlet's next request, or its
# end, shows that no block will come. (Answers refer to themselves: when they are no longer held, nobody hears of it.)
_unlooked: dict[Greenlet, Any] = {}


def report_every_response() -> None:
    wrap = clients.ResponseContextManager.wrap_response.__func__  # type: ignore[attr-defined]
    make = fasthttp.ResponseContextManager.__init__

    def wrap_noted(response_class: Any, response: Any, request_event: Any, request_meta: Any, catch_response: bool) -> Any:
        wrapped = wrap(response_class, response, request_event, request_meta, catch_response)
        if catch_response:
            _unlooked[getcurrent()] = wrapped
        return wrapped

    def make_noted(response: Any, original: Any, request_event: Any, request_meta: Any, catch_response: bool) -> None:
        make(response, original, request_event, request_meta, catch_response)
        if catch_response:
            _unlooked[getcurrent()] = response

    clients.ResponseContextManager.wrap_response = classmethod(wrap_noted)  # type: ignore[method-assign, assignment]
    fasthttp.ResponseContextManager.__init__ = make_noted  # type: ignore[method-assign, assignment]
    for response_class in (clients.ResponseContextManager, fasthttp.ResponseContextManager):
        _report_left_blocks(response_class)
    for session_class in (clients.HttpSession, fasthttp.FastHttpSession):
        session_class.request = _settled_first(session_class.request)  # type: ignore[method-assign]


def settle(greenlet: Greenlet | None = None) -> None:
    """Report the answer that `greenlet` (the current one) never looked at, if there is one, by its status."""
    response = _unlooked.pop(getcurrent() if greenlet is None else greenlet, None)  # one that has ended counts as false
    if response is not None and not response._entered:
        try:
            response.__exit__(None, None, None)
        except BaseException as error:  # from a listener; the task that it could end is over
            logger.debug("a listener raised %r after its task", error)


def settle_all(in_flight: dict[Any, Any]) -> None:
    """At the end, when no greenlet sends anything more; `in_flight`: the recorder's, which need not wait for these."""
    for greenlet in list(_unlooked):
        in_flight.pop(greenlet, None)
        settle(greenlet)


def _settled_first(request: Callable[..., Any]) -> Callable[..., Any]:
    def request_after_the_last(*args: Any, **kwargs: Any) -> Any:
        if _unlooked:
            settle()
        return request(*args, **kwargs)

    return request_after_the_last


def _report_left_blocks(response_class: Any) -> None:
    enter, leave = response_class.__enter__, response_class.__exit__

    def enter_noted(response: Any) -> Any:
        if _unlooked.get(getcurrent()) is response:
            del _unlooked[getcurrent()]
        return enter(response)

    def leave_reported(
        response: Any, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        if error is None or response._manual_result is not None or isinstance(error, ResponseError):
            return leave(response, kind, error, trace)
        if isinstance(error, LEAVING):
            leave(response, None, None, None)
        else:
            response.request_meta["exception"] = error
            response._report_request()
        return False

    response_class.__enter__, response_class.__exit__ = enter_noted, leave_reported
