"""Loaded by Locust beside the scenario: prints how many requests each endpoint got, as JSON, at the end."""

from __future__ import annotations

import json
import re
from collections import Counter

from locust import events

seen: Counter[str] = Counter()
failures: list[str] = []


@events.request.add_listener
def count(request_type: str, name: str, exception: object, **_: object) -> None:
    endpoint = f"{request_type} {re.sub(r'/[0-9]+', '/{id}', name.partition('?')[0])}"
    seen[endpoint] += 1
    if exception:
        failures.append(f"{endpoint}: {exception}")


@events.quit.add_listener
def show(**_: object) -> None:
    print(json.dumps({"seen": seen, "failures": failures}))
