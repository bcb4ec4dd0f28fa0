"""Secrets in any common notation are masked; ordinary log lines stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.backend.logs import last_line, write_masked_log
from loadtest.masking import mask_secrets

SECRET = "s3cr3t-Value.42"
JWT = jwt.encode({"sub": "ada"}, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "authorization: Basic {}",
        '{{"Authorization": "Bearer {}", "a": 1}}',
        "{{'proxy-authorization': 'Digest username=x, response={}'}}",
        "curl -H 'Authorization: Token {}' http://x/",
        "Cookie: a=1; session={}; b=2",
        "Set-Cookie: sid={}; HttpOnly",
        "sent header bearer {}",
        "password={}",
        "PGPASSWORD={} psql",
        "password = '{}'",
        '"db_password": "{}"',
        r"body: {{\"password\": \"{}\", \"user\": \"x\"}}",
        "password: {}",
        "?token={}&page=2",
        "api_key={}",
        "X-API-Key: {}",
        "client_secret={}",
        "accessToken: {}",
        "AWS_SECRET_ACCESS_KEY={}",
        "refresh_token='{}",
        "postgresql://me:{}@db:5432/x",
        "postgresql+psycopg://me:p@ss{}@db/x",
        "redis://:{}@cache:6379/0",
        "https://hooks.slack.com/services/T000/B000/{}",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    masked = mask_secrets(text.format(SECRET))
    assert SECRET not in masked and "***" in masked


@pytest.mark.parametrize("token", [JWT, "ghp_" + "a1" * 18, "github_pat_" + "A1_" * 10, "xoxb-12345-abcdef", "AKIA" + "ABCD" * 4])
def test_tokens_are_masked_by_their_shape(token: str) -> None:
    assert mask_secrets(f"got {token}, stored") == "got ***, stored"


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/students?page=3 200 in 12 ms",
        "http://127.0.0.1:8000/health answered 503",
        "connecting to postgresql://me@db:5432/school",
        "Traceback (most recent call last):",
        "ValueError: invalid literal for int() with base 10: 'x'",
        "user ada@school.example signed in; 3 passwords expired",
        "basic functionality is ready",
        "2026-11-23 14:00:00,123 INFO token bucket refilled",
    ],
)
def test_ordinary_lines_are_left_alone(text: str) -> None:
    assert mask_secrets(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert mask_secrets(json.dumps({"password": SECRET, "user": "ada"})) == '{"password": ***, "user": "ada"}'
    assert mask_secrets(f"a?token={SECRET}&page=2") == "a?token=***&page=2"


pieces = st.sampled_from(
    [
        "password",
        "token",
        "=",
        ":",
        " ",
        '"',
        "'",
        "\\",
        "\n",
        "***",
        "://",
        "@",
        "Authorization",
        "Bearer",
        "abc",
        "{",
        "&",
        "eyJ",
    ]
)


@given(st.lists(pieces | st.text(max_size=8), max_size=30).map("".join))
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask_secrets(text)
    assert mask_secrets(once) == once


@given(st.text(st.characters(min_codepoint=48, max_codepoint=122, categories=["L", "N"]), min_size=8, max_size=40))
def test_no_value_after_a_secret_name_survives(value: str) -> None:
    unique = f"q{value}q"
    for text in (f"password={unique}", f'"token": "{unique}"', f"http://u:{unique}@h/", f"Authorization: Bearer {unique}"):
        assert unique not in mask_secrets(text)


@pytest.mark.parametrize(
    "piece", ["a", "password", "Authorization", "eyJ", "http://", "a:", "-----BEGIN PRIVATE KEY-----", "'", '"\\']
)
def test_hostile_text_is_masked_in_reasonable_time(piece: str) -> None:
    """The test's time limit is the check: a pattern that backtracks would take hours."""
    mask_secrets(piece * (1_000_000 // len(piece)))


def test_a_long_log_keeps_its_ends_in_whole_lines(tmp_path: Path) -> None:
    source, target = tmp_path / "a.log", tmp_path / "b.log"
    lines = [f"line {number:06d} password=hunter{number}" for number in range(50_000)]
    source.write_text("\n".join(lines) + "\n")
    write_masked_log(source, target, limit_bytes=10_000)
    kept = target.read_text().splitlines()
    assert kept[0] == "line 000000 password=***" and kept[-1] == "line 049999 password=***"
    assert sum("bytes left out" in line for line in kept) == 1 and target.stat().st_size < 10_200
    assert all(line == "" or line.endswith("password=***") or "left out" in line for line in kept)


def test_a_long_line_is_never_cut_in_the_middle_of_a_secret(tmp_path: Path) -> None:
    source, target = tmp_path / "a.log", tmp_path / "b.log"
    source.write_text("x" * 4_990 + "password=" + "hunter2" * 2_000)
    write_masked_log(source, target, limit_bytes=10_000)
    assert "hunter" not in target.read_text()


def test_a_short_log_is_kept_whole_and_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    source, target = tmp_path / "a.log", tmp_path / "b.log"
    source.write_bytes(b"caf\xe9 \x00 ok\n")
    write_masked_log(source, target)
    assert "ok" in target.read_text()


def test_the_last_line_is_masked_and_short(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert last_line(log) == ""
    log.write_text("first\ntoken=abc\n\n  \n")
    assert last_line(log) == "token=***"
    log.write_text("y" * 100_000)
    assert len(last_line(log)) == 300
