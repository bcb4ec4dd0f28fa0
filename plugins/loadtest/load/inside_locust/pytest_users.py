"""Users that Locust makes of pytest functions (`def test_get(session): ...`) become users like any other.

Locust's own loop around them never looks whether it is told to stop, so its last requests are cut off; it has no tasks, so it
could not serve arrivals; and an exception ends the user without a word.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from locust.exception import CatchResponseError
from locust.user.users import PytestUser, User
from requests.exceptions import RequestException

logger = logging.getLogger(__name__)


def make_plain_users(user_classes: Iterable[type[User]]) -> None:
    PytestUser.run = User.run  # type: ignore[misc, method-assign]
    PytestUser.on_start = _make_fixtures  # type: ignore[method-assign, assignment]
    for user_class in user_classes:
        if issubclass(user_class, PytestUser):
            user_class.tasks = [_call_functions]


def _make_fixtures(user: PytestUser) -> None:
    """As `PytestUser.run` does: a session of its own for each user and function."""
    user.fixtures = [next(function.fixturedef.func(user)) for function in user.functions]  # type: ignore[attr-defined]


def _call_functions(user: PytestUser) -> None:
    for function, fixture in zip(user.functions, user.fixtures, strict=True):
        try:
            function.obj(fixture)
        except (RequestException, CatchResponseError, ConnectionError) as error:  # the request is recorded as failed
            if isinstance(error, ValueError):  # a URL that is none, for example
                raise
            logger.debug("%s", error)
