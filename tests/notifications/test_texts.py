"""Whatever the words, messages stay within the limits, ping nobody and carry no markup of others."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loadtest.gate.records.findings import Recommendation
from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.github import texts as github_texts
from loadtest.notifications.github.texts import Telling
from loadtest.notifications.policy.decisions import decide
from loadtest.notifications.policy.models import Links, NotificationConfig
from loadtest.notifications.policy.retrying import retry_after_s
from loadtest.notifications.slack import messages
from loadtest.notifications.slack.text import literal, mrkdwn
from loadtest.reporting.escape import web_url
from tests.notifications.slack.slack_stub import check_message
from tests.notifications.test_policy import EMPTY, NOW
from tests.support.run_folders import HOSTILE_TEXTS, build_run_folder

MARKDOWN = MarkdownIt("commonmark").enable("table")
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
ALLOWED_TAGS = {"p", "strong", "code", "a", "sub", "h3", "ul", "li", "hr", "br"} | TABLE

hostile = st.sampled_from([text.encode("utf-8", "replace").decode() for text in HOSTILE_TEXTS])
pieces = st.sampled_from(
    ["<!channel>", "<@U1>", "@here", "&amp;", "<", ">", "*", "`", "|", "\n", "](", "@everyone", "\u202e", "\x1b[0m", "<!--"]
)
words = st.one_of(
    st.text(max_size=60), hostile, st.lists(pieces, max_size=30).map("".join), st.text(max_size=30).map(lambda one: one * 200)
)


def with_words(verdict: Verdict, texts: list[str]) -> Verdict:
    findings = tuple(
        finding.model_copy(update={"sentence": texts[number % len(texts)], "endpoint": texts[(number + 1) % len(texts)] or None})
        for number, finding in enumerate(verdict.findings)
    )
    advice = Recommendation(title=texts[0], evidence=texts[-1], next_step=texts[0], command=texts[-1])
    return verdict.model_copy(
        update={"findings": findings, "sentence": texts[0], "branch": texts[-1], "recommendations": (advice,)}
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(words, min_size=1, max_size=4))
def test_any_words_make_messages_that_slack_and_github_take(tmp_path: Path, texts: list[str]) -> None:
    folder = tmp_path / "runs/example/staging/medium/manual-20261123t020000z-0a1b2c"
    if not folder.exists():
        build_run_folder(tmp_path / "runs", outcome="fail")
    verdict = with_words(Verdict.read(folder / "verdict.json"), texts)
    links = Links(report=texts[0], airflow="https://airflow.example/x")
    for action in decide(EMPTY, verdict, NotificationConfig(), [], NOW).actions:
        if action.incident is None:
            continue
        note = texts[-1]
        told = (
            messages.alert(verdict, action.incident, links, slowdown=texts[0]),
            messages.follow_up(verdict, action.incident, links, note),
            messages.recovered(verdict, action.incident, links, note),
            messages.closed_alert(verdict, action.incident, links, note),
        )
        for message in told:
            assert check_message({"text": message.text, "blocks": message.blocks}) == []
        telling = Telling(verdict, links, NotificationConfig(), slowdown=texts[0])
        bodies = (
            github_texts.issue_body(telling, action.incident),
            github_texts.issue_comment(telling, action.incident, note),
            github_texts.sticky_comment(telling),
        )
        for body in bodies:
            assert len(body) <= 65_536
            rendered = MARKDOWN.render(body)
            assert rendered.count("<!--") == 1  # our own marker, nobody else's
            assert set(re.findall(r"</?(\w+)", rendered)) <= ALLOWED_TAGS
            assert set(re.findall(r'href="([^"]*)"', rendered)) <= {"https://airflow.example/x"}
            assert not re.search(r"@[A-Za-z0-9]", re.sub(r"<code>.*?</code>", "", rendered, flags=re.DOTALL))  # no mention
        assert len(github_texts.issue_title(verdict, action.incident)) <= 256
        assert len(github_texts.status_description(verdict)) <= 140


@given(st.text())
def test_text_for_slack(text: str) -> None:
    assert literal(text) and "\n" not in literal(text)
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", mrkdwn(text))


def test_only_web_addresses_become_buttons() -> None:
    assert web_url("https://airflow.example/x?y=1#z") == "https://airflow.example/x?y=1#z"
    for bad in (
        None,
        "",
        "javascript:alert(1)",
        "https://a b",
        "https://a|b",
        "https://a>b",
        "file:///etc/passwd",
        "https://" + "x" * 4_000,
    ):
        assert web_url(bad) is None


@example("²")
@given(st.one_of(st.none(), st.text(max_size=40)))
def test_retry_after_takes_anything(value: str | None) -> None:
    seconds = retry_after_s(value)
    assert seconds is None or seconds >= 0


def test_retry_after_reads_numbers_and_dates() -> None:
    assert retry_after_s("30") == 30
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_s("soon") is None
