"""What is known to be a secret is masked by its value, in every spelling, in everything that is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.files import private_folder, write_text
from loadtest.masking import known_secrets, mask_known, mask_secrets

VALUE = 'Tr0ub4dor&3 "x"/y'


@pytest.mark.parametrize("name", ["SCENARIO_ANYTHING", "DB_PASSWORD", "AIRFLOW__CORE__FERNET_KEY", "GITHUB_TOKEN", "MY_DSN"])
def test_the_value_of_a_secret_variable_is_masked_wherever_it_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, VALUE)
    spellings = ("Tr0ub4dor%263+%22x%22%2Fy", "Tr0ub4dor&amp;3 &quot;x&quot;/y")
    for text in (f"expected {VALUE}.", json.dumps({"a": VALUE}), *spellings):
        assert "Tr0ub" not in mask_known(text)


def test_passwords_inside_of_urls_and_connections_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_URL", "postgresql://me:p%40ss-word-1@db/x")
    monkeypatch.setenv("AIRFLOW_CONN_X", '{"host": "h", "password": "deep-secret-2", "extra": {"api_token": "deep-secret-3"}}')
    assert {"p@ss-word-1", "deep-secret-2", "deep-secret-3"} <= set(known_secrets())


@pytest.mark.parametrize("value", ["student", "12345", "/etc/ssl/certs", "https://staging.example.com", "abc"])
def test_everyday_values_are_left_alone_since_endpoints_hold_them(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENARIO_X", value)
    assert mask_known(f"GET /api/{value}s 12345") == f"GET /api/{value}s 12345"


def test_a_file_is_written_without_what_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCENARIO_TOKEN", VALUE)
    write_text(tmp_path / "a.json", json.dumps({"error": f"wrong {VALUE}"}))
    assert json.loads((tmp_path / "a.json").read_text()) == {"error": "wrong ***"}


def test_masking_twice_changes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENARIO_TOKEN", VALUE)
    once = mask_secrets(f"token={VALUE} password=hunter22")
    assert mask_secrets(once) == once


def test_a_folder_of_ours_is_for_its_owner_only(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / ".loadtest").mkdir(mode=0o755)
    assert private_folder(tmp_path / ".loadtest").stat().st_mode & 0o777 == 0o700
    (tmp_path / "somebodys").mkdir(mode=0o755)
    assert private_folder(tmp_path / "somebodys").stat().st_mode & 0o777 == 0o755
