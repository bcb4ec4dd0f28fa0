"""Swagger 2.0 and documents in several files: what `loadtest init` makes of them is what OpenAPI 3 would have said."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from loadtest.errors import ConfigurationError
from loadtest.scaffolding.documents import read_document
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.openapi import read_service
from loadtest.scaffolding.references import with_other_documents
from loadtest.scaffolding.swagger import openapi_of
from tests.support.http_server import counting_server


def shop() -> dict[str, Any]:
    item = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "x-nullable": True}}}
    colors = {"name": "colors", "in": "query", "required": True, "type": "array", "items": {"type": "string", "enum": ["red"]}}
    photo = [
        {"name": "title", "in": "formData", "type": "string", "required": True},
        {"name": "photo", "in": "formData", "type": "file"},
    ]
    new = {"name": "item", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Item"}}
    listed = {"200": {"description": "", "schema": {"type": "array", "items": {"$ref": "#/definitions/Item"}}}}
    done = {"201": {"description": ""}}
    return {
        "swagger": "2.0",
        "info": {"title": "Shop", "version": "1"},
        "host": "shop.example",
        "basePath": "/v2/",
        "schemes": ["http", "https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "definitions": {"Item": item},
        "parameters": {"id": {"name": "id", "in": "path", "required": True, "type": "integer", "minimum": 7}},
        "securityDefinitions": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "login": {"type": "basic"},
            "oauth": {"type": "oauth2", "flow": "application", "tokenUrl": "https://shop.example/token", "scopes": {"all": "x"}},
        },
        "paths": {
            "/items": {
                "get": {"parameters": [colors | {"collectionFormat": "multi"}], "responses": listed, "security": [{"key": []}]},
                "post": {"parameters": [new], "responses": done},
            },
            "/items/{id}": {"parameters": [{"$ref": "#/parameters/id"}], "get": {"responses": listed}},
            "/photos": {"post": {"parameters": photo, "responses": done, "consumes": ["multipart/form-data"]}},
        },
    }


def test_the_converted_document_is_a_valid_one_of_version_3() -> None:
    converted = openapi_of(shop())
    assert list(OpenAPIV30SpecValidator(converted).iter_errors()) == []
    assert converted["servers"] == [{"url": "http://shop.example/v2"}, {"url": "https://shop.example/v2"}]
    assert converted["components"]["schemas"]["Item"]["properties"]["name"] == {"type": "string", "nullable": True}
    assert converted["components"]["securitySchemes"]["oauth"]["flows"].keys() == {"clientCredentials"}


def test_requests_have_their_parameters_bodies_and_keys() -> None:
    service = read_service(shop(), "swagger.json")
    calls = {call.endpoint: call for call in service.calls}
    assert calls.keys() == {"GET /v2/items", "POST /v2/items", "GET /v2/items/{id}", "POST /v2/photos"}
    assert calls["POST /v2/items"].body.content_type == "application/json"
    assert "multipart" in calls["POST /v2/photos"].body.content_type
    text = write_locustfile(service)
    ast.parse(text)
    assert "/v2/items?colors=red" in text
    assert '"X-Key"' in text


@pytest.mark.parametrize(
    "damage", [{"paths": {"/x": {"get": {"parameters": 3, "responses": []}}}}, {"definitions": 4}, {"paths": []}]
)
def test_a_damaged_document_is_read_as_far_as_it_goes(damage: dict[str, Any]) -> None:
    ast.parse(write_locustfile(read_service(shop() | damage, "swagger.json")))


def in_several_files(folder: Path, *, item: str = "common/item.json#/Item") -> Path:
    """`/items` is described in `paths/items.json`, which refers to `common/item.json`, which refers to itself and back."""
    (folder / "paths").mkdir(parents=True)
    (folder / "common").mkdir()
    main = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "paths": {"/items": {"$ref": "paths/items.json"}}}
    main["components"] = {"schemas": {"Color": {"type": "string", "enum": ["red"]}}}
    content = {"application/json": {"schema": {"$ref": f"../{item}"}}}
    items = {"post": {"requestBody": {"content": content, "required": True}, "responses": {"200": {"description": ""}}}}
    color = {"$ref": "../openapi.json#/components/schemas/Color"}
    properties = {"color": color, "parts": {"type": "array", "items": {"$ref": "#/Part"}}}
    shared = {"Item": {"type": "object", "required": ["color", "parts"], "properties": properties}, "Part": {"enum": [7]}}
    for name, data in (("openapi.json", main), ("paths/items.json", items), ("common/item.json", shared)):
        (folder / name).write_text(json.dumps(data))
    return folder / "openapi.json"


def test_files_beside_the_document_are_read_and_refer_to_each_other(tmp_path: Path) -> None:
    source = str(in_several_files(tmp_path))
    whole, note = with_other_documents(read_document(source), source)
    assert note == ""
    (call,) = read_service(whole, source).calls
    assert call.body.value["color"] == "red"
    assert set(call.body.value["parts"]) <= {7}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("common/missing.json#/Item", "refers to ../common/missing.json, which cannot be used:"),
        ("../../../../../../etc/passwd", "which lies outside of its folder; put it below"),
    ],
)
def test_a_file_that_is_missing_or_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str, words: str
) -> None:
    source = str(in_several_files(tmp_path / "a/b", item=item))
    monkeypatch.chdir(tmp_path / "a/b")
    with pytest.raises(ConfigurationError) as refused:
        with_other_documents(read_document(source), source)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_addresses_are_read_only_when_asked(tmp_path: Path) -> None:
    with counting_server() as server:
        server.control.body = json.dumps({"Item": {"enum": ["from afar"]}}).encode()
        reference = {"$ref": f"{server.base_url}/schemas.json#/Item"}
        content = {"application/json": {"schema": reference}}
        post = {"requestBody": {"content": content, "required": True}, "responses": {"200": {"description": ""}}}
        data = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "paths": {"/x": {"post": post}}}
        source = str(tmp_path / "openapi.json")
        whole, note = with_other_documents(data, source)
        assert server.total == 0
        assert "1 document at other addresses was not read" in note
        assert "--follow-references" in note
        read_service(whole, source)
        whole, note = with_other_documents(data, source, follow_addresses=True)
        assert (server.total, note) == (1, "")
        (call,) = read_service(whole, source).calls
        assert call.body.value == "from afar"
