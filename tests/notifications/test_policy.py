"""The policy by itself: whatever the sequence of runs, incidents stay consistent and nothing is told twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.records.findings import Finding
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.models import Acknowledgement, AcknowledgementKind
from loadtest.notifications.policy.decisions import Decision, decide
from loadtest.notifications.policy.models import ActionKind, AlertState, IncidentKind, NotificationConfig
from loadtest.notifications.policy.symptoms import symptoms_of
from loadtest.vocabulary import Criterion, Evidence, Outcome, RunStatus, worst

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
EMPTY = AlertState(scenario="shop", environment="staging")
ENDPOINTS = ("GET /a", "GET /b", "GET /c")


def verdict(number: int, outcomes: dict[str, Outcome], *, effect: float = 0.3, invalid: bool = False, **options) -> Verdict:
    findings = tuple(
        Finding(
            criterion=Criterion.REGRESSION,
            outcome=outcome,
            endpoint=name,
            metric="p95_ms",
            effect=effect,
            sentence=f"{name} p95 {effect * 100:+.0f} %",
        )
        for name, outcome in outcomes.items()
    )
    outcome = Outcome.INVALID if invalid else worst([finding.outcome for finding in findings])
    when = NOW + timedelta(hours=number)
    base = {
        "run_id": f"run-{number}", "scenario": "shop", "environment": "staging", "profile": "medium",
        "status": RunStatus.JUDGED, "outcome": outcome, "evidence": Evidence.CONCLUSIVE, "sentence": f"{outcome}: said so",
        "reasons": ("worker lost",) if invalid else (), "findings": findings, "commit": "a" * 40,
        "repository": "acme/shop", "created_at": when, "ended_at": when,
    }  # fmt: skip
    return Verdict(**base | options)


def follow(verdicts: list[Verdict], said: Sequence[Acknowledgement] = (), **config) -> tuple[list[list[str]], AlertState]:
    """The ids of the actions per run, without those about the commit, and the state at the end."""
    state, told = EMPTY, []
    for one in verdicts:
        decision = decide(state, one, NotificationConfig(**config), said, one.created_at)
        told.append(
            [str(action.kind) for action in decision.actions if action.kind not in (ActionKind.STATUS, ActionKind.COMMENT)]
        )
        state = decision.state
    return told, state


def acknowledgement(kind: AcknowledgementKind, **options) -> Acknowledgement:
    return Acknowledgement(id="1", kind=kind, reason="known", by="ada", created_at=NOW + timedelta(minutes=90), **options)


def test_partly_well_is_told_and_keeps_the_incident_open() -> None:
    a, b = ENDPOINTS[:2]
    told, state = follow(
        [
            verdict(1, {a: Outcome.FAIL, b: Outcome.FAIL}),
            verdict(2, {a: Outcome.FAIL, b: Outcome.PASS}),
            verdict(3, {a: Outcome.PASS, b: Outcome.PASS}),
        ]
    )
    assert told == [["alert", "issue"], ["follow_up", "issue"], ["recovered", "issue_close"]]
    assert state.open == ()


def test_a_service_that_was_away_is_told_before_what_follows_from_it() -> None:
    away = Finding(criterion=Criterion.SERVICE, outcome=Outcome.FAIL, sentence="the service refused connections for 22 s")
    slower = verdict(1, {ENDPOINTS[0]: Outcome.FAIL}, effect=9.0)
    first, second = symptoms_of(slower.model_copy(update={"findings": (*slower.findings, away)}))
    assert first.criterion is Criterion.SERVICE and second.endpoint == ENDPOINTS[0]


def test_another_endpoint_is_another_incident() -> None:
    a, b = ENDPOINTS[:2]
    told, state = follow([verdict(1, {a: Outcome.FAIL}), verdict(2, {a: Outcome.FAIL, b: Outcome.FAIL})])
    assert told[1].count("alert") == 1 and len(state.open) == 2


def test_a_much_larger_effect_is_news_and_a_little_larger_one_is_not() -> None:
    a = ENDPOINTS[0]
    runs = [verdict(number, {a: Outcome.FAIL}, effect=effect) for number, effect in enumerate((0.30, 0.31, 0.33, 0.60))]
    assert follow(runs)[0] == [["alert", "issue"], ["follow_up", "issue"], ["refresh", "issue"], ["follow_up", "issue"]]


def test_silence_is_no_recovery() -> None:
    """An endpoint that was not measured, or measured inconclusively, is not well."""
    a, b = ENDPOINTS[:2]
    told, state = follow(
        [verdict(1, {a: Outcome.FAIL}), verdict(2, {b: Outcome.PASS}), verdict(3, {a: Outcome.INCONCLUSIVE, b: Outcome.PASS})]
    )
    assert told[1:] == [[], []] and len(state.open) == 1


def test_muted_findings_alarm_nobody() -> None:
    muted = verdict(1, {ENDPOINTS[0]: Outcome.FAIL})
    findings = tuple(finding.model_copy(update={"muted": True}) for finding in muted.findings)
    quiet = muted.model_copy(update={"findings": findings, "outcome": Outcome.PASS})
    assert follow([quiet])[0] == [[]]
    mute = acknowledgement(AcknowledgementKind.MUTE, endpoint=ENDPOINTS[0], expires_at=NOW + timedelta(hours=5))
    told, _ = follow([verdict(2, {ENDPOINTS[0]: Outcome.FAIL}), verdict(7, {ENDPOINTS[0]: Outcome.FAIL})], [mute])
    assert told == [[], ["alert", "issue"]]  # the mute has expired by then


def test_an_accepted_level_is_closed_and_silent_until_it_gets_worse() -> None:
    a = ENDPOINTS[0]
    accepted = acknowledgement(AcknowledgementKind.ACCEPT, run_id="run-1")
    first = verdict(1, {a: Outcome.FAIL})
    state = decide(EMPTY, first, NotificationConfig(), [], NOW).state
    said, levels = [], [(2, 0.3), (3, 0.3), (4, 0.7)]
    for number, effect in levels:
        decision = decide(state, verdict(number, {a: Outcome.FAIL}, effect=effect), NotificationConfig(), [accepted], NOW)
        state = decision.state
        said.append([f"{action.kind} {action.note}" for action in decision.actions if action.channel == "slack"])
    assert said[0] == ["recovered accepted by ada: known"] and said[1] == [] and said[2][0].startswith("alert")


def test_an_accepted_level_that_gets_well_ends_silently() -> None:
    a = ENDPOINTS[0]
    accepted = acknowledgement(AcknowledgementKind.ACCEPT, run_id="run-1")
    told, state = follow([verdict(1, {a: Outcome.FAIL})])
    for number, outcome in ((2, Outcome.FAIL), (3, Outcome.PASS)):
        decision = decide(state, verdict(number, {a: outcome}), NotificationConfig(), [accepted], NOW)
        state = decision.state
    assert [action for action in decision.actions if action.channel == "slack"] == [] and state.open == ()
    assert told == [["alert", "issue"]]


def test_a_false_alarm_is_closed_and_a_later_one_told_anew() -> None:
    a = ENDPOINTS[0]
    wrong = acknowledgement(AcknowledgementKind.FALSE_ALARM, run_id="run-1", endpoint=a)
    _, state = follow([verdict(1, {a: Outcome.FAIL})])
    decision = decide(state, verdict(2, {a: Outcome.FAIL}), NotificationConfig(), [wrong], NOW)
    assert [action.kind for action in decision.actions if action.channel == "slack"] == ["recovered", "alert"]


def test_withdrawn_words_do_not_count() -> None:
    a = ENDPOINTS[0]
    withdrawn = acknowledgement(AcknowledgementKind.ACCEPT, run_id="run-1").model_copy(update={"withdrawn_at": NOW})
    _, state = follow([verdict(1, {a: Outcome.FAIL})])
    decision = decide(state, verdict(2, {a: Outcome.FAIL}), NotificationConfig(), [withdrawn], NOW)
    assert [action.kind for action in decision.actions if action.channel == "slack"] == ["follow_up"]


def test_side_lines_may_be_silent_and_never_touch_the_main_line() -> None:
    a = ENDPOINTS[0]
    runs = [
        verdict(1, {a: Outcome.FAIL}),
        verdict(2, {a: Outcome.PASS}, branch="feature"),
        verdict(3, {a: Outcome.FAIL}, pull_request=7),
    ]
    told, state = follow(runs, side_line_alerts=False)
    assert told == [["alert", "issue"], [], []]
    assert {incident.line for incident in state.open} == {"main", "pr-7"}


def test_side_lines_are_forgotten_in_the_end() -> None:
    a = ENDPOINTS[0]
    _, state = follow([verdict(1, {a: Outcome.FAIL}, pull_request=7)])
    late = verdict(24 * 90, {a: Outcome.PASS})
    assert decide(state, late, NotificationConfig(), [], late.created_at).state.open == ()


def test_a_run_is_accounted_for_once() -> None:
    one = verdict(1, {ENDPOINTS[0]: Outcome.FAIL})
    first = decide(EMPTY, one, NotificationConfig(), [], NOW)
    assert decide(first.state, one, NotificationConfig(), [], NOW) == Decision((), first.state)


def test_the_same_invalidity_is_told_once() -> None:
    told, state = follow([verdict(number, {}, invalid=True) for number in range(1, 4)])
    assert told == [["alert"], ["follow_up"], ["refresh"]]  # told, seen a second time, then only the alert is updated
    assert state.open[0].kind is IncidentKind.INVALID


outcomes = st.dictionaries(
    st.sampled_from(ENDPOINTS), st.sampled_from([one for one in Outcome if one is not Outcome.INVALID]), max_size=3
)
runs = st.lists(
    st.tuples(outcomes, st.booleans(), st.sampled_from(["smoke", "medium"]), st.sampled_from([None, "main", "feature"])),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(runs)
def test_any_sequence_of_runs_stays_consistent(sequence: list[tuple[dict[str, Outcome], bool, str, str | None]]) -> None:
    state = EMPTY
    announced: set[tuple[str, str]] = set()
    for number, (found, invalid, profile, branch) in enumerate(sequence):
        one = verdict(number, found, invalid=invalid, profile=profile, branch=branch)
        decision = decide(state, one, NotificationConfig(), [], one.created_at)
        state = AlertState.parse(decision.state.model_dump_json(), "state")  # what is kept can be read again
        assert state == decision.state
        ids = [action.id for action in decision.actions]
        assert len(ids) == len(set(ids))
        for action in decision.actions:
            if action.kind in (ActionKind.STATUS, ActionKind.COMMENT):
                continue
            assert action.incident is not None
            key = (action.channel, action.incident.id)
            if action.kind is ActionKind.ALERT:
                assert key not in announced
                announced.add(key)
            elif action.channel == "slack":
                assert key in announced  # nothing is followed up or ended before it was told
            if action.kind is ActionKind.RECOVERED:
                announced.discard(key)
        for line in {incident.line for incident in state.open}:
            owned = [name for incident in state.open if incident.line == line for name in incident.endpoints]
            assert len(owned) == len(set(owned))  # an endpoint belongs to one incident
        assert all(incident.symptoms for incident in state.open)
