"""Recordings and crawls become scenarios: own host only, no secrets, paths of one kind together."""

from __future__ import annotations

import ast
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import ConfigurationError
from loadtest.scaffolding.crawl import crawl
from loadtest.scaffolding.har import read_har
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.postman import read_postman
from loadtest.scaffolding.recorded import Recorded, service_of


def har(*requests: dict[str, Any]) -> dict[str, Any]:
    return {"log": {"entries": [{"request": request} for request in requests]}}


def get(url: str, **more: Any) -> dict[str, Any]:
    return {"method": "GET", "url": url} | more


def test_a_har_s_requests_of_one_kind_are_one_task() -> None:
    data = har(
        get("http://shop.example/"),
        get("http://shop.example/items/17?full=1"),
        get("http://shop.example/items/18"),
        get("http://shop.example/app.css"),
        get("https://cdn.example/x"),
    )
    service = service_of(read_har(data, "x.har"), "shop", "x.har", None)
    assert [(call.endpoint, call.weight) for call in service.calls] == [("GET /", 1), ("GET /items/17", 2)]
    assert "another host" in str(service.left_out) and "cdn.example" in str(service.left_out)
    assert '["/items/17?full=1", "/items/18"]' in write_locustfile(service)


def test_secrets_of_a_recording_do_not_end_in_the_file() -> None:
    login = {
        "method": "POST",
        "url": "http://shop.example/login?api_key=hush1",
        "headers": [{"name": "Authorization", "value": "Bearer hush2"}, {"name": "Cookie", "value": "session=hush3"}],
        "postData": {"mimeType": "application/json", "text": json.dumps({"user": "ada", "password": "hush4"})},
    }
    form = {"method": "POST", "url": "http://shop.example/form", "postData": {"params": [{"name": "password", "value": "hush5"}]}}
    text = write_locustfile(service_of(read_har(har(login, form), "x.har"), "shop", "x.har", None))
    assert "hush" not in text
    assert '"user": "ada"' in text
    assert 'os.environ.get("SCENARIO_AUTHORIZATION", "")' in text


def test_a_postman_collection_with_folders_variables_and_logins() -> None:
    data = {
        "info": {"name": "Shop"},
        "auth": {"type": "bearer"},
        "variable": [{"key": "version", "value": "v2"}],
        "item": [
            {
                "name": "Items",
                "item": [
                    {
                        "name": "All items",
                        "request": {"method": "GET", "url": {"raw": "{{host}}/{{version}}/items?page={{page}}"}},
                    },
                    {"name": "One", "request": {"url": "{{host}}/{{version}}/items/:item_id", "auth": {"type": "noauth"}}},
                    {
                        "name": "Add",
                        "request": {
                            "method": "POST",
                            "url": "{{host}}/{{version}}/items",
                            "body": {"mode": "raw", "raw": '{"name": "x"}'},
                        },
                    },
                ],
            }
        ],
    }
    recorded = read_postman(data, "x.json", "http://127.0.0.1:9")
    service = service_of(recorded, "Shop", "x.json", "http://127.0.0.1:9")
    assert [call.endpoint for call in service.calls] == ["GET /v2/items", "GET /v2/items/1", "POST /v2/items"]
    assert [bool(call.credentials) for call in service.calls] == [True, False, True]
    assert service.calls[2].body is not None and service.calls[2].body.value == {"name": "x"}


@pytest.mark.parametrize("data", [{}, {"log": []}, {"log": {"entries": 3}}, {"item": []}, {"info": {}, "item": {}}])
def test_what_is_no_recording_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        read_har(data, "x")
    with pytest.raises(ConfigurationError):
        read_postman(data, "x", None)


@given(
    st.lists(
        st.builds(Recorded, st.sampled_from(["GET", "POST", "X"]), st.text().map("http://h/".__add__), st.text()), min_size=1
    )
)
def test_whatever_was_recorded_the_file_is_python(recorded: list[Recorded]) -> None:
    try:
        service = service_of(recorded, "x", "x", "http://h")
    except ConfigurationError:
        return
    ast.parse(write_locustfile(service))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([f"/packages/{letter}.whl" for letter in "abcdefghijkl"], ["GET /packages/{name}"]),
        ([f"/simple/{letter}/" for letter in "abcdefghijkl"], ["GET /simple/{name}/"]),
        ([f"/api/v2/{letter}" for letter in "abcdefghijkl"], [f"GET /api/v2/{letter}" for letter in "abcdefghijkl"]),
        ([f"/{letter}" for letter in "abcdefghijkl"], [f"GET /{letter}" for letter in "abcdefghijkl"]),
        (["/posts/new", "/posts/old"], ["GET /posts/new", "GET /posts/old"]),
    ],
)
def test_many_pages_side_by_side_are_one_endpoint(paths: list[str], expected: list[str]) -> None:
    recorded = [Recorded("GET", f"http://h{path}") for path in paths]
    assert [call.endpoint for call in service_of(recorded, "x", "x", "http://h").calls] == expected


@contextmanager
def serve_pages(answer: Callable[[str], tuple[int, str, str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, text = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


PAGES = {
    "/": (
        "text/html",
        "<title>The\n Shop</title>"
        '<a href="/posts">p</a><a href="/logout">o</a><a href="http://elsewhere.example/">e</a><a href="gone">g</a>',
    ),
    "/posts": ("application/json", json.dumps([{"id": n} for n in range(30)])),
    "/posts/3": ("application/json", '{"next": "/more"}'),
    "/more": ("text/plain", "the end"),
}


def test_a_crawl_follows_own_links_and_ids_and_ends() -> None:
    asked: list[str] = []

    def answer(path: str) -> tuple[int, str, str]:
        asked.append(path)
        found = PAGES.get("/posts/3" if path.startswith("/posts/") else path)
        return (200, *found) if found else (404, "text/plain", "")

    with serve_pages(answer) as url:
        found = crawl(url)
    paths = {request.url.removeprefix(url) for request in found}
    assert found[0].title == "The Shop"
    assert {"/", "/posts", "/more", "/posts/0"} <= paths
    assert "/logout" not in asked
    assert len([path for path in asked if path.startswith("/posts/")]) == 5
