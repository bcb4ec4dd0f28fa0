"""Headers that each request of a load carries, handed from process to process in memory: their secrets are written nowhere.

Standard library only: Locust's processes use it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field

from loadtest.masking import learn_secrets

VARIABLE = "LOADTEST_REQUEST_HEADERS"


@dataclass(frozen=True)
class RequestHeaders:
    """`secrets`: what of the values must be masked wherever it turns up."""

    values: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RequestHeaders:
        """Its secrets are masked in this process from now on."""
        data = json.loads(text)
        learn_secrets(data["secrets"])
        return cls(data["values"], tuple(data["secrets"]))

    @classmethod
    def taken_from_environment(cls) -> RequestHeaders:
        """Taken out, so that the scenario does not find them among its variables."""
        text = os.environ.pop(VARIABLE, "")
        return cls.from_json(text) if text else cls()
