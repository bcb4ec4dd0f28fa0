"""The ways to a service as an environment's file gives them: health check, headers, TLS."""

from __future__ import annotations

import pytest
import yaml

from loadtest.errors import ConfigurationError
from loadtest.masking import mask_known
from loadtest.planning.access import HealthCheck
from loadtest.planning.config import load_environment
from loadtest.planning.models import Environment
from loadtest.planning.references import filled, provide
from loadtest.settings import Settings
from tests.support.guarded_service import make_certificate


def environment(config: Settings, **keys: object) -> Environment:
    file = config.environments / "mine.yaml"
    file.write_text(yaml.safe_dump({"base_url": "https://127.0.0.1:9"} | keys))
    return load_environment(config, "mine")


def refused(config: Settings, **keys: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        environment(config, **keys)
    return str(caught.value)


@pytest.mark.parametrize(
    ("keys", "check"),
    [
        ({}, HealthCheck()),
        ({"health": "/up"}, HealthCheck(path="/up")),
        ({"health_path": "/up"}, HealthCheck(path="/up")),  # as files and plans had it before
        ({"health": {"path": "/up", "status": 204, "timeout": "500ms"}}, HealthCheck(path="/up", status=204, timeout_s=0.5)),
        ({"health": "none"}, None),
    ],
)
def test_a_health_check_is_a_path_a_mapping_or_none(config: Settings, keys: dict[str, object], check: HealthCheck | None) -> None:
    found = environment(config, **keys)
    assert found.health == check
    assert Environment.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"health": "up"}, "health: this must begin with /"),
        ({"health": {"path": "up"}}, "health.path: this must begin with /"),
        ({"health": "/a", "health_path": "/b"}, "health_path: unknown key"),
        ({"health": {"timeout": "2 weeks"}}, "health.timeout: a duration is"),
        ({"headers": {"Authorization": "Bearer abc"}}, "Authorization carries a secret, which belongs in no file"),
        ({"headers": {"X-Api-Key": "abc"}}, "X-Api-Key carries a secret"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "one line of ASCII"),
        ({"headers": {"X A": "a"}}, "is no name of a header"),
        ({"headers": {"Content-Length": "3"}}, "each request makes its own"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "stands here twice"),
        ({"headers": {"X-A": "${conn.shop}"}}, "write ${NAME} for a variable"),
        ({"tls": {"ca_file": "nowhere.pem"}}, "tls.ca_file: there is no file"),
        ({"tls": {"ca_file": "include/environments/mine.yaml"}}, "give a certificate in PEM form"),
        ({"tls": {"key_file": "a.key"}}, "name its cert_file too"),
        ({"tls": {"ca_file": "a.pem", "verify": False}}, "no authority is asked"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence(config: Settings, keys: dict[str, object], words: str) -> None:
    sentence = refused(config, **keys)
    assert words in sentence and "\n" not in sentence and "mine.yaml" in sentence
    assert "abc" not in sentence, "a secret that stands in a file is not told on"


def test_the_files_of_tls_are_found_from_the_project(config: Settings) -> None:
    certificate, key = make_certificate(config.home / "certificates", "ours")
    tls = {"ca_file": "certificates/ours.crt", "cert_file": "certificates/ours.crt", "key_file": "certificates/ours.key"}
    found = environment(config, tls=tls).tls
    assert found is not None and (found.ca_file, found.cert_file, found.key_file) == (*[str(certificate)] * 2, str(key))
    assert "give a certificate in PEM form" in refused(config, tls={"cert_file": "certificates/ours.crt"})  # its key is elsewhere


def test_what_a_reference_names_is_filled_in_and_masked_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_LOGIN", "canary-login-1-y")
    assert filled("Basic ${MY_LOGIN}; {port} $MY_LOGIN", "It") == "Basic canary-login-1-y; {port} $MY_LOGIN"
    assert mask_known("it said canary-login-1-y!") == "it said ***!"
    monkeypatch.delenv("MY_LOGIN")
    with pytest.raises(ConfigurationError, match=r"^It needs the environment variable MY_LOGIN, which is not set\.$"):
        filled("${MY_LOGIN}", "It")


def test_a_connection_is_looked_up_once_and_a_variable_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_CONN_MY_SHOP_LOGIN", "canary-login-2-y")
    monkeypatch.delenv("LOADTEST_CONN_MY_SHOP_PASSWORD", raising=False)
    asked = []

    def lookup(connection: str, field: str) -> str | None:
        asked.append((connection, field))
        return "canary-password-2-y" if field == "password" else None

    text = "${conn.my-shop.login}:${conn.my-shop.password}"
    provide([text, text], lookup)
    assert asked == [("my-shop", "password")]
    assert filled(text, "It") == "canary-login-2-y:canary-password-2-y"
    monkeypatch.setenv("LOADTEST_CONN_MY_SHOP_PASSWORD", "")  # so that monkeypatch takes it out again
