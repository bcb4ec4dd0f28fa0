"""summary.md on a real Markdown parser: complete, and harmless whatever the endpoints are called."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from loadtest.reporting.markdown import MOST_ENDPOINTS, render_summary
from loadtest.vocabulary import Outcome
from tests.support.reading import repeated

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def flat(text):
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def test_verdict_steps_findings_and_endpoints_are_there(view_of):
    text = render_summary(view_of(outcome="fail"))
    assert text.startswith("## ✗ Fail: example on staging, medium\n")
    assert "### What to do" in text
    assert "| `GET /api/v1/students/{id}` | ✗ Fail | 5,400 |" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("outcome", ["pass", "warn", "fail", "inconclusive", "invalid", None])
def test_every_outcome_is_in_the_heading(view_of, outcome):
    view = view_of(outcome=outcome)
    assert view.outcome_label in render_summary(view).splitlines()[0]


def test_hostile_texts_are_neither_markup_nor_links(view_of):
    text = render_summary(view_of(hostile=True, failures=2_000, failure_causes=5))
    html = [token.content.strip() for token in flat(text) if token.type in ("html_block", "html_inline")]
    assert html == ["<details><summary>How to reproduce</summary>", "</details>"]
    assert not [token for token in flat(text) if token.type in ("link_open", "image")]
    assert "@everyone" not in "".join(token.content for token in flat(text) if token.type == "text")
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("outcome", ["pass", "warn", "fail", "inconclusive", "invalid", None])
def test_no_sentence_stands_twice(view_of, outcome):
    text = render_summary(view_of(outcome=outcome))
    assert repeated(re.split(r"(?<=[.!?])\s+|\n|\*\*", text)) == []


def test_every_table_row_has_all_its_cells(view_of):
    tokens = PARSER.parse(render_summary(view_of(hostile=True)))
    cells = 0
    counts = set()
    for token in tokens:
        if token.type == "tr_open":
            cells = 0
        elif token.type in ("td_open", "th_open"):
            cells += 1
        elif token.type == "tr_close":
            counts.add(cells)
    assert counts == {7, 10, 3}  # what became slower, endpoints, failures


def test_without_a_comparison_there_is_no_empty_column(view_of):
    assert "| Errors | Change | Target |" in render_summary(view_of())
    assert "| Errors | Target |" in render_summary(view_of(baseline_runs=0, outcome="pass"))


def test_very_many_endpoints_are_cut_worst_kept(view_of):
    text = render_summary(view_of(endpoints=500, outcome="fail"))
    assert len(text) < 60_000
    assert "`GET /api/v1/students/{id}` | ✗ Fail" in text
    assert f"{500 - MOST_ENDPOINTS} more in metrics.json." in text


def test_a_run_without_files_has_a_summary(view_of):
    text = render_summary(view_of(without=("plan", "load", "metrics", "analysis", "regression_report", "verdict")))
    assert "No verdict" in text


def test_what_is_undecided_is_one_line_that_opens(view_of):
    view = view_of(outcome="fail")
    undecided = tuple(
        replace(view.findings[0], sentence=f"GET /{n}: too few requests", outcome=Outcome.INCONCLUSIVE) for n in range(36)
    )
    text = render_summary(replace(view, undecided=undecided))
    assert "<details><summary>36 undecided: too little evidence either way</summary>\n\n- ? **Inconclusive**" in text
    before, after = text.split("<details><summary>36 undecided")
    assert "too few requests" not in before
    assert "16 more in verdict.json." in after


def test_large_answers_have_their_megabytes_a_second(view_of):
    view = view_of()
    assert "MB/s" not in render_summary(view)
    large = replace(view, total=replace(view.total, mb_per_s=12.3))
    lines = render_summary(large).splitlines()
    heading = next(line for line in lines if line.startswith("| Endpoint | Outcome | Requests | Per second | MB/s |"))
    total = next(line for line in lines if line.startswith("| **"))
    assert "| 12.3 |" in total
    assert total.count("|") == heading.count("|")
