"""What the supervisor tells the Locust processes it starts. JSON; standard library only (read inside Locust)."""

from __future__ import annotations

import json
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest.load.schedule import Schedule
from loadtest.planning.tls import tls_context


def tls_context_of(tls: dict[str, Any] | None) -> ssl.SSLContext | None:
    """Of the environment's `tls`. Raises OSError for files that this machine has not."""
    return tls_context(**tls) if tls else None


@dataclass(frozen=True)
class AgentConfig:
    """`stages`: (duration_s, users or arrivals per second, ramp), empty for a plain ramp to a constant level.

    `streams`: local folder of the streams (a remote worker ignores it); `locustfiles`: to see that there are users.
    `set_aside`: what the files say and the plan decides, for the log.
    `tls`: what `tls_context` takes; None: as the scenario's clients do by themselves.
    `allowed_hosts`: (scheme, host, port) of those that may be called beside `base_url`.
    `levels`: file by which a search for the capacity says how many users it wants (empty: no search).
    `turns`: file of a comparison side by side (empty: none), and which `side` this load is.
    """

    streams: str
    locustfiles: tuple[str, ...]
    base_url: str
    open_loop: bool
    duration_s: float
    users: int
    spawn_rate: float
    arrivals_per_s: float
    stages: tuple[tuple[float, float, bool], ...]
    max_concurrency: int
    stop_timeout_s: float
    expected_workers: int
    remote_workers: int
    patterns: tuple[tuple[str, str], ...]
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    tls: dict[str, Any] | None = None
    turns: str = ""
    side: int = 0
    levels: str = ""
    allowed_hosts: tuple[tuple[str, str, int], ...] = ()

    def schedule(self) -> Schedule:
        """The stages, or the constant rate of arrivals."""
        return Schedule.from_stages(list(self.stages)) if self.stages else Schedule.constant(self.arrivals_per_s, self.duration_s)

    def tls_context(self) -> ssl.SSLContext | None:
        """Raises OSError for files that this machine has not."""
        return tls_context_of(self.tls)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> AgentConfig:
        data = json.loads(text)
        data["stages"] = tuple((float(s), float(level), bool(ramp)) for s, level, ramp in data["stages"])
        for name in ("locustfiles", "tags", "exclude_tags", "set_aside"):
            data[name] = tuple(data[name])
        data["allowed_hosts"] = tuple((scheme, host, int(port)) for scheme, host, port in data.get("allowed_hosts", ()))
        data["patterns"] = tuple((expression, name) for expression, name in data["patterns"])
        return cls(**data)

    @classmethod
    def read(cls, path: str) -> AgentConfig:
        return cls.from_json(Path(path).read_text(encoding="utf-8"))
