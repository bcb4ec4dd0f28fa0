"""`targets.yaml`: limits as people write them, and refusals of limits that could never be missed."""

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.planning.config import load_scenario
from loadtest.planning.models import Target
from loadtest.settings import Settings


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
        ("error_rate: 101%", "no error rate is above 100%; give a share such as 0.01, or 1% (got '101%')"),
        ("error_rate: 1.01", "no error rate is above 100%"),
        ("error_rate: 100%", "no error rate is above 100%"),
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
