"""How requests reach Airflow: log in, time out, try again, and say in one sentence what went wrong.

Reading calls, and creating a run (its id makes that idempotent), are repeated on connection errors, 429 and 5xx with
back-off. What a person must fix (bad params, no permission, unknown DAG) is a `ConfigurationError` in Airflow's own words;
what may pass by itself an `AirflowUnavailableError`. Neither holds a credential.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from loadtest.airflow_api.answers import AirflowUnavailableError, detail_of, json_of, parse_url
from loadtest.errors import ConfigurationError

T = TypeVar("T")

TIMEOUT_S = 30.0
TRIES, FIRST_WAIT_S = 5, 0.5


class AirflowConnection:
    """One Airflow, over HTTP. Log in with `token`, or with `username` and `password` (exchanged for a token when the first
    call needs one, and again when it has expired). Use as a context manager or call `close()`."""

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
    ) -> None:
        parsed = parse_url(url)
        self.url = url.rstrip("/")
        self._username, self._password = username, password
        self._token = token
        self._http = httpx.Client(base_url=parsed, timeout=TIMEOUT_S, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def _get(self, path: str, *, params: Any = None) -> dict[str, Any]:
        return json_of(self._request("GET", path, params=params))

    def _send(self, method: str, path: str, *, json: Any) -> httpx.Response:
        return self._request(method, path, json=json, accept=(200, 201, 202, 204), retry=False)

    def _request(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (200,),
        retry: bool = True,
        **options: Any,
    ) -> httpx.Response:
        def once() -> httpx.Response:
            response = self._http.request(method, path, headers=self._authorization(), **options)
            if response.status_code == 401 and self._username is not None:
                self._token = None  # expired: log in again, once
                response = self._http.request(method, path, headers=self._authorization(), **options)
            if response.status_code not in accept:
                self._raise_for(response)
            return response

        return self._repeat(once, tries=TRIES if retry else 1)

    def _repeat(self, call: Callable[[], T], *, tries: int = TRIES) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(tries),
            wait=wait_exponential_jitter(multiplier=FIRST_WAIT_S, max=15, jitter=FIRST_WAIT_S),
            retry=retry_if_exception_type((AirflowUnavailableError, httpx.TransportError)),
            reraise=True,
        )
        try:
            return retrying(call)
        except httpx.TransportError as error:
            raise AirflowUnavailableError(f"Airflow at {self.url} does not answer ({type(error).__name__}: {error}).") from error

    def _authorization(self) -> dict[str, str]:
        if self._token is None:
            self._token = self._log_in()
        return {"Authorization": f"Bearer {self._token}"}

    def _log_in(self) -> str:
        if self._username is None or self._password is None:
            raise ConfigurationError(
                "Airflow wants a login; set LOADTEST_AIRFLOW_USERNAME and LOADTEST_AIRFLOW_PASSWORD, or LOADTEST_AIRFLOW_TOKEN."
            )
        response = self._http.post("/auth/token", json={"username": self._username, "password": self._password})
        if response.status_code in (400, 401, 403):
            raise ConfigurationError(f"Airflow at {self.url} refused the login of {self._username!r}; check name and password.")
        if response.status_code not in (200, 201):
            self._raise_for(response)
        token = json_of(response).get("access_token")
        if not isinstance(token, str) or not token:
            raise AirflowUnavailableError(f"Airflow at {self.url} answered the login without a token.")
        return token

    def _raise_for(self, response: httpx.Response) -> None:
        status, path = response.status_code, response.request.url.path
        if status == 429 or status >= 500:
            raise AirflowUnavailableError(f"Airflow at {self.url} answered HTTP {status} to {path}.")
        if status == 401:
            raise ConfigurationError(f"Airflow at {self.url} does not accept this login; check the token or name and password.")
        if status == 403:
            raise ConfigurationError(f"This login may not use {path} on Airflow at {self.url}; it needs the role Op (FAB: User).")
        if 300 <= status < 400:
            raise ConfigurationError(f"{self.url} redirects elsewhere; give Airflow's own address (https or a path missing?).")
        raise ConfigurationError(f"Airflow refused {path} (HTTP {status}): {detail_of(response)}.")
