from __future__ import annotations

from loadtest.load.models import HealthFacts
from loadtest.load.supervision.doubts import doubts_so_far
from loadtest.load.supervision.facts import ProcessFacts


def process(*seconds: dict[str, object]) -> ProcessFacts:
    facts = ProcessFacts(worker="local/0")
    facts.add({"t": float(number), "busy": 0.3} | second for number, second in enumerate(seconds))
    return facts


def test_a_load_that_goes_well_raises_no_doubt() -> None:
    well = process({"due": 100, "started": 100, "late": 1, "dropped": 0, "task_errors": 0})
    assert doubts_so_far([well, ProcessFacts(worker="local/1")], (), HealthFacts(checks=9)) == ()


def test_each_doubt_is_a_clause_of_its_own_the_gravest_first() -> None:
    bad = process(*[{"busy": 0.95}] * 7, {"due": 1_200, "started": 1_000, "late": 11, "dropped": 200, "task_errors": 3})
    assert doubts_so_far([bad], {"eu/1"}, HealthFacts(checks=40, failures=2)) == (
        "load-generating process eu/1 is lost",
        "2 of 40 health checks failed",
        "200 of 1,200 arrivals were dropped at the limit of requests in flight",
        "11 of 1,000 arrivals were late",
        "load generator local/0 was saturated for 7 of the last 8 s",
        "3 tasks of the scenario ended with an exception",
    )


def test_a_saturation_that_is_over_is_forgotten() -> None:
    assert doubts_so_far([process(*[{"busy": 1.0}] * 30, *[{}] * 60)], (), HealthFacts()) == ()
