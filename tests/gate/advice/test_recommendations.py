"""Each pattern of findings leads to the step that a person should take next."""

from __future__ import annotations

import pytest

from loadtest.analysis.models import EndpointMetrics, FailureGroup, RunMetrics, ServerTime
from loadtest.gate.advice.recommendations import recommend
from loadtest.gate.records.findings import Comparison, Finding, Recommendation
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.rules.service import judge_never_healthy
from loadtest.planning.models import BackendCommand, Environment, Plan
from loadtest.vocabulary import Criterion, Evidence, Outcome
from tests.gate.run_facts import HOST, STARTED_AT, make_endpoint, make_metrics, make_plan

COMPARED = Comparison(compared=True, baseline_version=1, baseline_runs=8, builds=3)
NOT_COMPARED = Comparison(compared=False, reason="no baseline yet, so nothing was compared")


def slower(endpoint: str, *, typical: float = 0.3, p95: float = 0.3, outcome: Outcome = Outcome.FAIL, **more: object) -> Finding:
    return Finding(
        criterion=Criterion.REGRESSION,
        outcome=outcome,
        sentence=f"{endpoint} p95 +30 %",
        endpoint=endpoint,
        metric="p95_ms",
        effect=p95,
        evidence={"typical_ms_effect": typical, "p95_ms_effect": p95},
        **more,
    )


def unchanged(endpoint: str) -> Finding:
    return slower(endpoint, typical=0.0, p95=0.0, outcome=Outcome.PASS)


def advice(
    *findings: Finding,
    plan: Plan | None = None,
    comparison: Comparison = COMPARED,
    metrics: RunMetrics | None = None,
    baseline: tuple[RunSummary, ...] = (),
) -> tuple[Recommendation, ...]:
    return recommend(plan or make_plan(), findings, comparison, metrics, baseline)


def titles(*findings: Finding, **facts: object) -> list[str]:
    return [each.title for each in advice(*findings, **facts)]


def test_nothing_wrong_nothing_to_do() -> None:
    assert advice(unchanged("GET /a"), unchanged("GET /b")) == ()


@pytest.mark.parametrize(
    ("rule", "title"),
    [
        ("generator_saturated", "Give the load generator more capacity"),
        ("stopped_by_us", "Keep the backend running until the load ends"),
        ("worker_lost", "Find out why workers were lost"),
        ("ramp_not_finished", "Leave enough time for the ramp-up"),
        ("too_few_arrivals", "Make room for the planned arrival rate"),
        ("crashed", "Fix the error below and run again"),
        ("clock_step", "Stabilize the clock"),
    ],
)
def test_a_measurement_that_cannot_be_believed_is_repaired_first(rule: str, title: str) -> None:
    (only,) = advice(doubt(rule), slower("GET /a"))
    assert (only.title, only.evidence) == (title, "something broke")
    assert only.command == "loadtest run --scenario shop --environment staging --profile light"


def doubt(rule: str, sentence: str = "something broke") -> Finding:
    return Finding(criterion=Criterion.VALIDITY, outcome=Outcome.INVALID, sentence=sentence, evidence={"rule": rule})


def plan_of(environment: Environment) -> Plan:
    return make_plan().model_copy(update={"environment": environment})


FOREIGN = Environment(name="theirs", base_url="http://127.0.0.1:8000", health="/up")
OURS = Environment(name="ours", backend=BackendCommand(command=("serve", "{port}")))


@pytest.mark.parametrize(
    ("environment", "where"), [(OURS, "backend.log"), (FOREIGN, "the logs of the service at http://127.0.0.1:8000")]
)
def test_a_service_that_was_down_is_to_be_started(environment: Environment, where: str) -> None:
    (only,) = advice(judge_never_healthy("nobody answered"), plan=plan_of(environment))
    assert only.title == "Start the service" and where in only.next_step
    assert only.evidence == "the service was down before any load went out: nobody answered"


def test_no_log_is_named_where_there_is_none() -> None:
    (never,) = advice(doubt("load_missing", "the load never ran: no disk"))
    assert ".log" not in never.next_step
    (crashed,) = advice(doubt("crashed"), plan=plan_of(FOREIGN))
    assert crashed.next_step == "read locust.log in the run folder"


def test_errors_come_before_latencies() -> None:
    errors = Finding(
        criterion=Criterion.ERRORS, outcome=Outcome.FAIL, sentence="errors 8 %", endpoint="GET /a", metric="error_rate"
    )
    found = advice(slower("GET /a"), errors, metrics=make_metrics(make_endpoint("GET /a", 100, 8), make_endpoint("GET /b", 50)))
    assert found[0].title == "Look at the errors first"
    assert "GET /a (8 %)" in found[0].evidence


def test_one_endpoint_or_several_or_the_writes_or_all() -> None:
    names = ("GET /a", "GET /b", "POST /a", "PUT /b")
    calm = {name: unchanged(name) for name in names}

    def of(*regressed: str) -> str:
        return titles(*(calm | {name: slower(name) for name in regressed}).values())[0]

    assert of("GET /a") == "Look at GET /a"
    assert of("GET /a", "POST /a") == "Look at what 2 endpoints share"
    assert of("POST /a", "PUT /b") == "Look at how data is written"
    everything = Finding(criterion=Criterion.GLOBAL, outcome=Outcome.FAIL, sentence="all endpoints together +20 %")
    assert titles(*calm.values(), everything)[0] == "Look for something that all endpoints share"


def test_the_tail_or_every_request() -> None:
    assert "Look at the slowest requests" in titles(slower("GET /a", typical=0.02, p95=0.5))
    assert "Look for work added to every request" in titles(slower("GET /a", typical=0.3, p95=0.32))


def measured(name: str, p50_ms: float, **components: tuple[int, float, float]) -> EndpointMetrics:
    """300 successes; per component: how many reported it, their median, the mean over all 300."""
    server = tuple(
        ServerTime(component=component, n=n, p50_ms=median_ms, p95_ms=2 * median_ms, mean_ms=mean_ms)
        for component, (n, median_ms, mean_ms) in components.items()
    )
    return make_endpoint(name, 300, p50_ms=p50_ms).model_copy(update={"server": server})


def before(*names: str, commit: str = "0123456789abcdef") -> RunSummary:
    """A baseline run: each endpoint 20 ms, 8 ms of it in db and 5 ms in app."""
    rows = tuple(
        EndpointSummary(endpoint=name, n=300, errors=0, mean_ms=20.0, server_mean_ms={"db": 8.0, "app": 5.0}) for name in names
    )
    return RunSummary(
        run_id="b1", started_at=STARTED_AT, duration_s=120, digest="d1", host_class=HOST, commit=commit, rps=5, endpoints=rows
    )


def test_the_part_of_the_server_that_explains_it() -> None:
    metrics = make_metrics(measured("GET /a", 40.0, db=(300, 27.0, 27.0), app=(300, 5.0, 5.0)))
    found = advice(slower("GET /a"), metrics=metrics, baseline=(before("GET /a"),))
    explained = next(each for each in found if "slowdown" in each.title)
    assert explained.title == "Most of the slowdown of GET /a is db"
    assert "db +19.0 ms (95 %)" in explained.evidence
    assert found[0].command == "git log --oneline 0123456789ab..c0ffee"


def test_every_slower_endpoint_is_taken_apart_and_those_alike_together() -> None:
    names = [f"GET /{number}" for number in range(6)]
    rows = [measured(name, 40.0, db=(300, 27.0, 27.0), app=(300, 5.0, 5.0)) for name in names]
    even = measured("GET /even", 32.0, db=(300, 12.0, 12.0), app=(300, 9.0, 9.0))
    found = advice(
        *(slower(name) for name in (*names, "GET /even")),
        metrics=make_metrics(*rows, even),
        baseline=(before(*names, "GET /even"),),
    )
    database, spread = (each for each in found if "slowdown" in each.title)
    assert database.title == "Most of the slowdown of 6 endpoints is db"
    assert "GET /3 +20.0 ms: db" in database.evidence
    assert database.evidence.endswith("; and 2 more endpoints")
    assert spread.title == "No single part explains the slowdown of GET /even"
    assert "outside what the server reports +4.0 ms (33 %)" in spread.evidence


def test_a_component_of_a_few_requests_explains_only_its_mean() -> None:
    metrics = make_metrics(measured("GET /a", 40.0, db=(12, 180.0, 7.2), app=(300, 22.0, 25.8)))
    found = advice(slower("GET /a"), metrics=metrics, baseline=(before("GET /a"),))
    explained = next(each for each in found if "slowdown" in each.title)
    assert explained.title == "Most of the slowdown of GET /a is app"
    assert "db -0.8 ms (-4 %)" in explained.evidence


def test_a_database_that_more_requests_need_explains_the_slowdown() -> None:
    """Cache hits fell: each database call takes 20 ms, as before, but now nearly every request makes one."""
    metrics = make_metrics(measured("GET /a", 30.0, db=(285, 20.0, 19.0), app=(300, 5.0, 5.0)))
    found = advice(slower("GET /a"), metrics=metrics, baseline=(before("GET /a"), before("GET /a")))
    explained = next(each for each in found if "slowdown" in each.title)
    assert explained.title == "Most of the slowdown of GET /a is db"
    assert explained.evidence == (
        "GET /a +10.0 ms: db +11.0 ms (110 %), outside what the server reports -1.0 ms (-10 %), app +0.0 ms (0 %)"
    )


def test_a_baseline_without_means_explains_nothing() -> None:
    metrics = make_metrics(measured("GET /a", 40.0, db=(300, 27.0, 28.0)))
    row = EndpointSummary(endpoint="GET /a", n=300, errors=0, log_p50=3.0, server_p50_ms={"db": 8.0})
    older = before().model_copy(update={"endpoints": (row,)})
    assert not [title for title in titles(slower("GET /a"), metrics=metrics, baseline=(older,)) if "slowdown" in title]


MISSED = Finding(
    criterion=Criterion.TARGET,
    outcome=Outcome.FAIL,
    sentence="GET /a p95 is 400 ms",
    endpoint="GET /a",
    metric="p95_ms",
    effect=3.0,
)


def test_a_missed_target_without_a_baseline_names_the_slow_part() -> None:
    metrics = make_metrics(measured("GET /a", 40.0, db=(150, 70.0, 30.0)))
    (first,) = advice(MISSED, comparison=NOT_COMPARED, metrics=metrics)  # no baseline of a failing run
    assert first.title == "Bring GET /a under its target"
    assert "spend 30.0 ms of 40.0 ms in 'db' on average (50 % of them report it): look at the queries" in first.next_step


def test_only_a_healthy_conclusive_run_is_told_to_collect_a_baseline() -> None:
    (only,) = advice(comparison=NOT_COMPARED)
    assert only.title == "Collect a baseline, so that regressions can be judged"
    assert only.command.endswith("--runs 8 --promote --by NAME --reason TEXT")
    assert advice(comparison=NOT_COMPARED, plan=make_plan(evidence=Evidence.INDICATIVE)) == ()
    (accept,) = advice(comparison=NOT_COMPARED.model_copy(update={"awaiting_acceptance": 6}))
    assert accept.evidence == "6 collected runs of this plan wait for somebody to accept them"
    assert accept.command.startswith("loadtest baseline promote --scenario ")
    errors = Finding(criterion=Criterion.ERRORS, outcome=Outcome.WARN, sentence="errors 2 %", metric="error_rate")
    assert not any("baseline" in each.title for each in advice(errors, comparison=NOT_COMPARED))


def test_users_that_never_pause_are_told_before_more_workers() -> None:
    first, second = advice(doubt("generator_saturated"), metrics=make_metrics(make_endpoint("GET /a", 12_000)))
    assert first.title == "Add think time between requests"
    assert "wait_time = between(1, 2)" in first.next_step
    assert second.title == "Give the load generator more capacity"
    (only,) = advice(doubt("generator_saturated"), metrics=make_metrics(make_endpoint("GET /a", 600)))
    assert only.title == "Give the load generator more capacity"


@pytest.mark.parametrize("status", [401, 403])
def test_requests_that_are_turned_away_need_credentials(status: int) -> None:
    refused = FailureGroup(
        endpoint="GET /a", cause=f"HTTP {status}", status=status, count=63, first_at=STARTED_AT, last_at=STARTED_AT
    )
    first, *_ = recommend(make_plan(), [], NOT_COMPARED, failures=[refused])
    assert first.title == "Give the requests valid credentials"
    assert "SCENARIO_" in first.next_step
    assert first.evidence == "63 of 63 failed requests were answered 401 or 403"


def test_a_health_check_that_is_answered_404_means_a_wrong_path() -> None:
    answered = doubt(
        "load_missing", "the load never ran: The backend did not become healthy within 30 s: answered 404 (Not Found)"
    )
    (only,) = advice(answered, plan=plan_of(FOREIGN))
    assert only.title == "Correct the path of the health check"
    assert "does not answer /up with 2xx" in only.next_step


def test_the_slow_part_of_a_few_requests_is_not_taken_for_all() -> None:
    metrics = make_metrics(measured("GET /a", 20.0, db=(12, 180.0, 7.2), app=(300, 5.0, 5.0)))
    first, *_ = advice(MISSED, comparison=NOT_COMPARED, metrics=metrics)
    assert first.next_step == "look at its slowest requests in the report, with their trace ids"


def test_a_slow_host_is_no_reason_to_read_code() -> None:
    host = Finding(criterion=Criterion.GLOBAL, outcome=Outcome.INCONCLUSIVE, sentence="the host was slower")
    assert titles(unchanged("GET /a"), host) == ["The host was slower, not the build"]


def test_drift_points_to_the_commits_since_its_onset() -> None:
    drift = Finding(
        criterion=Criterion.DRIFT,
        outcome=Outcome.WARN,
        sentence="GET /a regressed since the anchor",
        endpoint="GET /a",
        evidence={"commit_before_onset": "aaaabbbbccccdddd"},
    )
    (only,) = advice(drift)
    assert only.title == "Find what has slowed GET /a down since the anchor"
    assert only.command == "git log --oneline aaaabbbbcccc..c0ffee"


def test_how_much_longer_settles_targets() -> None:
    unsure = Finding(
        criterion=Criterion.TARGET, outcome=Outcome.INCONCLUSIVE, sentence="met, but", endpoint="GET /a", metric="p95_ms", n=20
    )
    (only,) = advice(unsure)
    assert only.next_step == "about 3.0 times the duration would do (6m10s)"
    assert only.command.endswith("--duration 6m10s")
    assert advice(unsure, plan=make_plan(evidence=Evidence.INDICATIVE)) == ()
    (only,) = advice(unsure.model_copy(update={"n": 1}))
    assert "more weight in the scenario" in only.next_step


@pytest.mark.parametrize(
    ("duration_s", "n", "step"),
    [(12, 58, "about 1.2 times the duration would do (15s)"), (40, 37, "about 1.8 times the duration would do (1m10s)")],
)
def test_the_factor_is_that_of_the_rounded_duration(duration_s: float, n: int, step: str) -> None:
    unsure = Finding(criterion=Criterion.TARGET, outcome=Outcome.INCONCLUSIVE, sentence="met, but", metric="p95_ms", n=n)
    (only,) = advice(unsure, plan=make_plan(duration=duration_s))
    assert only.next_step == step


def test_open_endpoints_are_named_and_those_that_more_runs_settle() -> None:
    soon = slower("GET /z", p95=0.05, outcome=Outcome.INCONCLUSIVE, interval=(-0.15, 0.30))
    hopeless = [slower(f"GET /{name}", p95=0.25, outcome=Outcome.INCONCLUSIVE, interval=(0.0, 0.5)) for name in "abcd"]
    (only,) = advice(soon, *hopeless)
    assert only.evidence == "5 endpoints cannot be shown to be within 20 %: GET /a, GET /b, GET /c and 2 more"
    assert only.next_step.endswith("would settle it for GET /z")


def test_how_many_runs_settle_what_is_open() -> None:
    open_one = slower("GET /a", p95=0.05, outcome=Outcome.INCONCLUSIVE, interval=(-0.15, 0.30))
    (only,) = advice(open_one)
    assert only.title == "More runs would settle the open questions"
    assert only.next_step.startswith("about 3 runs of this build")
    hopeless = slower("GET /a", p95=0.25, outcome=Outcome.INCONCLUSIVE, interval=(0.0, 0.5))
    assert advice(hopeless) == ()


def test_an_unsettled_suspicion_asks_for_the_same_build_again() -> None:
    assert titles(slower("GET /a", outcome=Outcome.INCONCLUSIVE, suspect=True)) == ["Confirm or clear the suspected regression"]


def test_a_weak_baseline_is_widened() -> None:
    reason = "The baseline has only 4 runs, so a regression is at most a warning."
    weak = Comparison(compared=True, baseline_runs=4, reason=reason)
    (only,) = advice(unchanged("GET /a"), comparison=weak)
    assert only.title == "Widen the baseline"
    assert only.command.endswith("--runs 4 --extend")


def test_muted_matters_ask_for_nothing() -> None:
    assert advice(slower("GET /a", muted=True)) == ()


def test_a_second_host_is_named_with_what_to_write() -> None:
    cause = (
        "ForeignHostError: not sent to https://cdn.example.com:443, because this run may only send load to http://127.0.0.1:8000"
    )
    failures = [FailureGroup(endpoint="GET /logo.png", cause=cause, status=0, count=26, first_at=STARTED_AT, last_at=STARTED_AT)]
    first, *_ = recommend(make_plan(), [], NOT_COMPARED, None, (), "", failures)
    assert first.title == "Allow the second host, or leave its requests out"
    assert "allowed_hosts: [https://cdn.example.com:443]" in first.next_step
    assert first.evidence.startswith("26 requests to https://cdn.example.com:443 were not sent")
