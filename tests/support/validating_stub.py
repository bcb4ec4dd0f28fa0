"""A service that is nothing but its OpenAPI document: it checks each request by openapi-core and answers by schema.

Test code of a library's making judges what our scaffolding writes: none of the product's own reading is used for the check.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from werkzeug.datastructures import Headers, ImmutableMultiDict

from loadtest.scaffolding.answers import answer_schema
from loadtest.scaffolding.examples import Examples
from loadtest.scaffolding.schemas import Document

# What is judged is the request, not the document: its own flaws pass. A `uri` in a parameter is text to openapi-core's casts.
LENIENT = Config(spec_validator_cls=None, extra_format_unmarshallers=dict.fromkeys(("uri", "url", "iri", "uri-reference"), str))


class _Request:
    def __init__(self, host: str, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urlsplit(handler.path)
        pairs = [(key, value) for key, values in parse_qs(parts.query, keep_blank_values=True).items() for value in values]
        cookies = dict(pair.strip().split("=", 1) for pair in (handler.headers.get("Cookie") or "").split(";") if "=" in pair)
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(pairs), header=Headers(list(handler.headers.items())), cookie=ImmutableMultiDict(cookies)
        )
        self.host_url = host
        self.path = parts.path
        self.method = handler.command.lower()
        self.body = body or None
        self.content_type = handler.headers.get("Content-Type", "")


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up at the end of a load are no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


class ValidatingStub:
    """with ValidatingStub(document) as stub: ...; then `stub.accepted`, `stub.refused` by endpoint, `stub.reasons`."""

    def __init__(self, data: dict[str, Any], base_path: str = "") -> None:
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self._document = Document(data)
        self._examples = Examples(self._document)
        self._answers: dict[str, bytes] = {}
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._paths = _as_openapi_core_reads_them(data.get("paths") or {}, self.url)
        described = data | {"paths": self._paths, "servers": [{"url": self.url + base_path}]}
        self._openapi = OpenAPI.from_dict(described, config=LENIENT)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def share_accepted(self, method: str) -> float:
        good = sum(count for name, count in self.accepted.items() if name.startswith(method))
        bad = sum(count for name, count in self.refused.items() if name.startswith(method))
        return good / (good + bad)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = stub.judge(self, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def judge(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        request = _Request(self.url, handler, body)
        with self._lock:
            name = f"{handler.command} {request.path}"
            try:
                result = self._openapi.unmarshal_request(request)
                errors = list(result.errors)
            except PathError as error:
                errors = [error]
            if errors:
                self.refused[name] += 1
                self.reasons[name] = "; ".join(repr(error.__cause__ or error)[:300] for error in errors)
                return 400, b"{}"
            self.accepted[name] += 1
            return 200, self._answer(request)

    def _answer(self, request: Any) -> bytes:
        found = APICallPathFinder(self._openapi.spec).find(request.method, self.url + request.path)
        key = f"{request.method} {found.path_result.pattern}"
        if key not in self._answers:
            node = self._paths[found.path_result.pattern]
            schema = answer_schema(self._document, self._document.resolved(node)[request.method])
            self._answers[key] = json.dumps(self._examples.of(schema, [])).encode() if schema is not None else b"{}"
        return self._answers[key]


def _as_openapi_core_reads_them(paths: dict[str, Any], url: str) -> dict[str, Any]:
    """It fails on label and matrix parameters, so only their form is checked; what no client sends, a fragment, is cut; servers
    of single operations are on this host as well."""
    readable: dict[str, Any] = {}
    for path, item in paths.items():
        item = {key: _with_simple_parameters(node, url) if isinstance(node, dict) else node for key, node in item.items()}
        item = _served_here(item, url)
        readable.setdefault(path.partition("#")[0], item)
    return readable


def _served_here(node: dict[str, Any], url: str) -> dict[str, Any]:
    servers = [{"url": url + urlsplit(server["url"]).path.rstrip("/")} for server in node.get("servers", ())]
    return node | ({"servers": servers} if servers else {})


def _with_simple_parameters(operation: dict[str, Any], url: str) -> dict[str, Any]:
    forms = {"label": r"^\.", "matrix": "^;"}
    parameters = [
        {key: parameter[key] for key in ("name", "in", "required")} | {"schema": {"type": "string", "pattern": form}}
        if (form := forms.get(parameter.get("style", "")))
        else parameter
        for parameter in operation.get("parameters", ())
    ]
    return _served_here(operation | ({"parameters": parameters} if parameters else {}), url)
