"""Whatever text comes from outside, every database takes it, and different names stay different."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loadtest.history.text import ENDPOINT_LENGTH, NAME_LENGTH, aware, clean, clean_name, endpoint_key, small_int

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=700)


@given(ANY_TEXT)
def test_cleaned_text_can_be_stored_anywhere_and_stays_as_it_is(text):
    cleaned = clean(text)
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")
    assert 1 <= len(clean_name(text)) <= NAME_LENGTH


@given(ANY_TEXT)
def test_endpoint_names_fit_into_an_index_and_are_stable(name):
    key = endpoint_key(name)
    assert len(key) <= ENDPOINT_LENGTH
    assert len(key.encode()) <= 4 * ENDPOINT_LENGTH
    assert endpoint_key(key) == key


@given(st.text(min_size=501, max_size=600), st.text(min_size=501, max_size=600))
def test_long_names_that_differ_stay_different(one, other):
    assert (endpoint_key(one) == endpoint_key(other)) == (clean(one) == clean(other))


@given(st.integers() | st.none())
def test_numbers_that_do_not_fit_are_left_out(value):
    kept = small_int(value)
    assert kept is None or 0 <= kept < 2**31


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.none() | st.timezones()))
def test_times_become_utc(moment):
    assert aware(moment).tzinfo is UTC
    assert aware(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)
