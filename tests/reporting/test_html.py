"""The page as text: what it allows, what it asks for. How it looks and behaves is tested in tests/browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.reporting.html import json_block, render_page, render_report
from loadtest.reporting.run_charts import run_charts
from loadtest.reporting.view import build_view
from tests.support.reading import repeated_sentences, visible_text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Page(HTMLParser):
    """Collects what could run or be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.policy = ""
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data", "poster", "srcset")]
        self.handlers += [name for name in values if name.startswith("on")]
        self.ids += [values["id"]] if "id" in values else []
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        self._in_script = tag == "script" and values.get("type") != "application/json"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data):
        if self._in_script:
            self.scripts[-1] += data


@given(JSON_VALUES)
def test_json_blocks_read_back_and_cannot_end_their_element(value):
    text = str(json_block(value))
    assert "<" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize("hostile", [False, True])
def test_only_our_scripts_may_run_and_nothing_is_fetched(run_of, hostile):
    files = run_of(hostile=hostile, airflow_url="https://airflow.example/run")
    page = Page(render_report(build_view(files), files))
    assert "default-src 'none'" in page.policy
    assert "unsafe-eval" not in page.policy
    assert not re.search(r"script-src[^;]*unsafe-inline", page.policy)
    assert len(page.scripts) == 2
    for script in page.scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert page.handlers == []
    assert {address for address in page.addresses if not address.startswith("#")} == {"https://airflow.example/run"}


@pytest.mark.parametrize("outcome", ["pass", "warn", "fail", "inconclusive", "invalid", None])
def test_no_sentence_stands_twice_on_a_page(run_of, outcome):
    files = run_of(outcome=outcome)
    text = render_report(build_view(files), files)
    assert repeated_sentences(text) == []
    shown = visible_text(text)
    for finding in files.findings:
        assert shown.count(finding.sentence.rstrip(".")) <= 1


def test_the_first_screen_has_verdict_rows_chart_and_steps_in_this_order(run_of):
    files = run_of(outcome="fail")
    text = visible_text(render_report(build_view(files), files))
    places = [
        text.index(words)
        for words in (
            "example on staging, medium 50 users, 3m10s, 2026-11-23 02:00 UTC, commit 6a1d209c4e",
            "GET /api/v1/students/{id} became 31 % slower (p95 24.1 → 31.6 ms)",
            "24.1 ms p95 31.6 ms p95 +31 % +14 to +50 %",
            "Change against the baseline",
            "What to do",
            "Findings",
        )
    ]
    assert places == sorted(places)
    assert text.count("Change against the baseline") == 1  # not among the other charts once more


def test_bars_share_one_scale_and_begin_left_of_their_ends(view_of):
    first = view_of(outcome="fail").slower[0].bar
    assert 0 < first.zero < first.low < first.point < first.high < 100


def test_ids_are_unique_and_every_link_in_the_page_has_its_place(run_of):
    files = run_of()
    page = Page(render_report(build_view(files), files))
    assert len(set(page.ids)) == len(page.ids)
    assert {address[1:] for address in page.addresses} <= set(page.ids)


def test_a_change_column_only_where_something_was_compared(run_of):
    for runs, label in ((8, 9), (0, 0)):
        files = run_of(baseline_runs=runs, outcome="pass")
        assert render_report(build_view(files), files).count('data-label="Change"') == label + (runs > 0)


def test_the_same_files_give_the_same_page(run_of):
    files = run_of()
    assert render_report(build_view(files), files) == render_report(build_view(files), files)


def test_a_page_without_charts_carries_no_vega(view_of, run_of):
    files = run_of(refused="No.", run_id="r1")
    empty = type(files)(run_id="r1", folder="r1", verdict=files.verdict)
    assert len(render_report(build_view(empty), empty)) < 60_000


def test_a_very_large_run_stays_below_five_megabytes(run_of):
    files = run_of(endpoints=500, failures=100_000, failure_causes=2_000, hostile=True)
    assert len(render_report(build_view(files), files).encode()) < 5_000_000


def test_other_pages_bring_their_own_templates(tmp_path, run_of):
    (tmp_path / "mine.html.j2").write_text(
        '{% extends "base.html.j2" %}{% import "parts.html.j2" as parts with context %}'
        '{% block body %}<h1>{{ heading }}</h1>{{ parts.chart(chart_of("trend"), json_block) }}{% endblock %}'
    )
    charts = [chart for chart in run_charts(run_of()) if chart.name == "trend"]
    text = render_page("Trends", "mine.html.j2", {"heading": "<Trends>"}, charts, templates=tmp_path)
    assert "<h1>&lt;Trends&gt;</h1>" in text
    assert text.count('<figure class="chart"') == 1
