import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.planning.quantities import format_duration, parse_duration_s, parse_ms, parse_share, slugify


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("500ms", 0.5), ("90", 90), (7, 7), ("1.5h", 5400)]
)
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["abc", "", "5 parsecs", "-3s", True, "5m!", None])
def test_nonsense_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="number with a unit"):
        parse_duration_s(text)


@given(st.integers(min_value=0, max_value=10**6))
def test_formatted_durations_read_back(seconds: int) -> None:
    assert parse_duration_s(format_duration(seconds)) == seconds


def test_shares() -> None:
    assert parse_share("20 %") == parse_share("20%") == parse_share(0.2) == 0.2


@pytest.mark.parametrize("text", ["abc%", "%", "-5%", "5%%", True])
def test_nonsense_is_no_share(text: object) -> None:
    with pytest.raises(ValueError, match="percentage such as 20%"):
        parse_share(text)


def test_milliseconds() -> None:
    assert parse_ms("5s") == parse_ms("5000 ms") == parse_ms("5000") == parse_ms(5000) == 5000
    with pytest.raises(ValueError, match="number with a unit"):
        parse_ms("5 %")


@given(st.text())
def test_slugs_are_safe(text: str) -> None:
    slug = slugify(text)
    assert slug.strip("-") == slug
    assert all(character in "abcdefghijklmnopqrstuvwxyz0123456789-" for character in slug)
    assert 0 < len(slug) <= 100
