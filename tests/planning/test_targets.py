"""`targets.yaml`: limits as people write them, and refusals of limits that could never be missed."""

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.load.control.scenario_check import check_scenario, check_targets
from loadtest.planning.config import load_scenario
from loadtest.planning.criteria import Target
from loadtest.settings import Settings, settings


def targets_of(config: Settings, include: Path, text: str) -> tuple[Target, ...]:
    (include / "scenarios/shop/targets.yaml").write_text(text)
    return load_scenario(config, "shop").targets


@pytest.mark.parametrize(
    ("metric", "limit"),
    [
        ("p95_ms: 200", 200),
        ("p95_ms: 200ms", 200),
        ("p99_ms: 1.5s", 1500),
        ("mean_ms: 0.5", 0.5),
        ("error_rate: 1%", 0.01),
        ("error_rate: 0.01", 0.01),
        ("rps: 50", 50),
    ],
)
def test_limits_as_people_write_them(config: Settings, include: Path, metric: str, limit: float) -> None:
    (target,) = targets_of(config, include, f"endpoints: {{GET /items: {{{metric}}}}}")
    assert (target.endpoint, target.limit) == ("GET /items", limit)


@pytest.mark.parametrize(
    ("metric", "allowed"),
    [
        ("error_rate: 101%", "an error rate of 100% or more can never be missed; give a share such as 0.01, or 1% (got '101%')"),
        ("error_rate: 1.01", "can never be missed"),
        ("error_rate: 100%", "can never be missed"),
        ("error_rate: -1%", "a percentage such as 20%"),
        ("error_rate: -0.1", "greater than 0"),
        ("error_rate: 5s", "number"),
        ("p95_ms: -5", "greater than 0"),
        ("p95_ms: -5ms", "such as 30s"),
        ("p95_ms: 5%", "such as 30s"),
        ("p95_ms: .nan", "finite"),
        ("rps: -1", "greater than 0"),
        ("rps: true", "a number of requests per second"),
    ],
)
def test_a_limit_that_means_nothing_is_refused_with_its_place(config: Settings, include: Path, metric: str, allowed: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        targets_of(config, include, f"endpoints: {{GET /items: {{{metric}}}}}")
    message = str(refused.value)
    assert f"targets.yaml: GET /items, {metric.split(':')[0]}: " in message
    assert allowed in message
    assert "\n" not in message


def test_all_problems_are_told_at_once_up_to_ten(config: Settings, include: Path) -> None:
    limits = "\n".join(f"  GET /{letter}: {{p95: 100}}" for letter in "abcdefghijkl")
    with pytest.raises(ConfigurationError) as refused:
        targets_of(config, include, f"endpoints:\n{limits}\n")
    title, *problems = str(refused.value).splitlines()
    assert title.endswith("targets.yaml has 12 problems:")
    assert problems[0] == (
        "- GET /a: there is no metric 'p95'; allowed are p50_ms, p90_ms, p95_ms, p99_ms, mean_ms, error_rate, rps"
    )
    assert len(problems) == 11
    assert problems[-1] == "- and 2 more"


GROUPING = "grouping: [{match: '^/products/[a-z-]+$', name: '/products/{slug}'}, {match: '^/carts/', name: '/carts/{cart}'}]\n"
LOCUSTFILE = """
from locust import HttpUser, task

class Shopper(HttpUser):
    @task
    def order(self):
        order_id = 17
        self.client.get(f"/orders/{order_id}")
        self.client.get(f"/bills/{order_id}", name="/bills/{bill_id}")
"""


@pytest.fixture
def shop(include: Path) -> Path:
    (include / "scenarios/shop/scenario.yaml").write_text(GROUPING)
    (include / "scenarios/shop/locustfile.py").write_text(LOCUSTFILE)
    return include


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("GET /orders/17", "recorded as GET /orders/{id}; name that endpoint."),
        ("GET /orders?page=2", "recorded as GET /orders; name that endpoint."),
        ("get /orders", "recorded as GET /orders; name that endpoint."),
        ("GET /orders/{order_id}", "recorded as GET /orders/{id}; name that endpoint, or give values that are no ids a grouping"),
        ("GET /carts/{cart_id}", "recorded as GET /carts/{cart}; name that endpoint."),
        ("GET /products/blue-shirt", "recorded as GET /products/{slug}; name that endpoint."),
        ("/orders/{id}", "recorded as GET /orders/{id} (or with another method); name that endpoint."),
        ("/products/{slug}", "recorded as GET /products/{slug} (or with another method); name that endpoint."),
    ],
)
def test_a_target_on_an_endpoint_that_is_never_recorded_is_refused(
    config: Settings, shop: Path, endpoint: str, words: str
) -> None:
    targets_of(config, shop, f"endpoints: {{'{endpoint}': {{p95_ms: 100}}}}")
    with pytest.raises(ConfigurationError) as refused:
        check_scenario(load_scenario(config, "shop"))
    message = str(refused.value)
    assert f"targets.yaml: {endpoint} is never recorded" in message
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "endpoint",
    [
        "GET /orders",
        "GET /orders/{id}",
        "GET /orders/{id}-{slug}",
        "GET /orders/[id]",
        "GET /bills/{bill_id}",  # a name= of the Locust file
        "GET /products/{slug}",  # of a grouping pattern
        "GET Get order",
        "Get order",
        "queue publish orders",
        "think",
    ],
)
def test_names_as_they_are_recorded_or_given_are_accepted(config: Settings, shop: Path, endpoint: str) -> None:
    targets_of(config, shop, f"endpoints: {{'{endpoint}': {{p95_ms: 100}}}}")
    check_targets(load_scenario(config, "shop"))


def test_a_path_alone_may_be_the_name_of_an_event_of_its_own(config: Settings, shop: Path) -> None:
    with (shop / "scenarios/shop/locustfile.py").open("a") as stream:
        stream.write("def sent(events): events.request.fire(request_type='', name='/orders/{id}')\n")
    targets_of(config, shop, "endpoints: {'/orders/{id}': {p95_ms: 100}}")
    check_targets(load_scenario(config, "shop"))


def test_the_targets_of_the_sample_scenario_are_recorded() -> None:
    check_targets(load_scenario(settings(), "student_api"))
