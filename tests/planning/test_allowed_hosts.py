"""Hosts beside the service, as an environment names them."""

import pytest
from pydantic import ValidationError

from loadtest.planning.allowed_hosts import origins_of
from loadtest.planning.models import Environment


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("Login.example.com", {("http", "login.example.com", 80), ("https", "login.example.com", 443)}),
        ("https://login.example.com", {("https", "login.example.com", 443)}),
        ("http://127.0.0.1:9000", {("http", "127.0.0.1", 9000)}),
        ("cdn:8443", {("http", "cdn", 8443), ("https", "cdn", 8443)}),
    ],
)
def test_a_host_or_an_address_is_what_may_be_called(host: str, origins: set[tuple[str, str, int]]) -> None:
    assert set(origins_of([host])) == origins


@pytest.mark.parametrize(
    "host", ["", "*", "*.example.com", "https://a/b", "ftp://a", "https://user:pw@a", "a b", "a:port", "a:999999"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match=r"give a host such as login\.example\.com"):
        Environment(name="x", base_url="http://service", allowed_hosts=[host])
