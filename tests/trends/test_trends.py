"""A made-up past gives the trends that were put into it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.history.acknowledgements import false_alarm
from loadtest.history.database import writing
from loadtest.history.models import HistoryStatus, MetricRow, RunEntry, RunRow, Source
from loadtest.history.store import upsert
from loadtest.planning.criteria import Target
from loadtest.trends.compute import compute_trends
from loadtest.trends.models import Direction, TrendsReport
from loadtest.trends.proposals import propose_targets, round_up
from loadtest.trends.report import render_trends, write_trends
from loadtest.trends.words import summary_lines
from loadtest.vocabulary import Outcome

from .conftest import ENDPOINTS, UNTIL

SLOW = ENDPOINTS[2]


def trends(**options) -> TrendsReport:
    return compute_trends(until=UNTIL, since=UNTIL - timedelta(weeks=60), **options)


def p95(report: TrendsReport) -> dict[str | None, Direction]:
    return {trend.endpoint: trend.slope.direction for trend in report.series[0].metrics if trend.metric == "p95_ms"}


def test_an_unchanged_service_has_no_trend(past):
    past(40)
    (series,) = (report := trends()).series
    assert not {Direction.DEGRADING, Direction.IMPROVING} & set(p95(report).values())
    assert series.changes == ()
    assert "No endpoint of 6 is shown to be getting slower" in series.sentence


def test_a_slow_drift_of_one_endpoint_is_named_with_its_size(past):
    past(26, lambda week, endpoint: 1.03**week if endpoint == SLOW else 1.0)
    report = trends()
    directions = p95(report)
    assert directions.pop(SLOW) is Direction.DEGRADING
    assert Direction.DEGRADING not in directions.values()
    slope = next(trend.slope for trend in report.series[0].metrics if trend.endpoint == SLOW)
    assert slope.interval[0] < 0.03 < slope.interval[1]
    assert SLOW in report.series[0].sentence


def test_an_improvement_is_called_one(past):
    past(26, lambda week, endpoint: 0.97**week)
    assert set(p95(trends()).values()) == {Direction.IMPROVING}


def test_a_jump_names_runs_and_commits(past):
    past(30, lambda week, endpoint: 1.4 if endpoint == SLOW and week >= 18 else 1.0)
    (series,) = trends().series
    (change,) = series.changes
    assert (change.endpoint, change.run_before, change.run_after) == (SLOW, "medium-017", "medium-018")
    assert change.effect == pytest.approx(0.4, abs=0.08)
    assert "git log 0000001100..0000001200" in change.sentence
    assert change.sentence.startswith(f"{SLOW} p95: +3")


def test_a_jump_of_all_is_told_once_and_not_per_endpoint(past):
    past(30, lambda week, endpoint: 1.5 if week >= 15 else 1.0)
    (series,) = trends().series
    assert [change.endpoint for change in series.changes] == [None]


def test_a_jump_without_a_new_commit_points_elsewhere(past):
    past(30, lambda week, endpoint: 1.5 if endpoint == SLOW and week >= 15 else 1.0, change=lambda week: {"commit": "f" * 40})
    assert "look at the host, the data or the environment" in trends().series[0].changes[0].sentence


def test_what_two_endpoints_do_is_not_laid_at_the_door_of_the_others(past):
    def factor(week: int, endpoint: str) -> float:
        return 1.02**week if endpoint == SLOW else 1.4 if endpoint == ENDPOINTS[4] and week >= 22 else 1.0

    past(40, factor)
    (series,) = (report := trends()).series
    assert [change.endpoint for change in series.changes] == [ENDPOINTS[4]]
    assert Direction.IMPROVING not in p95(report).values()


def test_another_plan_or_host_is_no_trend(past):
    past(40, lambda week, endpoint: 3.0 if week >= 20 else 1.0, change=lambda week: {"digest": "d2" if week >= 20 else "d1"})
    (series,) = (report := trends()).series
    assert series.changes == ()
    assert not {Direction.DEGRADING, Direction.IMPROVING} & set(p95(report).values())
    assert any("plan or the host changed" in note for note in series.notes)


def test_too_few_runs_are_said(past):
    past(5)
    (series,) = trends().series
    assert series.sentence.startswith("Too few runs for a trend: 5 runs")
    assert {trend.slope.direction for trend in series.metrics} == {Direction.TOO_FEW}


def test_series_with_too_few_runs_are_folded_into_one_line(past):
    past(10)
    for profile in ("light", "heavy", "smoke"):
        past(2, profile=profile)
    lines = summary_lines(trends())
    assert lines[-1] == "3 series have too few runs for a trend."
    assert not any("Too few runs" in line for line in lines)
    page = render_trends(trends())
    before, folded = page.split("<details><summary>3 series have too few runs for a trend</summary>")
    for profile in ("light", "heavy", "smoke"):
        title = f"example on staging ({profile})"
        assert title in folded and title not in before
    assert "example on staging (medium)" in before


def test_metrics_with_too_few_runs_are_folded_below_those_with_a_trend(past):
    past(10)
    past(2, endpoints=("GET /new",), profile="medium", seed=4)
    page = render_trends(trends())
    table, folded = page.split("</table>", 1)
    assert "GET /new" in folded and "GET /new" not in table.split("<table")[1]
    assert re.search(r"<summary>\d+ metrics? with too few runs for a trend</summary>", folded)


def test_where_nothing_has_enough_runs_yet_it_is_open(past):
    past(2)
    assert "<details open><summary>1 series has too few runs for a trend</summary>" in render_trends(trends())


def test_no_run_at_all_is_said(installation):
    assert summary_lines(trends())[-1] == "No run in this time."
    with pytest.raises(ConfigurationError, match="no time between"):
        compute_trends(since=UNTIL, until=UNTIL - timedelta(days=1))


def test_the_pipeline_itself_is_judged(past):
    outcomes = {3: Outcome.INVALID, 7: Outcome.FAIL, 9: Outcome.WARN}
    past(20, change=lambda week: {"outcome": outcomes.get(week, Outcome.PASS)})
    past(1, profile="smoke", change=lambda week: {"trigger_kind": "manual", "status": "not_run", "outcome": None})
    false_alarm("medium-007", reason="noisy neighbor", by="ada")
    found = trends().availability
    assert (found.runs, found.expected, found.scheduled_seen, found.alarms, found.false_alarms) == (21, 20, 20, 2, 1)
    assert found.sentence == (
        "21 runs; 20 of 20 weekly runs came; 1 sent no load; 1 invalid; 2 alarms, 1 of them marked as false."
    )


def test_missing_weeks_are_counted(past):
    past(20, change=lambda week: {"trigger_kind": "manual"} if week in (5, 6) else {})
    found = trends().availability
    assert (found.expected, found.scheduled_seen) == (20, 18)


def test_targets_that_say_nothing_are_proposed_anew(past, installation):
    targets = installation / "include" / "scenarios" / "example" / "targets.yaml"
    past(26)
    limits = ((ENDPOINTS[0], 500), (ENDPOINTS[1], 45), (SLOW, 30))
    targets.write_text("endpoints:\n" + "".join(f'  "{name}": {{p95_ms: {limit}}}\n' for name, limit in limits))
    proposals = {(item.endpoint, item.kind): item for item in trends().series[0].proposals}
    assert set(proposals) == {(ENDPOINTS[0], "tighter"), (SLOW, "looser")}
    assert proposals[ENDPOINTS[0], "tighter"].proposed < 50
    assert "x20" in proposals[ENDPOINTS[0], "tighter"].reason


def test_a_degrading_endpoint_gets_no_proposal():
    target = Target(endpoint="GET /", metric="p95_ms", limit=100)
    values = {("GET /", "p95_ms"): [120.0 + number for number in range(10)]}
    assert propose_targets([target], values, {"GET /": Direction.DEGRADING}) == []
    loose = target.model_copy(update={"limit": 5000})
    assert propose_targets([loose], values, {"GET /": Direction.DEGRADING}) == []
    (proposal,) = propose_targets([target], values, {"GET /": Direction.STEADY})
    assert proposal.kind == "looser"
    assert proposal.proposed >= 129


@pytest.mark.parametrize(("value", "rounded"), [(183, 190), (190, 190), (0.0123, 0.013), (999, 1000), (5, 5)])
def test_proposals_are_round_numbers(value, rounded):
    assert round_up(value) == pytest.approx(rounded)


HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"


def test_the_report_is_complete_self_contained_and_harmless(past, installation):
    names = (HOSTILE, *ENDPOINTS)
    past(30, lambda week, endpoint: 1.5 if endpoint == HOSTILE and week >= 15 else 1.0, endpoints=names)
    report = trends()
    folder = write_trends(report)
    assert Path(str(folder)) == installation / "runs" / "_trends" / "2026-11"
    assert TrendsReport.read(folder / "trends.json") == report
    page = Path(str(folder / "trends.html")).read_text()
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "Content-Security-Policy" in page
    assert 'src="http' not in page
    assert ENDPOINTS[0] in page
    assert "Pipeline: 30 runs" in Path(str(folder / "trends.txt")).read_text()


def test_series_are_told_apart_and_can_be_chosen(past):
    past(10)
    past(10, profile="smoke")
    assert [series.profile for series in trends().series] == ["medium", "smoke"]
    assert [series.profile for series in trends(profile="smoke").series] == ["smoke"]


def test_a_capacity_has_a_series_of_its_own(installation) -> None:
    """310 users each week, then 240: named against the runs before. Its latencies are of another load each time: no trend."""
    with writing() as session:
        for week, users in enumerate([310, 305, 312, 240]):
            run = RunRow(
                run_id=f"search-{week}",
                scenario="example",
                environment="staging",
                profile="capacity",
                status=HistoryStatus.JUDGED,
                outcome=Outcome.PASS,
                digest="d1",
                host_class="h1",
                source=Source.RUN_FOLDER,
                started_at=UNTIL - timedelta(weeks=4 - week),
            )
            metrics = (
                MetricRow(endpoint="Total", metric="capacity_users", value=users, variance=0.03**2),
                MetricRow(endpoint="GET /a", metric="p95_ms", value=200),
            )
            upsert(session, RunEntry(run=run, metrics=metrics))
    report = compute_trends(until=UNTIL)
    (series,) = report.series
    assert [round(point.users) for point in series.capacity] == [310, 305, 312, 240]
    assert 225 < series.capacity[-1].low < 240 < series.capacity[-1].high < 256
    assert series.metrics == ()
    assert series.sentence == "The service holds 240 users (the last of 4 runs), -23 % against the 3 runs before it (310)."
    assert "Capacity over time" in render_trends(report)
