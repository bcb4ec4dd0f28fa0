"""Documents of many makers: the file that is written from each runs in Locust, and a service that is the document accepts it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from geventhttpclient.useragent import _encode_multipart_formdata

from loadtest.scaffolding.documents import read_document
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.openapi import read_service
from tests.scaffolding.shop import shop
from tests.support.document_trial import Tried, try_document

ROOT = Path(__file__).resolve().parents[2]
LEAST_ACCEPTED = 0.95


def public_documents() -> list[Path]:
    """Documents that others wrote lie beside the checkout where somebody collected them; Airflow's own is always there."""
    folders = [parent / "shared" / "data" / "openapi" for parent in ROOT.parents]
    collected = [path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in (".json", ".yaml")]
    airflow = importlib.util.find_spec("airflow")
    assert airflow is not None and airflow.submodule_search_locations
    folder = Path(airflow.submodule_search_locations[0]) / "api_fastapi" / "core_api" / "openapi"
    return [*collected, folder / "v2-rest-api-generated.yaml"]


def require_accepted(tried: Tried) -> None:
    assert tried.is_loaded, tried.problem
    assert tried.share_accepted is None or tried.share_accepted >= LEAST_ACCEPTED, tried.problem


@pytest.mark.slow
@pytest.mark.parametrize("path", public_documents(), ids=lambda path: path.name)
def test_reads_of_public_documents_are_accepted(path: Path) -> None:
    data = read_document(str(path))
    if not data.get("paths"):
        pytest.skip("it describes no requests")
    require_accepted(try_document(data, str(path), seconds=3))


@pytest.mark.slow
@pytest.mark.parametrize("path", public_documents(), ids=lambda path: path.name)
def test_with_writes_each_file_runs(path: Path) -> None:
    tried = try_document(read_document(str(path)), str(path), seconds=3, writes=True)
    assert tried.is_loaded, tried.problem
    assert tried.accepted or not tried.refused or not read_document(str(path)).get("paths"), tried.problem


def fastapi_document() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "include"))
    try:
        from sample_backend.app import create_app
        from sample_backend.database import Database

        return create_app(Database("sqlite://")).openapi()
    finally:
        sys.path.remove(str(ROOT / "include"))


def awkward() -> dict[str, Any]:
    """3.1 without servers: a circle through anyOf, null types, a path with two values in a segment, an object in the query, an
    operation with a server of its own and one of another host."""
    node = {"type": ["object", "null"], "properties": {"id": {"type": "string"}, "child": {"$ref": "#/components/schemas/Node"}}}
    ok = {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Nodes"}}}}}
    query = [
        {
            "name": "filter",
            "in": "query",
            "required": True,
            "style": "deepObject",
            "explode": True,
            "schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 3}}},
        },
        {
            "name": "at",
            "in": "query",
            "required": True,
            "schema": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
        },
    ]
    corners = [{"name": name, "in": "path", "required": True, "schema": {"type": "integer"}} for name in ("x", "y")]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tiles", "version": "1"},
        "paths": {
            "/nodes": {"get": {"parameters": query, "responses": ok}},
            "/tiles/{x},{y}.png": {"get": {"parameters": corners, "responses": ok}},
            "/v2": {"servers": [{"url": "/beta/"}], "get": {"responses": ok}},
            "/upload": {"get": {"servers": [{"url": "https://upload.example/"}], "responses": ok}},
        },
        "components": {
            "schemas": {
                "Node": {"anyOf": [node, {"$ref": "#/components/schemas/Node"}]},
                "Nodes": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            }
        },
    }


@pytest.mark.parametrize(
    "data", [shop("3.0.3"), shop("3.1.0"), awkward(), fastapi_document()], ids=["3.0", "3.1", "awkward", "fastapi"]
)
def test_what_a_document_becomes_is_accepted(data: dict[str, Any]) -> None:
    tried = try_document(data, "x.json", seconds=2)
    require_accepted(tried)
    assert tried.accepted


def test_an_operation_may_have_a_server_of_its_own() -> None:
    service = read_service(awkward(), "x.json")
    assert "GET /beta/v2" in [call.endpoint for call in service.calls]
    assert [(one.endpoint, one.reason) for one in service.left_out] == [("GET /upload", "it is on another host, upload.example")]


def test_fields_of_a_multipart_form_are_fields_and_files_are_files() -> None:
    schema = {
        "type": "object",
        "required": ["title", "tags", "photo"],
        "properties": {
            "title": {"type": "string"},
            "tags": {"type": "array", "minItems": 2, "items": {"enum": ["a"]}},
            "photo": {"type": "string", "format": "binary"},
        },
    }
    operation = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
    text = write_locustfile(read_service({"openapi": "3.0.0", "paths": {"/x": {"post": operation}}}, "x.json"))
    sent = next(node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.keyword) and node.arg == "files")
    body, content_type = _encode_multipart_formdata(ast.literal_eval(sent), None)
    form = message_from_string(f"Content-Type: {content_type}\n\n{body.decode()}").get_payload()
    parts = [(part["Content-Disposition"], part.get_payload()) for part in form if isinstance(part, Message)]
    assert parts == [
        ('form-data; name="title"', "title"),
        ('form-data; name="tags"', "a"),
        ('form-data; name="tags"', "a"),
        ('form-data; name="photo"; filename="photo"', "example"),
    ]
