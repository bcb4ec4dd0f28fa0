"""Airflow's pools for load, of all load generators that an environment or a schedule names, as `airflow pools import` reads them:
`python -m loadtest.deployment.pools`. Without its pool a task would wait for ever."""

from __future__ import annotations

import json

from loadtest.planning.load_generators import named_load_generators, place_of
from loadtest.settings import settings

POOL = {"slots": 1, "description": "One load test at a time on this load generator", "include_deferred": True}


def main() -> None:
    names = (None, *named_load_generators(settings()))
    print(json.dumps({place_of(name): POOL for name in names}, indent=1))


if __name__ == "__main__":
    main()
