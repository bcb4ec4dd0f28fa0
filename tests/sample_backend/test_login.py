"""Signing in, refreshing, signing out."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from tests.sample_backend.running import PASSWORD

AUTH = "/api/v1/auth"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def sign_in(http: httpx.Client, email: str = "teacher2@school.example", password: str = PASSWORD) -> httpx.Response:
    return http.post(f"{AUTH}/login", json={"email": email, "password": password})


def test_wrong_password_and_unknown_account_are_told_apart_by_nobody(http: httpx.Client) -> None:
    wrong, unknown = sign_in(http, password="guess"), sign_in(http, email="nobody@school.example")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


@pytest.mark.parametrize("path", ["students", "courses/1", "grades", "analytics/dashboard"])
def test_everything_else_needs_a_token(base_url: str, path: str) -> None:
    answer = httpx.get(f"{base_url}/api/v1/{path}", trust_env=False)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_forged_tokens_are_refused(http: httpx.Client) -> None:
    token = sign_in(http).json()["access_token"]
    header, claims, signature = token.split(".")
    other = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    for forged in (f"{header}.{claims}.{signature[::-1]}", f"{other}.{claims}.", "rubbish", token[:-4]):
        assert http.get("/api/v1/students", headers=bearer(forged)).status_code == 401


def test_logout_ends_the_session_at_once(http: httpx.Client) -> None:
    tokens = sign_in(http).json()
    assert http.get("/api/v1/students/1", headers=bearer(tokens["access_token"])).status_code == 200
    assert http.post(f"{AUTH}/logout", headers=bearer(tokens["access_token"])).status_code == 204
    assert http.get("/api/v1/students/1", headers=bearer(tokens["access_token"])).status_code == 401
    assert http.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    assert http.get("/api/v1/students/1").status_code == 200  # somebody else's session


def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(http: httpx.Client) -> None:
    first = sign_in(http).json()
    second = http.post(f"{AUTH}/refresh", json={"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    assert http.get("/api/v1/students/1", headers=bearer(second.json()["access_token"])).status_code == 200
    assert http.post(f"{AUTH}/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401
    assert http.get("/api/v1/students/1", headers=bearer(second.json()["access_token"])).status_code == 401


def test_a_refresh_token_is_no_access_token_and_the_reverse(http: httpx.Client) -> None:
    tokens = sign_in(http).json()
    assert http.get("/api/v1/students/1", headers=bearer(tokens["refresh_token"])).status_code == 401
    assert http.post(f"{AUTH}/refresh", json={"refresh_token": tokens["access_token"]}).status_code == 401
