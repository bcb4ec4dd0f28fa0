"""What the supervisor tells the Locust processes it starts. JSON; standard library only (read inside Locust)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.load.schedule import Schedule


@dataclass(frozen=True)
class AgentConfig:
    """`stages`: (duration_s, users or arrivals per second, ramp), empty for a plain ramp to a constant level.

    `streams`: local folder of the streams (a remote worker ignores it); `locustfile`: to see that it has users.
    `turns`: file of a comparison side by side (empty: none), and which `side` this load is.
    """

    streams: str
    locustfile: str
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
    turns: str = ""
    side: int = 0

    def schedule(self) -> Schedule:
        """The stages, or the constant rate of arrivals."""
        return Schedule.from_stages(list(self.stages)) if self.stages else Schedule.constant(self.arrivals_per_s, self.duration_s)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> AgentConfig:
        data = json.loads(text)
        data["stages"] = tuple((float(s), float(level), bool(ramp)) for s, level, ramp in data["stages"])
        data["patterns"] = tuple((expression, name) for expression, name in data["patterns"])
        return cls(**data)

    @classmethod
    def read(cls, path: str) -> AgentConfig:
        return cls.from_json(Path(path).read_text(encoding="utf-8"))
