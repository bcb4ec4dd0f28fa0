"""A document becomes requests that the document itself accepts."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from loadtest.errors import ConfigurationError
from loadtest.scaffolding.examples import Examples
from loadtest.scaffolding.locustfile import write_locustfile
from loadtest.scaffolding.openapi import read_service
from loadtest.scaffolding.schemas import Document
from loadtest.scaffolding.service import Pool
from tests.scaffolding.shop import shop

VERSIONS = pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])


@VERSIONS
def test_a_task_per_operation_with_its_weight(version: str) -> None:
    service = read_service(shop(version), "shop.yaml")
    weights = {call.task: call.weight for call in service.calls}
    assert weights == {
        "list_items": 3,
        "add_item": 1,
        "read_item": 4,
        "change_item": 1,
        "delete_item": 1,
        "search": 3,
        "read_shop": 4,
    }


def test_the_first_server_s_path_stands_before_each_path() -> None:
    calls = {call.task: call for call in read_service(shop(), "shop.yaml").calls}
    assert calls["list_items"].endpoint == "GET /api/v1/items"
    assert calls["read_item"].endpoint == "GET /api/v1/items/{itemId}"
    bare = {call.task: call for call in read_service(shop(), "shop.yaml", prefix=False).calls}
    assert bare["list_items"].endpoint == "GET /items"


def test_ids_come_from_the_list_that_names_them() -> None:
    service = read_service(shop(), "shop.yaml")
    assert service.pools == [Pool("item_ids", "id", ("items",), 100)]
    filling = [call.task for call in service.calls if call.fills]
    assert filling == ["list_items"]


def test_no_task_fills_a_list_of_ids_that_nothing_uses() -> None:
    """`self.item_ids` would not exist: users stopped in their first task, with an AttributeError."""
    service = read_service(shop(), "shop.yaml").without(lambda call: "not now" if "{itemId}" in call.endpoint else None)
    assert not service.pools and not any(call.fills for call in service.calls)
    assert "item_ids" not in write_locustfile(service)


@VERSIONS
def test_bodies_are_valid_where_the_document_s_example_is_not(version: str) -> None:
    service = read_service(shop(version), "shop.yaml")
    body = next(call.body for call in service.calls if call.task == "add_item")
    assert body is not None
    assert Document(shop(version)).accepts({"$ref": "#/components/schemas/NewItem"}, body.value)
    assert {"name", "price", "code", "contact"} <= body.value.keys()
    assert not {"serial", "parent"} & body.value.keys()


def test_required_parameters_are_sent_and_others_are_not() -> None:
    text = write_locustfile(read_service(shop(), "shop.yaml"))
    assert '"/api/v1/search?colors=red"' in text
    assert "page" not in text


def test_a_secret_is_a_variable() -> None:
    text = write_locustfile(read_service(shop(), "shop.yaml"))
    assert 'KEY = os.environ.get("SCENARIO_KEY", "")' in text
    assert 'self.key = {"X-Key": KEY}' in text


def test_only_some_paths_or_tags() -> None:
    service = read_service(shop(), "shop.yaml", only=("/items*",))
    assert {call.endpoint.split()[1] for call in service.calls} == {"/api/v1/items", "/api/v1/items/{itemId}"}
    with pytest.raises(ConfigurationError, match="No path or tag"):
        read_service(shop(), "shop.yaml", only=("/nothing",))


@pytest.mark.parametrize("data", [{"swagger": "1.2"}, {"openapi": 3}, {}, {"openapi": "4.0"}])
def test_what_is_no_openapi_3_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"versions 2\.0 \(Swagger\), 3\.0 and 3\.1 are read"):
        read_service(data, "x.yaml")


@pytest.mark.parametrize(
    "paths", [None, [], {}, {"/x": None}, {"/x": {"get": 3}}, {"/x": {"$ref": "other.yaml"}}, {"/x": {"parameters": {"a": 1}}}]
)
def test_a_document_without_requests_gives_an_example_to_change(paths: Any) -> None:
    service = read_service({"openapi": "3.1.0", "paths": paths}, "x.yaml")
    assert [call.endpoint for call in service.calls] == ["GET /"]
    ast.parse(write_locustfile(service))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "minimum": 7, "maximum": 9, "multipleOf": 4}, 8),
        ({"type": "number", "maximum": -2.5}, -2.5),
        ({"type": ["null", "string"], "format": "date"}, "2026-01-15"),
        ({"const": {"a": [1]}}, {"a": [1]}),
        ({"type": "array", "minItems": 2, "items": {"type": "boolean"}}, [True, True]),
        ({"oneOf": [{"type": "null"}, {"enum": ["b"]}]}, "b"),
        ({"type": "string", "pattern": "^(a+)+$", "maxLength": 3}, "a"),
        ({"$ref": "#/nowhere"}, "example"),
    ],
)
def test_examples_by_schema(schema: dict[str, Any], expected: Any) -> None:
    assert Examples(Document({"openapi": "3.1.0"})).of(schema, []) == expected


def test_circles_end() -> None:
    document = Document({"openapi": "3.1.0", "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c": {"allOf": [{"$ref": "#/c"}]}})
    assert document.resolved({"$ref": "#/a"}) == {}
    assert isinstance(document.merged({"$ref": "#/c"}), dict)
    tree = {"type": "object", "required": ["child"], "properties": {"child": {"$ref": "#/tree"}}}
    assert isinstance(Examples(Document({"openapi": "3.0.0", "tree": tree})).of(tree, []), dict)
