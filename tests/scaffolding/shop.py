"""A document of a shop: references, allOf, oneOf, a circle, a login, lists that name ids; as 3.0 and as 3.1."""

from __future__ import annotations

from typing import Any


def _ok(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def shop(version: str = "3.0.3") -> dict[str, Any]:
    is_30 = version.startswith("3.0")
    note = {"type": "string", "nullable": True} if is_30 else {"type": ["string", "null"]}
    price = {"type": "number", "minimum": 0, "exclusiveMinimum": True} if is_30 else {"type": "number", "exclusiveMinimum": 0}
    item_id = {"name": "itemId", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 100}}
    colors = {"name": "colors", "in": "query", "required": True, "schema": {"type": "array", "items": {"enum": ["red", "blue"]}}}
    page = {"name": "page", "in": "query", "schema": {"type": "integer"}}
    body = {"required": True, "content": {"application/json": {"schema": _reference("NewItem")}}}
    items = {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": _reference("Item")}}}
    return {
        "openapi": version,
        "info": {"title": "Corner Shop API", "version": "1"},
        "servers": [{"url": "https://shop.example/api/{stage}", "variables": {"stage": {"default": "v1"}}}],
        "security": [{"key": []}],
        "paths": {
            "/items": {
                "get": {"operationId": "listItems", "summary": "All items", "parameters": [page], "responses": _ok(items)},
                "post": {"operationId": "addItem", "requestBody": body, "responses": _ok(_reference("Item"))},
            },
            "/items/{itemId}": {
                "parameters": [item_id],
                "get": {"operationId": "readItem", "responses": _ok(_reference("Item"))},
                "put": {"operationId": "changeItem", "requestBody": body, "responses": _ok(_reference("Item"))},
                "delete": {"operationId": "deleteItem", "responses": {"204": {"description": "gone"}}},
            },
            "/search": {"get": {"operationId": "search", "parameters": [colors], "responses": _ok(items), "security": []}},
            "/shops/{shop}": {
                "get": {
                    "operationId": "readShop",
                    "parameters": [{"name": "shop", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "responses": _ok({"type": "object"}),
                }
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
            "schemas": {
                "Item": {"allOf": [_reference("NewItem"), {"type": "object", "properties": {"id": {"type": "integer"}}}]},
                "NewItem": {
                    "type": "object",
                    "required": ["name", "price", "code", "contact"],
                    "additionalProperties": True,
                    "properties": {
                        "name": {"type": "string", "minLength": 3, "maxLength": 5, "example": "far too long to be valid"},
                        "price": price,
                        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
                        "note": note,
                        "contact": {"oneOf": [_reference("Mail"), {"type": "object", "required": ["phone"]}]},
                        "parent": _reference("NewItem"),
                        "serial": {"type": "integer", "readOnly": True},
                    },
                },
                "Mail": {
                    "type": "object",
                    "required": ["address"],
                    "properties": {"address": {"type": "string", "format": "email"}},
                },
            },
        },
    }
