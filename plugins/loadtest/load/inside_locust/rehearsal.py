"""Lets each user class of a scenario do each of its tasks once, and notes what was sent and answered.

`python -m loadtest.load.inside_locust.rehearsal <question.json> <answer.json>`; what cannot be loaded ends as Locust ends then.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import traceback
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
from geventhttpclient.client import HTTPClient
from locust import events
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import DefaultTaskSet, TaskSet
from locust.user.users import User

from loadtest.load.agent_config import tls_context_of
from loadtest.load.inside_locust.own_packages import add_packages
from loadtest.load.inside_locust.request_hook import make_recorded
from loadtest.load.request_headers import RequestHeaders

MOST_REQUESTS = 200  # of all classes together: a task that loops must not become a load
MOST_BODY = 4_000  # characters or bytes that are handed on of each body
# They say where the user goes on, not that something is wrong.
LEAVING = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest)


class TooMuchError(BaseException):
    """No longer a rehearsal. Not an Exception: a task that catches those would go on."""


class Notes:
    """What happened, in order, as `load.rehearsal.Step` has it. Stands where the recorder does in a load. `folder`: the
    scenario's, to find the line of its files where something went wrong."""

    def __init__(self, folder: str) -> None:
        self.steps: list[dict[str, Any]] = []
        self.user, self.task = "", ""
        self._folder = folder
        self._heads: list[str] = []  # as FastHttpUser's client sent them, since the last request ended

    def next_traceparent(self, method: str, target: str) -> str:
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"

    def own_trace(self, method: str, target: str) -> None: ...

    def note_heads(self) -> None:
        """To be called when all else that changes a request's head is in place."""
        build = HTTPClient._build_request

        def build_noted(*args: Any, **kwargs: Any) -> str:
            head = build(*args, **kwargs)
            self._heads.append(head)
            return head

        HTTPClient._build_request = build_noted  # type: ignore[method-assign]

    def on_request(
        self,
        request_type: str = "",
        name: str = "",
        url: str | None = None,
        response_time: float | None = None,
        response: Any = None,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        """A `request` event of Locust."""
        sent = getattr(response, "request", None)
        heads, self._heads = self._heads, []
        status = getattr(response, "status_code", None)
        self._add(
            method=request_type,
            name=name,
            url=str(getattr(response, "url", None) or url or ""),
            took_ms=response_time if isinstance(response_time, int | float) else None,
            status=status if isinstance(status, int) and status else None,
            problem=f"{type(exception).__name__}: {exception}"[:1_000] if exception is not None else "",
            redirects=len(getattr(response, "history", None) or ()),
            sent_headers=_lines_of(heads[-1]) if heads else _headers(getattr(sent, "headers", None)),
            sent_body=_body(getattr(sent, "body", None)),
            headers=_headers(getattr(response, "headers", None)),
            body=_answered(response),
        )
        if len(self.steps) >= MOST_REQUESTS:
            raise TooMuchError(f"{MOST_REQUESTS} requests were made, which are more than one turn of each task needs")

    def failed(self, error: BaseException) -> None:
        """An exception that left a task, or the user's start or end."""
        lines = traceback.format_exception(error)
        frames = reversed(traceback.extract_tb(error.__traceback__))
        place = next((frame for frame in frames if frame.filename.startswith(f"{self._folder}/")), None)
        where = f"{Path(place.filename).name}, line {place.lineno}: " if place else ""
        self._add(problem=f"{where}{lines[-1].strip()}"[:1_000])

    def _add(self, **step: Any) -> None:
        self.steps.append({"user": self.user, "task": self.task, **step})


def rehearse(question: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """`question`: files, folder, base_url, tls, allowed_hosts, tags, exclude_tags, most_s: of all user classes
    together. The answer has the fields of `load.rehearsal.Rehearsal`."""
    from locust.argument_parser import default_args_dict, get_parser
    from locust.env import Environment
    from locust.main import merge_locustfiles_content

    from loadtest.load.inside_locust import own_arguments
    from loadtest.load.inside_locust.access import give_access
    from loadtest.load.inside_locust.caught_responses import report_every_response, settle
    from loadtest.load.inside_locust.pytest_users import make_plain_users
    from loadtest.load.inside_locust.tracing import trace_requests
    from loadtest.load.inside_locust.user_patches import apply_tags

    headers = RequestHeaders.taken_from_environment()
    make_recorded(events.request).record = notes.on_request
    users, _, _, _ = merge_locustfiles_content(question["files"])
    parser = get_parser(default_config_files=[])
    options = parser.parse_args(
        own_arguments.options_of(own_arguments.own_actions(parser, default_args_dict()), own_arguments.taken())
    )
    options.tags, options.exclude_tags = question["tags"] or None, question["exclude_tags"] or None
    environment = Environment(
        user_classes=list(users.values()),
        events=events,
        host=question["base_url"],
        tags=options.tags,
        exclude_tags=options.exclude_tags,
        parsed_options=options,
    )
    runner = environment.create_local_runner()
    events.init.fire(environment=environment, runner=runner, web_ui=None)
    make_plain_users(environment.user_classes)
    apply_tags(environment)
    trace_requests(notes, question["base_url"], tuple(map(tuple, question["allowed_hosts"])))
    give_access(question["base_url"], headers.values, question["tls"], tls_context_of(question["tls"]))
    notes.note_heads()
    report_every_response()
    notes.task = "test_start"
    events.test_start.fire(environment=environment)
    ends_at = monotonic() + question["most_s"]
    for user_class in environment.user_classes:
        notes.user = user_class.__name__
        user_class.host = question["base_url"]
        greenlet = gevent.spawn(_one_turn, user_class, environment, notes, settle)
        greenlet.join(max(0.0, ends_at - monotonic()))
        if not greenlet.ready():
            greenlet.kill(block=False)
            notes.failed(TimeoutError(f"not done when the {question['most_s']:g} s of a dry run were over"))
    notes.user, notes.task = "", "test_stop"
    events.test_stop.fire(environment=environment)
    return {"user_classes": [one.__name__ for one in environment.user_classes], "steps": notes.steps}


def _one_turn(user_class: type[User], environment: Any, notes: Notes, settle: Any) -> None:
    """As a user lives, with each task once, in the file's order, and without waiting."""
    try:
        notes.task = "on_start"
        user = user_class(environment)
        user.on_start()
        taskset = DefaultTaskSet(user)
        user._taskset_instance = taskset
        _each_task(taskset, user.tasks, notes, settle)
        notes.task = "on_stop"
        user.on_stop()
    except StopUser:
        pass
    except (Exception, TooMuchError, SystemExit) as error:
        notes.failed(error)
    finally:
        settle()


def _each_task(taskset: TaskSet, tasks: Any, notes: Notes, settle: Any) -> None:
    for task in dict.fromkeys(tasks):  # a task of weight 3 stands there three times
        notes.task = getattr(task, "__name__", str(task))
        try:
            if isinstance(task, type) and issubclass(task, TaskSet):
                parent: Any = taskset.user if isinstance(taskset, DefaultTaskSet) else taskset
                inner = task(parent)
                inner.on_start()
                _each_task(inner, inner.tasks, notes, settle)
                inner.on_stop()
            else:
                taskset.execute_task(task)
        except LEAVING:
            pass
        except StopUser:
            raise
        except Exception as error:
            notes.failed(error)
        finally:
            settle()


def _lines_of(head: str) -> list[str]:
    return [line for line in head.split("\r\n")[1:] if line]


def _headers(headers: Any) -> list[str]:
    try:
        return [f"{name}: {_text(value)}"[:2_000] for name, value in headers.items()]
    except AttributeError:
        return []


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _answered(response: Any) -> str:
    """What is there of an answer's body. A stream that the scenario did not read is left alone."""
    if response is None or getattr(response, "_content", None) is False:
        return ""
    try:
        return _body(response.content)
    except Exception as error:
        return f"(not readable: {type(error).__name__})"


def _body(body: Any) -> str:
    if body is None or body == b"" or body == "":
        return ""
    if isinstance(body, bytes | bytearray):
        try:
            body = bytes(body).decode()
        except UnicodeDecodeError:
            return f"({len(body):,} bytes that are no text)"
    if not isinstance(body, str):
        return f"({type(body).__name__})"
    return body if len(body) <= MOST_BODY else f"{body[:MOST_BODY]}… ({len(body) - MOST_BODY:,} more characters)"


if __name__ == "__main__":
    from loadtest.load.inside_locust.locust_process import end_with_parent

    end_with_parent()
    question_file, answer_file = map(Path, sys.argv[1:])
    sys.argv[1:] = []
    add_packages()
    question = json.loads(question_file.read_text(encoding="utf-8"))
    answer = rehearse(question, Notes(question["folder"]))
    answer_file.write_text(json.dumps(answer), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing of the scenario's (threads, greenlets, exit handlers) keeps us waiting
