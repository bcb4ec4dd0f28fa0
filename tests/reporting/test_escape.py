"""Nothing from outside is markup, code, a mention or a terminal command, whatever it says."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loadtest.reporting.escape import (
    cap,
    markdown,
    markdown_code,
    plain,
    plain_block,
    shorten,
    shorten_endpoint,
    shorten_endpoints,
)
from tests.support.run_folders import HOSTILE_TEXTS

NASTY = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ["`", "|", "*", "_", "[", "]", "(", ")", "<", ">", "&", "#", "-", "1.", "\\", "~", "!", "@", " ", "\n", "a", "://"]
        )
    ).map("".join),
    st.sampled_from(HOSTILE_TEXTS),
)
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def visible(text: str) -> bool:
    return not any(
        unicodedata.category(character) in ("Cc", "Cs")
        or 0x202A <= ord(character) <= 0x202E
        or 0x2066 <= ord(character) <= 0x2069
        for character in text
    )


@given(NASTY)
def test_plain_text_is_one_visible_line(text):
    shown = plain(text)
    assert visible(shown)
    assert "\n" not in shown
    assert shown == shown.strip()
    assert plain(shown) == shown


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_texts_keep_no_terminal_codes(text):
    assert visible(plain(text))
    assert "\x1b" not in plain_block(text)


def test_terminal_codes_vanish_and_words_stay():
    assert plain("\x1b[1;31mred\x1b[0m \x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\") == "red link"
    assert plain("\x9b31mred") == "red"
    assert plain("abc\u202edef\u2069") == "abcdef"


def test_a_megabyte_becomes_a_line_that_says_how_much_is_missing():
    shown = plain("x" * 1_000_000, 100)
    assert shown.startswith("x" * 100)
    assert "999,900 more characters" in shown
    assert len(shown) < 140


def test_a_megabyte_of_terminal_codes_is_short():
    assert len(plain("\x1b[31m" * 200_000, 100)) < 200


def test_stacked_accents_are_thinned():
    assert plain("e" + "\u0301" * 5_000).count("\u0301") == 3


def test_lines_survive_in_blocks():
    assert plain_block("a\r\nb\tc\x00") == "a\nb    c"


def test_short_names_are_left_alone_and_long_ones_keep_both_ends():
    assert shorten("GET /a", 10) == "GET /a"
    short = shorten("GET /api/v1/students/{id}/enrollments", 20)
    assert len(short) == 20
    assert short.startswith("GET /api")
    assert short.endswith("ments")


def test_an_endpoint_that_does_not_fit_keeps_its_method_and_its_last_segments():
    name = "GET /api/v1/students/{id}/enrollments"
    assert shorten_endpoint(name, 40) == name
    assert shorten_endpoint(name, 30) == "GET …/{id}/enrollments"
    assert shorten_endpoint(name, 14) == "GET …rollments"
    assert shorten_endpoint("no path in this name at all", 10) == shorten("no path in this name at all", 10)


@given(NASTY, st.integers(min_value=12, max_value=80))
def test_shortened_names_fit(text, limit):
    assert len(shorten_endpoint(text, limit)) <= limit


def test_cap_counts_what_it_leaves_out():
    assert cap("abcdef", 4) == "abcd… (2 more characters)"
    assert cap("abcd", 4) == "abcd"


@given(NASTY)
def test_markdown_text_is_only_text(text):
    tokens = PARSER.parse(f"- **Fail**: {markdown(text)}")
    assert [token.type for token in tokens if token.level == 0] == ["bullet_list_open", "bullet_list_close"]
    inline = [token for token in tokens if token.type == "inline"]
    assert len(inline) == 1
    kinds = {child.type for child in inline[0].children}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    shown = "".join(child.content for child in inline[0].children).replace("\u200b", "")
    assert shown == f"Fail: {plain(text)}".rstrip()


@given(NASTY)
def test_markdown_text_does_not_become_a_block_at_the_start_of_a_line(text):
    tokens = PARSER.parse(f"x\n\n{markdown(text)}\n\ny")
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}


@given(NASTY)
def test_code_in_a_table_cell_stays_in_its_cell(text):
    tokens = PARSER.parse(f"| a | b |\n| --- | --- |\n| {markdown_code(text)} | end |")
    cells = [after for token, after in pairwise(tokens) if token.type == "td_open"]
    assert [cell.content for cell in cells[1:]] == ["end"]
    content = [child for child in cells[0].children if child.type != "text" or child.content]
    assert [child.type for child in content] == ["code_inline"]


@pytest.mark.parametrize("text", ["@everyone", "see #12", "http://evil.example", "www.evil.example"])
def test_references_that_github_would_follow_are_broken(text):
    assert text not in markdown(text)
    assert markdown(text).replace("\u200b", "").replace("\\", "") == text


def test_names_of_one_table_differ_where_they_differ() -> None:
    names = [f"GET /api/v1/organizations/{{id}}/{kind}/summary/of/everything" for kind in ("students", "teachers")]
    assert shorten_endpoints(names, 36) == [
        "GET …/students/summary/of/everything",
        "GET …/teachers/summary/of/everything",
    ]
    assert shorten_endpoints(names, 24) == ["GET …/students/summary/…", "GET …/teachers/summary/…"]
    assert shorten_endpoints(["GET /a", "GET /b"], 20) == ["GET /a", "GET /b"]
