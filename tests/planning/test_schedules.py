"""Schedules: read from their files, refused in one sentence, due when their cron expression says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.planning.load_generators import load_generator_of, named_load_generators
from loadtest.planning.schedules import (
    BrokenSchedule,
    Schedule,
    all_schedules,
    load_schedule,
    run_id_of,
    schedule_of,
)
from loadtest.settings import PROJECT_ROOT, Settings
from tests.support.small_include import build_include, build_schedules, write

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
GOOD = {"scenario": "toy", "environment": "healthy", "profile": "smoke", "cron": "0 2 * * MON"}


@pytest.fixture
def places(tmp_path: Path) -> Settings:
    build_include(tmp_path)
    (tmp_path / "include/schedules").mkdir()
    return Settings(tmp_path, tmp_path / "include", UPath(tmp_path / "runs"), tmp_path, "sqlite://")


def put(places: Settings, **values: object) -> None:
    write(places.schedules / "shop.yaml", GOOD | values)


def test_our_own_weekly_run_is_the_first_schedule() -> None:
    places = Settings(PROJECT_ROOT, PROJECT_ROOT / "include", UPath("runs"), PROJECT_ROOT, "sqlite://")
    schedule = load_schedule(places, "student_api")
    assert (schedule.dag_id, schedule.cron, schedule.timezone) == ("load_test__student_api", "0 2 * * MON", "UTC")
    assert schedule.series == ("student_api", "staging", "light")


def test_all_of_a_schedule(places: Settings) -> None:
    put(
        places,
        timezone="Europe/Berlin",
        overrides={"users": 3, "duration": "90s", "arguments": {"shop": 7}, "tags": ["read"]},
        blocking=True,
        owners={"checkout": "https://chat.example/checkout", "ada": None},
        slack_channel="#checkout",
        github={"repository": "shop/checkout", "assignees": ["ada"]},
        load_generator="big",
    )
    schedule = load_schedule(places, "shop")
    request = schedule.request()
    assert (request.users, request.duration_s, request.blocking) == (3, 90, True)
    assert (request.arguments, request.tags) == ({"shop": "7"}, ("read",))
    assert named_load_generators(places) == ["big"]
    assert load_generator_of(places, None, "shop") == "big"
    assert schedule_of("load_test__shop", places) == schedule and schedule_of("load_test", places) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cron": "every monday"}, "cron: a cron expression has five fields"),
        ({"cron": "0 0 30 2 *"}, "no day is like that"),
        ({"cron": "0 0 2 * * MON"}, "five fields"),
        ({"timezone": "Mars/Base"}, "timezone: there is no such time zone"),
        ({"timezone": "../etc"}, "there is no such time zone"),
        ({"scenario": "tpy"}, "there is no scenario 'tpy'; known are: nobody, toy"),
        ({"profile": "huge"}, "there is no profile 'huge'"),
        ({"environment": "moon"}, "there is no environment 'moon'"),
        ({"owners": {"ada": "javascript:alert(1)"}}, "the link of ada must begin with https:// or mailto:"),
        ({"owners": ["a,b"]}, "no comma"),
        ({"github": {"repository": "shop"}}, "github.repository"),
        ({"overrides": {"duration": "soon"}}, "overrides.duration"),
        ({"overrides": {"users": 0}}, "overrides.users"),
        ({"name": "other"}, "a schedule is named like its file"),
        ({"crom": "x"}, "crom: unknown key"),
    ],
)
def test_a_bad_schedule_is_refused_in_one_sentence(places: Settings, values: dict, words: str) -> None:
    put(places, **values)
    with pytest.raises(ConfigurationError) as refused:
        load_schedule(places, "shop")
    assert words in str(refused.value) and "shop.yaml" in str(refused.value)


def test_a_broken_file_takes_no_other_with_it(places: Settings) -> None:
    build_schedules(places.include, a="0 1 * * *", c="0 3 * * *")
    (places.schedules / "b.yaml").write_text("cron: [")
    found = list(all_schedules(places))
    assert [type(one) for one in found] == [Schedule, BrokenSchedule, Schedule]
    assert "b.yaml, line" in found[1].reason


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["0 2 * * MON", "*/7 * * * *", "30 2 1 * *", "15 3 * * *", "0 0 29 2 *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)
def test_due_times_stand_around_now(now: datetime, cron: str, timezone: str) -> None:
    schedule = Schedule(name="x", **GOOD | {"cron": cron}, timezone=timezone)
    last, following = schedule.last_due(now), schedule.next_due(now)
    assert last <= now + timedelta(seconds=1) and now < following
    assert schedule.last_due(last) == last


def test_a_time_zone_is_respected_in_summer_and_winter() -> None:
    schedule = Schedule(name="x", **GOOD, timezone="Europe/Berlin")
    assert schedule.last_due(MONDAY) == MONDAY - timedelta(hours=1)
    july = datetime(2026, 7, 6, 12, tzinfo=UTC)
    assert schedule.last_due(july) == july.replace(hour=0)


def test_runs_of_two_dags_have_different_ids() -> None:
    same = "scheduled__2026-11-23T02:00:00+00:00"
    assert len({run_id_of(dag_id, same) for dag_id in ("load_test", "load_test__a", "load_test__b")}) == 3
