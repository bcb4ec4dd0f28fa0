"""Profiles: nothing that stands in a file is silently ignored."""

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.planning.config import load_profile
from loadtest.planning.profiles import Profile
from loadtest.settings import Settings, settings

STAGES = "stages: [{duration: 1m, users: 10}, {duration: 30s, users: 10}]\n"


def profile_of(config: Settings, include: Path, text: str) -> Profile:
    (include / "profiles/smoke.yaml").write_text("purpose: x\n" + text)
    return load_profile(config, "smoke")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("users: 4\narrivals_per_s: 10\nduration: 30s\n", "remove arrivals_per_s, or remove users and add load_model: open"),
        ("arrivals_per_s: 10\nduration: 30s\n", "add load_model: open"),
        ("load_model: open\nusers: 4\narrivals_per_s: 10\nduration: 30s\n", "remove users."),
        ("load_model: open\nduration: 30s\n", "needs arrivals_per_s or stages"),
        ("users: 4\n", "needs a duration"),
        ("users: 4\n" + STAGES, "remove users beside the stages"),
        ("duration: 5m\n" + STAGES, "the duration is 5m, but the stages last 1m30s together; remove the duration"),
        ("users: 4\nduration: 30s\nworkers: many\n", "workers: this must be a number from 1 to 256, or auto (got 'many')"),
        ("users: 4\nduration: 30s\nusers: 6\n", "line 4, column 1 is not valid YAML: the key 'users' is there already in line 2"),
        ("stages: [{duration: 1m, users: 1, users: 2}]\n", "the key 'users' is there already in line 2"),
        ("users: 4\nduration: 30s\nabort_when: [{metric: p95_ms, above: 1}]\n", "abort_when, item 1, for: field required"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_remove(config: Settings, include: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        profile_of(config, include, text)
    message = str(refused.value)
    assert "smoke.yaml" in message
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("duration", ["", "duration: 90s\n", "duration: 1m30s\n"])
def test_stages_say_how_long_the_load_lasts(config: Settings, include: Path, duration: str) -> None:
    profile = profile_of(config, include, duration + STAGES)
    assert profile.duration_s == profile.planned_duration_s == 90


def test_merged_keys_may_be_overridden(config: Settings, include: Path) -> None:
    stages = "stages: [&hold {duration: 1m, users: 10, ramp: false}, {<<: *hold, users: 20}]\n"
    profile = profile_of(config, include, stages)
    assert [stage.users for stage in profile.stages] == [10, 20]


def test_the_built_in_profiles_have_the_load_and_evidence_that_the_docs_promise() -> None:
    exact = {
        "smoke": (5, 5, 30),
        "light": (10, 2, 300),
        "medium": (50, 5, 600),
        "heavy": (100, 10, 900),
        "stress": (200, 20, 600),
    }
    for name, figures in exact.items():
        profile = load_profile(settings(), name)
        assert (profile.users, profile.spawn_rate, profile.duration_s) == figures
        assert profile.evidence == ("indicative" if name == "smoke" else "conclusive")
    assert load_profile(settings(), "open_100").arrivals_per_s == 100


SEARCH = "users: 100\nduration: 20m\nsearch: {start: 4}\n"


def test_a_search_has_levels_from_its_start_to_the_most_users(config: Settings, include: Path) -> None:
    profile = profile_of(config, include, SEARCH)
    assert profile.search is not None
    levels = profile.search.levels(profile.users)
    assert (levels[0], levels[-1]) == (4, 100)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("users: 2\nduration: 20m\nsearch: {start: 4}\n", "starts with 4 users (search.start), more than the 2 that it may use"),
        ("users: 100\nduration: 2m\nsearch: {step: 20s}\n", "a search needs at least 3m (6 steps of 20s, and 1m at the load"),
        ("users: 100\nduration: 20m\nsearch: {step: 20s, settle: 15s}\n", "search.settle must be at most half of search.step"),
        (SEARCH + "remote_workers: 2\n", "remove load_model, stages, shape and remote_workers"),
        ("load_model: open\narrivals_per_s: 9\nduration: 20m\nsearch: {}\n", "remove load_model, stages, shape and remote_wor"),
        ("users: 100\nduration: 20m\nsearch: {stop: 4}\n", "search.stop: unknown key (got 4)"),
    ],
)
def test_a_search_that_cannot_be_done_is_refused(config: Settings, include: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        profile_of(config, include, text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
