"""A request becomes a plan, or is refused with one sentence before anything starts."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from loadtest.errors import ConfigurationError
from loadtest.planning.models import Plan, Trigger, TriggerKind
from loadtest.planning.request import Request
from loadtest.planning.resolve import resolve, run_id_from
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings


def request(**values: object) -> Request:
    return Request.of(**({"scenario": "shop", "profile": "smoke", "environment": "local"} | values))


def refused(config: Settings, **values: object) -> str:
    with pytest.raises(ConfigurationError) as error:
        resolve(request(**values), config)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_plan_holds_everything_and_survives_its_file(config: Settings, tmp_path: Path) -> None:
    plan = resolve(request(users=3, duration_s="10s"), config)
    assert (plan.profile.users, plan.profile.duration_s) == (3, 10)
    assert plan.base_url is None
    assert [target.limit for target in plan.scenario.targets] == [100, 0.01]
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"profile": "huge"}, ["'huge'", "medium, open_100, side_by_side, smoke"]),
        ({"profile": "../../etc/passwd"}, ["known are"]),
        ({"environment": "nowhere"}, ["'nowhere'", "local, production"]),
        ({"scenario": "none"}, ["'none'", "shop"]),
        ({"users": 0}, ["users", "greater than or equal to 1"]),
        ({"users": 1_000_000}, ["users", "less than or equal to 20000"]),
        ({"users": 500}, ["500 users", "at most 100"]),
        ({"duration_s": "abc"}, ["duration", "30s, 5m or 1h30m"]),
        ({"duration_s": "0s"}, ["duration"]),
        ({"spawn_rate": -1}, ["spawn_rate"]),
        ({"host": "http://example.com"}, ["not the environment's"]),
        ({"slowdown": "nonsense"}, ["nonsense"]),
        ({"environment": "production"}, ["SHOP_URL", "'shop'"]),
        ({"environment": "production", "profile": "medium"}, ["not allowed", "smoke"]),
        ({"trigger": Trigger(kind=TriggerKind.PUSH, commit="$(rm -rf /)")}, ["no commit"]),
    ],
)
def test_bad_input_is_refused_in_one_sentence(config: Settings, values: dict[str, object], words: list[str]) -> None:
    message = refused(config, **values)
    for word in words:
        assert word in message


def test_base_url_comes_from_variable_then_connection(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(environment="production")
    plan = resolve(
        asked, config, connections=lambda connection, field: {("shop", "url"): "http://127.0.0.1:81/"}.get((connection, field))
    )
    assert plan.base_url == "http://127.0.0.1:81"
    monkeypatch.setenv("SHOP_URL", "http://127.0.0.1:82")
    assert resolve(asked, config).base_url == "http://127.0.0.1:82"
    assert "is not the environment's" in refused(config, environment="production", host="http://127.0.0.1:83")
    assert "does not allow a slowdown" in refused(config, environment="production", slowdown="GET /=+1ms")


@pytest.mark.parametrize(
    "url", ["ftp://x", "nothing", "http://", "http://user:secret@host", "http://h?token=1", "http://h:99999"]
)
def test_a_base_url_that_is_none_or_holds_a_secret_is_refused(
    config: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SHOP_URL", url)
    message = refused(config, environment="production")
    assert "base URL" in message
    assert "secret" not in message.replace("secrets", "")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("profiles/smoke.yaml", "users: [", ["smoke.yaml", "line", "not valid YAML"]),
        ("profiles/smoke.yaml", "- a\n", ["mapping"]),
        ("profiles/smoke.yaml", "purpose: x\nusers: 5\nduration: 30s\ncolor: red\n", ["color"]),
        ("profiles/smoke.yaml", "purpose: x\nusers: 0\nduration: 30s\n", ["users"]),
        ("environments/local.yaml", "purpose: nothing\n", ["names no target"]),
        (
            "scenarios/shop/targets.yaml",
            "endpoints: {GET /: {p42_ms: 3}}\n",
            ["targets.yaml", "GET /", "metric 'p42_ms'", "p95_ms, p99_ms"],
        ),
        ("scenarios/shop/targets.yaml", "endpoint: {}\n", ["'endpoint'"]),
        ("scenarios/shop/criteria.yaml", "muted: [{reason: broken}]\n", ["criteria.yaml: muted, item 1, expires"]),
        ("scenarios/shop/scenario.yaml", "locustfile: other.py\n", ["other.py"]),
        ("scenarios/shop/scenario.yaml", "grouping: [{match: '(', name: x}]\n", ["regular expression"]),
        (
            "scenarios/shop/scenario.yaml",
            "grouping:\n- GET /products/{slug}\n",
            ["grouping, item 1: each grouping pattern needs match: (a regular expression) and name:"],
        ),
        ("scenarios/shop/scenario.yaml", "grouping: [{match: x}]\n", ["needs match: (a regular expression) and name:"]),
    ],
)
def test_a_broken_file_is_named_with_its_place(config: Settings, include: Path, file: str, text: str, words: list[str]) -> None:
    (include / file).write_text(text)
    message = refused(config)
    for word in words:
        assert word in message


ABORT = "purpose: x\nusers: 5\nduration: 30s\nabort_when: [{%s}]\n"


@pytest.mark.parametrize(
    ("criterion", "above"),
    [
        ("metric: error_rate, above: 50 %, for: 10s", 0.5),
        ("metric: error_rate, above: 0.5, for: 10s", 0.5),
        ("metric: error_rate, above: 0, for: 10s", 0),
        ("metric: p95_ms, above: 5s, for: 30s, endpoint: GET /items", 5000),
        ("metric: p95_ms, above: 800, for: 30s", 800),
    ],
)
def test_abort_criteria_as_people_write_them(config: Settings, include: Path, criterion: str, above: float) -> None:
    (include / "profiles/smoke.yaml").write_text(ABORT % criterion)
    plan = resolve(request(), config)
    assert plan.profile.abort_when[0].above == above
    assert Plan.parse(plan.model_dump_json(), "plan.json") == plan


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        ("metric: error_rate, above: 50, for: 10s", ["above", "can never exceed 100%", "50%"]),
        ("metric: error_rate, above: 5s, for: 10s", ["above", "number"]),
        ("metric: error_rate, above: -0.1, for: 10s", ["above", "greater than or equal to 0"]),
        ("metric: p95_ms, above: 5 %, for: 10s", ["above", "30s, 5m or 1h30m"]),
        ("metric: p95_ms, above: 500, for: 31s", ["p95_ms for 31s", "the load lasts 30s"]),
    ],
)
def test_an_abort_criterion_that_can_never_be_met_is_refused(
    config: Settings, include: Path, criterion: str, words: list[str]
) -> None:
    (include / "profiles/smoke.yaml").write_text(ABORT % criterion)
    message = refused(config)
    for word in words:
        assert word in message


def test_the_criteria_of_an_environment_rest_in_a_load_shorter_than_they_need(config: Settings, include: Path) -> None:
    with (include / "environments/local.yaml").open("a") as stream:
        stream.write("abort_when: [{metric: p95_ms, above: 5s, for: 1m}]\n")
    assert resolve(request(), config).environment.abort_when[0].for_s == 60


def test_the_users_that_an_environment_allows_bound_open_profiles_too(config: Settings, include: Path) -> None:
    open_profile = "purpose: x\nload_model: open\narrivals_per_s: 9000\nduration: 30s\nmax_concurrency: "
    (include / "profiles/smoke.yaml").write_text(f"{open_profile}101\n")
    assert "101 requests in flight (max_concurrency of profile 'smoke') are more than environment 'local'" in refused(config)
    (include / "profiles/smoke.yaml").write_text(f"{open_profile}100\n")
    resolve(request(), config)


def test_digest_covers_the_measurement_and_nothing_else(config: Settings, include: Path) -> None:
    plan = resolve(request(), config)
    same = resolve(request(slowdown="GET /items=+1ms", blocking=True), config)
    assert same.digest == plan.digest
    (include / "scenarios/shop/targets.yaml").write_text("total: {error_rate: 2%}\n")
    assert resolve(request(), config).digest == plan.digest
    assert resolve(request(users=4), config).digest != plan.digest
    (include / "scenarios/shop/locustfile.py").write_text("from locust import FastHttpUser\n")
    assert resolve(request(), config).digest != plan.digest


def test_arguments_and_tags_of_a_request_go_before_the_scenario_s_and_are_part_of_the_digest(
    config: Settings, include: Path
) -> None:
    plain = resolve(request(), config)
    (include / "scenarios/shop/scenario.yaml").write_text("arguments: {page-size: 5, color: red}\ntags: [fast]\n")
    own = resolve(request(), config)
    assert (own.scenario.arguments, own.scenario.tags) == ({"page-size": 5, "color": "red"}, ("fast",))
    assert own.digest != plain.digest
    asked = resolve(request(arguments=["page_size=6", "shop=a", "shop=b"], tags=["slow"]), config)
    assert asked.scenario.arguments == {"color": "red", "page_size": "6", "shop": ("a", "b")}
    assert asked.scenario.tags == ("slow",) and asked.digest != own.digest
    assert resolve(request(arguments=["page_size=5"]), config).digest == own.digest


@given(name=st.text(min_size=1, max_size=300))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_foreign_run_id_becomes_a_safe_path(tmp_path: Path, name: str) -> None:
    folder = RunFolder.of(tmp_path, "s", "e", "p", run_id_from(name))
    assert folder.path.parent.name == "p"
    refused_folder = RunFolder.refused(tmp_path, name)
    assert refused_folder.path.parent.name == "_refused"


def test_a_search_for_the_capacity_needs_targets_and_no_baseline(config: Settings, include: Path) -> None:
    shown = refused(config, profile="capacity", users=50, trigger=Trigger(kind=TriggerKind.BASELINE))
    assert "compared with earlier searches and needs no baseline" in shown
    plan = resolve(request(profile="capacity", users=50), config)
    assert plan.profile.search is not None
    assert plan.profile.users == 50
    assert resolve(request(profile="capacity", users=60), config).digest != plan.digest
    assert "a search needs at least 3m" in refused(config, profile="capacity", users=50, duration_s="1m")
    (include / "scenarios/shop/targets.yaml").write_text("total: {rps: 5}\n")
    assert "has no target on a latency or an error rate" in refused(config, profile="capacity", users=50)
