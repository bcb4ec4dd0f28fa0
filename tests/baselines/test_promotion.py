"""Accepting, extending, going back; what is refused; what refreshes the variances."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.baselines.candidates import add_run, leave_out, read_candidate
from loadtest.baselines.changes import diff
from loadtest.baselines.models import MOST_REFRESH, Candidate
from loadtest.baselines.promotion import find_version, promote, refresh, rollback, weaknesses
from loadtest.baselines.store import read_baselines
from loadtest.errors import ConfigurationError
from loadtest.gate.decide import check
from loadtest.gate.verdict import conclude
from loadtest.history.acknowledgements import accept
from loadtest.history.record import record_run
from loadtest.planning.models import TriggerKind
from tests.baselines.summaries import TARGETS, WHERE, judged_run, summary
from tests.gate.run_facts import make_plan


def candidate(*numbers: int, **changes: object) -> Candidate:
    runs = tuple(summary(number, **changes) for number in numbers)
    return Candidate(scenario=WHERE[0], environment=WHERE[1], profile=WHERE[2], runs=runs)


def test_versions_are_only_added() -> None:
    first = promote(candidate(1, 2, 3), by="ada", reason="start")
    second = promote(candidate(4, 5, 6), by="grace", reason="new machine")
    file = read_baselines(*WHERE)
    assert [version.version for version in file.versions] == [1, 2]
    assert file.anchor == second
    assert find_version(file, 1) == first


def test_extending_keeps_the_anchor_runs_in_time_order() -> None:
    promote(candidate(3, 1), by="ada", reason="start")
    extended = promote(candidate(2), by="ada", reason="wider", extend=True)
    assert [run.run_id for run in extended.runs] == ["run-1", "run-2", "run-3"]


def test_different_plans_are_never_mixed() -> None:
    promote(candidate(1, 2, 3), by="ada", reason="start")
    with pytest.raises(ConfigurationError, match="cannot be one baseline"):
        promote(candidate(4, digest="d2"), by="ada", reason="wider", extend=True)
    assert promote(candidate(4, digest="d2"), by="ada", reason="new plan").version == 2


@pytest.mark.parametrize(
    ("by", "reason", "words"), [("", "good", "--by NAME"), ("  ", "good", "--by"), ("ada", " x", "--reason")]
)
def test_nobody_accepts_without_a_name_and_a_reason(by: str, reason: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        promote(candidate(1, 2, 3), by=by, reason=reason)
    assert read_baselines(*WHERE).anchor is None


def test_an_empty_candidate_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="loadtest baseline collect"):
        promote(candidate(), by="ada", reason="start")


def test_rollback_is_a_new_version_with_a_reason() -> None:
    promote(candidate(1, 2, 3), by="ada", reason="start")
    promote(candidate(4, 5, 6), by="ada", reason="mistake")
    back = rollback(*WHERE, 1, by="grace", reason="version 2 was measured on a busy host")
    assert (back.version, back.provenance.from_version) == (3, 1)
    assert [run.run_id for run in back.runs] == ["run-1", "run-2", "run-3"]
    with pytest.raises(ConfigurationError, match="anchor already"):
        rollback(*WHERE, 3, by="grace", reason="again")
    with pytest.raises(ConfigurationError, match="versions: 1, 2, 3"):
        rollback(*WHERE, 9, by="grace", reason="again")


def test_weaknesses_are_said() -> None:
    weak = promote(candidate(1, commit="c1"), by="ada", reason="start")
    assert len(weaknesses(weak)) == 3
    assert weaknesses(promote(candidate(*range(8)), by="ada", reason="start")) == []


def test_diff_names_runs_and_relative_changes() -> None:
    before = promote(candidate(1, 2, 3, level=3.0), by="ada", reason="start")
    after = promote(candidate(3, 4, 5, level=3.1), by="ada", reason="slower on purpose")
    change = diff(before, after)
    assert (change.added, change.removed, change.comparable) == (("run-4", "run-5"), ("run-1", "run-2"), True)
    assert all(row.typical_change == pytest.approx(0.105, abs=0.04) for row in change.endpoints)


# runs that become members


def test_a_passing_run_becomes_a_member(tmp_path: Path) -> None:
    add_run(judged_run(tmp_path, 1))
    collected = add_run(judged_run(tmp_path, 2))
    assert [run.run_id for run in collected.runs] == ["run-1", "run-2"]
    assert collected.objections == {}
    assert promote(collected, by="ada", reason="start").version == 1
    assert read_candidate(*WHERE).runs == ()


def test_an_accepted_regression_is_objected_to_wherever_a_reference_is_made(tmp_path: Path) -> None:
    folder = judged_run(tmp_path, 2, p50_ms=400)
    record_run(folder)
    accept(folder.run_id, reason="slower on purpose", by="ada")
    for _ in range(2):  # a second time, as the DAG's retry does
        collected = add_run(folder)
    assert collected.objections["run-2"].startswith("fail: ")
    for extend in (False, True):
        with pytest.raises(ConfigurationError, match=r"should not become a reference \(run-2: fail"):
            promote(collected, by="ada", reason="wider", extend=extend)
    assert not refresh(folder)


def test_a_run_added_during_the_promotion_waits_for_the_next_version(tmp_path: Path) -> None:
    collected = add_run(judged_run(tmp_path, 1))
    add_run(judged_run(tmp_path, 2, p50_ms=400))
    promote(collected, by="ada", reason="start")
    left = read_candidate(*WHERE)
    assert [run.run_id for run in left.runs] == ["run-2"]
    assert set(left.objections) == {"run-2"}


def test_adding_twice_changes_nothing(tmp_path: Path) -> None:
    folder = judged_run(tmp_path, 1)
    assert add_run(folder) == add_run(folder)


def test_a_failed_run_is_refused_unless_forced_with_a_reason(tmp_path: Path) -> None:
    add_run(judged_run(tmp_path, 1))
    collected = add_run(judged_run(tmp_path, 2, p50_ms=400))
    with pytest.raises(ConfigurationError, match=r"1 of 2 runs should not become a reference \(run-2: fail: GET /a p95"):
        promote(collected, by="ada", reason="start")
    forced = promote(collected, by="ada", reason="the target is wrong, ticket 12", force=True)
    assert forced.provenance.forced
    assert forced.provenance.overruled[0].startswith("run-2: fail")


def test_an_invalid_run_is_refused_too(tmp_path: Path) -> None:
    collected = add_run(judged_run(tmp_path, 1, lost=True))
    with pytest.raises(ConfigurationError, match="invalid: worker local/1 was lost"):
        promote(collected, by="ada", reason="start")


def test_a_run_slowed_down_on_purpose_is_no_reference(tmp_path: Path) -> None:
    plan = make_plan(targets=TARGETS).model_copy(update={"slowdown": "GET /a=+1ms"})
    collected = add_run(judged_run(tmp_path, 1, plan=plan))
    assert collected.objections == {"run-1": "it was slowed down on purpose (GET /a=+1ms)"}


def test_a_run_can_be_left_out(tmp_path: Path) -> None:
    add_run(judged_run(tmp_path, 1))
    add_run(judged_run(tmp_path, 2, p50_ms=400))
    collected = leave_out(*WHERE, "run-2", "slow host")
    assert promote(collected, by="ada", reason="start").provenance.forced is False
    with pytest.raises(ConfigurationError, match="not in the candidate"):
        leave_out(*WHERE, "run-2", "slow host")


def test_runs_of_another_plan_do_not_join(tmp_path: Path) -> None:
    add_run(judged_run(tmp_path, 1))
    with pytest.raises(ConfigurationError, match="--fresh"):
        add_run(judged_run(tmp_path, 2, users=99))


# refreshing the variances


def passing_baseline(tmp_path: Path) -> None:
    for number in range(1, 6):
        collected = add_run(judged_run(tmp_path, number))
    promote(collected, by="ada", reason="start")


def test_a_passing_run_refreshes_without_moving_the_anchor(tmp_path: Path) -> None:
    passing_baseline(tmp_path)
    anchor = read_baselines(*WHERE).anchor
    folder = judged_run(tmp_path, 30)
    assert refresh(folder)
    assert not refresh(folder)
    file = read_baselines(*WHERE)
    assert file.anchor == anchor
    assert [run.run_id for run in file.refresh] == ["run-30"]


def test_only_the_newest_refreshing_runs_are_kept_and_a_new_anchor_forgets_them(tmp_path: Path) -> None:
    passing_baseline(tmp_path)
    for number in range(30, 30 + MOST_REFRESH + 2):
        assert refresh(judged_run(tmp_path, number))
    file = read_baselines(*WHERE)
    assert len(file.refresh) == MOST_REFRESH
    assert file.refresh[0].run_id == "run-32"
    promote(candidate(1, 2, 3), by="ada", reason="new start")
    assert read_baselines(*WHERE).refresh == ()


def test_failed_slowed_and_strange_runs_refresh_nothing(tmp_path: Path) -> None:
    passing_baseline(tmp_path)
    assert not refresh(judged_run(tmp_path, 30, p50_ms=400))
    assert not refresh(judged_run(tmp_path, 31, users=99))
    for kind in (TriggerKind.MANUAL, TriggerKind.PUSH, TriggerKind.CONFIRMATION):
        assert not refresh(judged_run(tmp_path / kind, 33, kind=kind))
    slowed = make_plan(targets=TARGETS).model_copy(update={"slowdown": "GET /a=+1ms"})
    assert not refresh(judged_run(tmp_path, 32, plan=slowed))
    assert read_baselines(*WHERE).refresh == ()


def test_a_member_is_judged_against_its_baseline_afterwards(tmp_path: Path) -> None:
    passing_baseline(tmp_path)
    folder = judged_run(tmp_path, 30)
    report = check(folder)
    assert report.comparison.compared
    assert report.comparison.baseline_version == 1
    assert conclude(folder).coverage is not None
