"""One question to the service: is it well?"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from loadtest.errors import ConfigurationError
from loadtest.load.models import OutageKind
from loadtest.masking import mask_secrets
from loadtest.planning.access import HealthCheck, Tls, filled_headers
from loadtest.planning.models import Environment

if TYPE_CHECKING:
    import httpx

_BODY_SHOWN = 2_000  # bytes; what follows is not even read


class Answer:
    """One check. `status` is 0 where there was no answer; `text` says what was wrong, without the address; it is empty where
    the service is healthy. `certificate`: why the service's certificate is not trusted, empty where it is."""

    def __init__(self, status: int, text: str, kind: OutageKind = OutageKind.ANSWER, certificate: str = "") -> None:
        self.status = status
        self.text = text
        self.kind = kind
        self.certificate = certificate
        self.at = datetime.now(UTC)

    @property
    def healthy(self) -> bool:
        return not self.text


def headers_of_check(environment: Environment) -> dict[str, str]:
    """The environment's headers, and in their place those of its health check where both have one; values filled in. Raises
    ConfigurationError where a variable is missing."""
    of_check = environment.health.headers if environment.health else {}
    others = {name: value for name, value in environment.headers.items() if name.lower() not in map(str.lower, of_check)}
    return filled_headers(others | of_check, f"The health check of environment {environment.name!r}")


def http_client(base_url: str, headers: Mapping[str, str], tls: Tls | None) -> httpx.Client:
    """Straight to the service, as the load goes: no proxy of the environment, no redirect to another host. Each request connects
    anew: a service that hangs up on idle connections is not ill, one that takes no new ones is. Raises ConfigurationError for
    what is no base URL."""
    import httpx  # while the backend starts, whoever starts one

    try:
        return httpx.Client(
            base_url=base_url,
            trust_env=False,
            follow_redirects=False,
            headers={**headers, "Connection": "close"},
            verify=tls.context() if tls else True,
        )
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{base_url!r} is not a base URL ({error}); write http://host:port.") from None


class HealthClient:
    """Asks as the environment says. Without a health check (None) it only looks whether the service takes connections."""

    def __init__(
        self,
        base_url: str,
        check: HealthCheck | None = HealthCheck(),
        *,
        headers: Mapping[str, str] | None = None,
        tls: Tls | None = None,
    ) -> None:
        """`headers` with their values filled in. Raises ConfigurationError for what is no base URL."""
        self.base_url = base_url
        self.check = check
        self._client = http_client(base_url, headers or {}, tls)

    @classmethod
    def of(cls, base_url: str, environment: Environment) -> HealthClient:
        """Raises ConfigurationError where a variable that a header needs is missing."""
        return cls(base_url, environment.health, headers=headers_of_check(environment), tls=environment.tls)

    @property
    def timeout_s(self) -> float:
        return (self.check or HealthCheck()).timeout_s

    @property
    def address(self) -> str:
        return f"{self.base_url}{self.check.path if self.check else ''}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def ask(self, *, at_most_s: float | None = None) -> Answer:
        """`at_most_s`: where less time is left than an answer may take."""
        timeout_s = min(self.timeout_s, at_most_s or self.timeout_s)
        return self._ask(self.check, timeout_s) if self.check else self._connect(timeout_s)

    def _ask(self, check: HealthCheck, timeout_s: float) -> Answer:
        import httpx

        try:
            with self._client.stream("GET", check.path, timeout=timeout_s) as response:
                if check.accepts(response.status_code):
                    return Answer(response.status_code, "")
                body = next(response.iter_bytes(_BODY_SHOWN), b"")[:_BODY_SHOWN].decode("utf-8", errors="replace")
        except httpx.TimeoutException:
            return Answer(0, f"no answer within {timeout_s:.3g} s", OutageKind.TIMEOUT)
        except httpx.ConnectError as error:
            certificate = _distrust(error)
            reason = certificate or str(error).rpartition("] ")[2][:200].lower()  # without the number: "Connection refused"
            return Answer(0, f"no connection: {reason or 'unknown reason'}", OutageKind.REFUSED, certificate)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(0, f"no valid answer: {mask_secrets(str(error))[:200] or type(error).__name__}")
        shown = " ".join(mask_secrets(body).split())[:200]
        return Answer(response.status_code, f"answered {response.status_code}{f' ({shown})' if shown else ''}")

    def _connect(self, timeout_s: float) -> Answer:
        parts = urlsplit(self.base_url)
        try:
            with socket.create_connection((parts.hostname or "", parts.port or {"https": 443}.get(parts.scheme, 80)), timeout_s):
                return Answer(0, "")
        except TimeoutError:
            return Answer(0, f"no connection within {timeout_s:.3g} s", OutageKind.TIMEOUT)
        except OSError as error:
            return Answer(0, f"no connection: {(error.strerror or str(error)).lower()}", OutageKind.REFUSED)


def _distrust(error: BaseException | None) -> str:
    """Why a certificate was not accepted, empty where that is not what went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""
